package session

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/outbound"
	"github.com/bezoar-auth/bezoar/protocol/profile"
	"github.com/bezoar-auth/bezoar/store/accountjson"
	"github.com/bezoar-auth/bezoar/store/authjson"
	"github.com/bezoar-auth/bezoar/store/bounded"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/fallback"
	"github.com/bezoar-auth/bezoar/store/file"
	"github.com/bezoar-auth/bezoar/store/keyring"
	"github.com/bezoar-auth/bezoar/store/memory"
	"github.com/bezoar-auth/bezoar/store/record"
)

// Load is the configuration. It makes the default home on first use, and no other.
func Load(settings config.Flags, getenv func(string) string) (config.Config, error) {
	loaded, err := config.Load(settings, getenv)
	missing, ok := errors.AsType[*config.HomeError](err)
	if !ok || missing.Source != config.DefaultHome || !errors.Is(err, fs.ErrNotExist) {
		return loaded, err
	}
	if err := os.MkdirAll(missing.Path, 0o700); err != nil {
		return loaded, &config.HomeError{Path: missing.Path, Source: missing.Source, Err: fmt.Errorf("it is missing and cannot be made: %w", err)}
	}
	return config.Load(settings, getenv)
}

// Peek is the configuration for commands that only read. It makes no home; noHome is true
// if the default one is not there.
func Peek(settings config.Flags, getenv func(string) string) (c config.Config, noHome bool, err error) {
	c, err = config.Load(settings, getenv)
	missing, ok := errors.AsType[*config.HomeError](err)
	if !ok {
		return c, false, err
	}
	if isNoAccount := settings.Account == "" && getenv("BEZOAR_ACCOUNT") == ""; isNoAccount && missing.Source == config.DefaultHome && errors.Is(err, fs.ErrNotExist) {
		if setting, ok := errors.AsType[*config.SettingError](err); ok {
			return c, false, setting
		}
		return config.Config{Root: missing.Path, Home: missing.Path}, true, nil
	}
	return c, false, cli.Exit(cli.ExitOperator, err)
}

// PeekHome is Peek for the home itself, whatever account a setting names.
func PeekHome(settings config.Flags, getenv func(string) string) (c config.Config, noHome bool, err error) {
	settings.Account = ""
	return Peek(settings, func(name string) string {
		if name == "BEZOAR_ACCOUNT" {
			return ""
		}
		return getenv(name)
	})
}

// NewLog is the log on standard error, from a level on. It never blocks, and is
// drained when the command ends.
func NewLog(env cli.Environment, c config.Config, from slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: from}
	if c.LogJSON {
		return slog.New(slog.NewJSONHandler(env.Log, options))
	}
	return slog.New(slog.NewTextHandler(env.Log, options))
}

// NewIssuer is the client of the issuer.
func NewIssuer(c config.Config, getenv func(string) string, log *slog.Logger) *oauth.Client {
	options := oauth.Options{Profile: ProfileOf(c), Rules: RulesOf(c), Log: log, Secret: clientSecret(c.Profile.Secret, getenv)}
	if c.Resource != "" && c.Profile.Secret.IsNone() && c.Profile.AuthMethod != profile.AuthNone {
		options.Secret = registeredSecret(c.Home)
	}
	if !c.IsCodex() {
		options.Endpoints, options.SendsIss = EndpointsOf(c), metadataOf(c).SendsIss
	}
	if path := c.CACertificatePath; path != "" {
		options.Authorities = func() ([]byte, error) {
			certificates, _, err := disk.Here.Read(path, certificatesLimitBytes)
			return certificates, err
		}
	}
	return oauth.New(options)
}

// ProfileOf is the profile of the account, or that of Codex as the settings have changed
// it.
func ProfileOf(c config.Config) profile.Profile {
	if !c.IsCodex() {
		return c.Profile
	}
	p := profile.CodexAt(c.Issuer)
	p.ClientID = cmp.Or(c.LoginClientID, p.ClientID)
	p.Endpoints.Revocation = c.RevocationURL
	return p
}

// certificatesLimitBytes is many times the size of all authorities of a system.
const certificatesLimitBytes = 16 << 20

// RulesOf are the rules for calls to other machines.
func RulesOf(c config.Config) outbound.Rules { return outbound.Rules{AllowPlainHTTP: c.AllowPlainHTTP} }

// issuerOf is the issuer of logins that do not name theirs.
func issuerOf(c config.Config) machine.Issuer {
	if !c.IsCodex() {
		return machine.Issuer{TokenEndpoint: EndpointsOf(c).Token, ClientID: c.Profile.ClientID}
	}
	return machine.Issuer{TokenEndpoint: c.TokenURL, ClientID: oauth.DefaultClientID}
}

// PolicyOf is the policy of the machine.
func PolicyOf(c config.Config) machine.Policy {
	if !c.IsCodex() {
		return accountPolicy(c)
	}
	return machine.Policy{
		Issuer: issuerOf(c), RefreshFloor: c.RefreshFloor, BackoffOff: c.NoRefreshBackoff,
		Restriction: c.Restriction, EndpointOverridden: c.TokenURLOverridden, Claims: chatgpt.Claims,
	}
}

// EngineOptions are the options of an engine on the home.
func EngineOptions(c config.Config, issuer engine.AuthorizationServer, log *slog.Logger) engine.Options {
	return engine.Options{
		Policy: PolicyOf(c),
		Store:  bounded.NewStore(StoreOf(c, fallback.Options{Log: log})), Ledger: bounded.NewLedger(LedgerOf(c, log)), AuthorizationServer: issuer,
		Deadline: c.RefreshDeadline, Log: log, ProcessID: os.Getpid(),
	}
}

// LedgerOf is the ledger of the login. It is in the home, also if a keyring has the
// login; in memory only if the login is.
func LedgerOf(c config.Config, log *slog.Logger) persist.Ledger {
	if c.CredentialStore == config.Ephemeral {
		return memory.NewLedger(issuerOf(c)).Process(os.Getpid())
	}
	return LedgerAt(c, log, time.Now)
}

// LedgerAt is the ledger in the home, with a clock.
func LedgerAt(c config.Config, log *slog.Logger, now func() time.Time) *file.Ledger {
	return file.OpenLedger(c.Home, issuerOf(c), file.LedgerOptions{PostDeadline: c.RefreshDeadline, Log: log, Now: now})
}

// FormatOf is how the login is written down: Codex's as Codex does.
func FormatOf(c config.Config) record.Format {
	if c.IsCodex() {
		return authjson.Format
	}
	return accountjson.Format
}

// StoreOf is the store of the login. options are for the choice between keyring and file.
func StoreOf(c config.Config, options fallback.Options) persist.Store {
	log, format := options.Log, FormatOf(c)
	inFile := file.Open(c.Home, file.Options{Format: format, Log: log})
	switch c.CredentialStore {
	case config.Ephemeral:
		return memory.NewStore()
	case config.Keyring:
		return keyring.Open(c.Home, keyring.Options{Format: format, Log: log})
	case config.Auto:
		inKeyring := keyring.Open(c.Home, keyring.Options{Format: format, Log: log, KeepFile: true}) // fallback removes the file when that is safe
		return fallback.Open(c.Home, inKeyring, inFile, options)
	}
	return inFile
}

// Warn prints what is wrong with config.toml.
func Warn(env cli.Environment, c config.Config) {
	for _, each := range c.Warnings {
		cli.LogLine(env, each.Summary+". "+each.Details)
	}
}

// Quiet is a log for commands that print problems themselves.
var Quiet = slog.New(slog.DiscardHandler)
