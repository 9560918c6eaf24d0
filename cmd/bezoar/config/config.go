// Package config turns all settings into one plain [Config]. A flag takes precedence
// over the environment, and that over config.toml in the home; a setting that is in
// none of them has its default. BEZOAR_X takes precedence over CODEX_X of the same
// meaning; an empty variable counts as unset.
//
// A bad flag or variable stops the start with a [SettingError], a bad home with a
// [HomeError]: the user who set it can correct it. A bad config.toml never stops the
// start; it gives a [Warning] for the client, as in Codex. No error and no warning
// repeats a value, because settings may hold secrets.
package config

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/protocol/outbound"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// Config has all settings. It holds no secret.
type Config struct {
	// Root is the absolute path of the folder of config.toml. It was there when Load looked.
	Root string
	// Home is the folder of the login: Root, or that of Account, which is not there yet if
	// the account is new.
	Home    string
	Account Account
	// Profile is that of the account; the zero Profile for Codex, whose settings follow.
	Profile  profile.Profile
	Resource string // that the account is for, as that calls itself; "" for none

	Restriction     machine.Restriction // which logins may be made and used, by forced_login_method and forced_chatgpt_workspace_id
	CredentialStore CredentialStore
	// RequiresOpenAIAuth is false if the model provider in use needs no login
	// here; getAuthStatus and account/read then show none.
	RequiresOpenAIAuth bool
	// Providers are the model providers that config.toml defines, each with whether it
	// needs a login here.
	Providers      map[string]bool
	ChatGPTBaseURL string // no slash at the end
	// Profiles are the issuers that config.toml describes, and the built-in one. Each is read
	// when it is asked for; what is wrong with one is a warning until then.
	Profiles profile.Set

	Issuer        string // where a new login is made; no slash at the end
	LoginClientID string // the client that it is made for; "" for the client ID of Codex
	TokenURL      string // token endpoint (RFC 6749, 3.2) of logins that do not say where they were made
	RevocationURL string // revocation endpoint (RFC 7009, 2); "" for the one beside a login's token endpoint
	// TokenURLOverridden makes TokenURL the token endpoint of every login.
	TokenURLOverridden bool
	// AllowPlainHTTP lets secrets go to other machines over plain HTTP.
	AllowPlainHTTP bool
	// CACertificatePath names a PEM file of authorities to trust besides the
	// system's; "" for none. It has not been opened.
	CACertificatePath string

	// RefreshFloor is for how long a successful refresh also answers the
	// refreshes demanded after it; 0 for not at all.
	RefreshFloor time.Duration
	// RefreshDeadline is how long a caller waits for the issuer's answer; never 0.
	RefreshDeadline time.Duration
	// NoRefreshBackoff lets the next attempt follow a transient failure at
	// once. False leaves the backoff as the machine has it.
	NoRefreshBackoff bool

	LogLevel slog.Level
	LogJSON  bool      // one object a line, for programs
	Warnings []Warning // in the order of the keys in file.go
}

// CredentialStore says where the login is kept (cli_auth_credentials_store).
type CredentialStore string

const (
	File      CredentialStore = "file"      // auth.json in the home
	Keyring   CredentialStore = "keyring"   // the operating system's
	Auto      CredentialStore = "auto"      // the keyring if there is one, else the file
	Ephemeral CredentialStore = "ephemeral" // memory only
)

// Flags holds the flags as they were given; "" and nil stand for not given.
type Flags struct {
	Home         string
	Account      string
	Resource     string // an address: the account that is for it
	NewAccountOf string // the profile of the account, which may not be there yet; "" if it has to be. No flag of all commands.
	RefreshFloor string
	LogLevel     string
	LogFormat    string
	Overrides    []string // key=value, each over a key of config.toml
	IsServer     bool     // logs warnings by default; other commands log errors only
}

// Register defines the flags on set, to be filled when set is parsed.
func (f *Flags) Register(set *flag.FlagSet) {
	set.StringVar(&f.Home, "home", "", "`folder` of auth.json and config.toml (default: BEZOAR_HOME, CODEX_HOME or ~/.codex, also for an empty one)")
	set.StringVar(&f.Account, "account", "", "use the login of this `account` of the home, which bezoar accounts lists (default: BEZOAR_ACCOUNT)")
	set.StringVar(&f.Resource, "resource", "", "use the account that is for the resource at this `URL`, such as an MCP server")
	set.StringVar(&f.LogLevel, "log-level", "", "the lowest `level` to log on stderr: "+choice(LogLevels)+" (default "+f.logDefault()+")")
	set.StringVar(&f.LogFormat, "log-format", "", "log on stderr in this `format`: "+choice(LogFormats)+" (default text)")
	override := func(assignment string) error {
		f.Overrides = append(f.Overrides, assignment)
		return nil
	}
	set.Func("config", "`key=value` to use in place of the one in config.toml; may be repeated", override)
	set.Func("c", "short for --config", override)
}

// Args are the arguments that give another command of this program the same flags.
func (f Flags) Args() []string {
	var args []string
	for _, each := range []setting{
		{"--home", f.Home}, {"--account", f.Account}, {"--resource", f.Resource}, {"--refresh-floor", f.RefreshFloor}, {"--log-level", f.LogLevel}, {"--log-format", f.LogFormat},
	} {
		if each.value != "" {
			args = append(args, each.name+"="+each.value)
		}
	}
	for _, assignment := range f.Overrides {
		args = append(args, "--config="+assignment)
	}
	return args
}

// logDefault is the lowest level that is logged by default. Commands for users print a
// sentence of their own in place of a warning.
func (f *Flags) logDefault() string {
	if f.IsServer {
		return "warn"
	}
	return "error"
}

// RegisterRefresh defines the flags of commands that may refresh.
func (f *Flags) RegisterRefresh(set *flag.FlagSet) {
	set.StringVar(&f.RefreshFloor, "refresh-floor", "", "reuse the last successful refresh for refreshes demanded within this `time` (default 5s, 0: off)")
}

// Load reads the environment through getenv, and config.toml in the home. An
// error is a *HomeError, a *SettingError, an *UnknownAccountError, an *AccountError, a
// [*profile.UnknownError] or several joined; the server cannot start with it.
func Load(flags Flags, getenv func(string) string) (Config, error) {
	env := func(name string) setting { return setting{name, getenv(name)} }
	var config Config
	var homeErr error
	config.Root, homeErr = findHome(flags, env)
	config.Home = config.Root
	if err := errors.Join(homeErr, config.readSettings(flags, env)); err != nil {
		return Config{}, err
	}
	document := openDocument(filepath.Join(config.Root, "config.toml"))
	for _, assignment := range flags.Overrides {
		if err := document.override(assignment); err != nil {
			return Config{}, &SettingError{Name: "--config", Err: err}
		}
	}
	config.readDocument(document)
	config.warnOfPlainHTTP(document.path)
	if flags.Resource != "" {
		name, err := accountOf(config.Root, flags.Resource, flags.Account)
		if err != nil {
			return Config{}, err
		}
		flags.Account = name
	}
	if err := config.useAccount(first(setting{"--account", flags.Account}, env("BEZOAR_ACCOUNT")), flags.NewAccountOf); err != nil {
		return Config{}, err
	}
	return config, nil
}

// warnOfPlainHTTP warns of addresses that no call is made to, because they are plain
// HTTP to another machine. It gives one warning for each setting.
func (c *Config) warnOfPlainHTTP(document string) {
	rules := outbound.Rules{AllowPlainHTTP: c.AllowPlainHTTP}
	for _, each := range []struct{ what, address, path string }{
		{"of the token endpoint (BEZOAR_REFRESH_TOKEN_URL_OVERRIDE)", c.TokenURL, ""},
		{"of the login issuer (BEZOAR_LOGIN_ISSUER)", c.Issuer, ""},
		{"of the revocation endpoint (BEZOAR_REVOKE_TOKEN_URL_OVERRIDE)", c.RevocationURL, ""},
		{"in chatgpt_base_url", c.ChatGPTBaseURL, document},
	} {
		if address, err := url.Parse(each.address); err == nil && !rules.Permit(address) {
			c.Warnings = append(c.Warnings, Warning{
				Summary: "The address " + each.what + " is refused: it is plain HTTP to another machine",
				Details: "Tokens would travel where others can read them, so nothing is sent there. Use https. If the network in between is trusted, set " +
					outbound.AllowPlainHTTPVariable + "=1.",
				Path: each.path,
			})
		}
	}
}

// HomeError means that the home cannot be used: it is missing, is not a folder or
// cannot be read. Show it to the user, who has to make the folder or name another.
type HomeError struct {
	Path   string // absolute, or "~/.codex" if there is no user's home either
	Source string // what named it: "--home", a variable, or DefaultHome
	Err    error  // fs.ErrNotExist by errors.Is if it is not there
}

// DefaultHome is the source of the home if no flag and no variable names one.
const DefaultHome = "default"

func (e *HomeError) Error() string {
	remedy := "name a folder with --home or BEZOAR_HOME"
	if errors.Is(e.Err, fs.ErrNotExist) {
		remedy = "make the folder, or name another with --home or BEZOAR_HOME"
	}
	return fmt.Sprintf("home %s (%s): %v; %s", e.Path, e.Source, e.Err, remedy)
}

func (e *HomeError) Unwrap() error { return e.Err }

// homeOfUser is the home in the user database, where a system service without HOME
// has one too; "" for none. A variable, for tests.
var homeOfUser = func() string {
	person, err := user.Current()
	if err != nil {
		return ""
	}
	return person.HomeDir
}

// homeVariable has the folder of the user in it. Codex asks Windows for that folder, and
// not HOME, which shells like that of Git set there.
var homeVariable = map[bool]string{true: "USERPROFILE", false: "HOME"}[runtime.GOOS == "windows"]

func findHome(flags Flags, env func(string) setting) (string, error) {
	home := first(setting{"--home", flags.Home}, env("BEZOAR_HOME"), env("CODEX_HOME"))
	if home.value == "" {
		person := env(homeVariable)
		if person.value == "" {
			person.value = homeOfUser()
		}
		if person.value == "" {
			return "", &HomeError{"~/.codex", DefaultHome, errors.New("the user has no home either")}
		}
		home = setting{DefaultHome, filepath.Join(person.value, ".codex")}
	}
	path, err := filepath.Abs(home.value)
	if err != nil {
		return "", &HomeError{home.value, home.name, err}
	}
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = errors.New("not a folder")
	}
	if problem, ok := errors.AsType[*fs.PathError](err); ok {
		err = problem.Err // HomeError has the path already
	}
	if err != nil {
		return "", &HomeError{path, home.name, err}
	}
	return path, nil
}
