package resource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/protocol/legible"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/outbound"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// Ask is what the user wants an account for.
type Ask struct {
	Home    string // with the accounts
	Server  string // the address of the resource
	Profile string // of config.toml, for a client that the user has registered; "" for one that bezoar registers
	Account string // its name; "" for one that is made of the address
	Scopes  []string
}

// Prepared is what a login needs.
type Prepared struct {
	Account string // its name
	IsNew   bool   // nothing of it was there
	File    File
}

// Prepare finds who issues the tokens of a resource, and the client that bezoar is there: one
// of config.toml, the one of an earlier login, or a new one, in this order. It writes
// nothing: an account is made by [Prepared.Keep].
//
// Errors: a [*oauth.DiscoveryError], an [*oauth.RegistrationError], a [*ClientError], and
// those of profiles and files.
func Prepare(ctx context.Context, client *oauth.Client, profiles profile.Set, ask Ask) (Prepared, error) {
	issuer, own, err := chosenProfile(profiles, ask.Profile)
	if err != nil {
		return Prepared{}, err
	}
	found, err := client.FindResource(ctx, ask.Server, issuer)
	if err != nil {
		return Prepared{}, err
	}
	issuer = found.Issuers[0]
	m, err := client.Discover(ctx, profile.Profile{Issuer: issuer, Discovery: profile.DiscoveryMCP})
	if err != nil {
		return Prepared{}, err
	}
	made := Prepared{File: File{Server: ask.Server, Resource: found.URL}}
	if err := made.name(ask); err != nil {
		return Prepared{}, err
	}
	if own == "" {
		own = ofIssuer(profiles, issuer)
	}
	scopes := scopesOf(found, m, ask.Scopes)
	switch earlier, err := Read(AccountFolder(ask.Home, made.Account)); {
	case err != nil && !errors.Is(err, fs.ErrNotExist): // it may have a secret that cannot be made again
		return Prepared{}, fmt.Errorf("account %s: %w", made.Account, err)
	case err == nil && canonical(earlier.Server) != canonical(ask.Server):
		return Prepared{}, fmt.Errorf("account %s is for %s: take another name with --account", made.Account, outbound.WithoutQuery(earlier.Server))
	case own != "":
		err = made.configured(profiles, own, scopes)
		return made, err
	case err == nil && earlier.fits(issuer):
		made.File = earlier
		made.File.Profile["scopes"] = listOf(union(textsOf(earlier.Profile["scopes"]), scopes))
		return made, nil
	}
	if !slices.Contains(m.ChallengeMethods, "S256") {
		return Prepared{}, &ClientError{Issuer: issuer, Server: ask.Server, Home: ask.Home, NoPKCE: true}
	}
	err = made.register(ctx, client, m, scopes)
	if refused, ok := errors.AsType[*oauth.RegistrationError](err); ok {
		return Prepared{}, &ClientError{Issuer: issuer, Server: ask.Server, Home: ask.Home, Err: refused}
	}
	return made, err
}

// Keep writes what was prepared into the folder of the account.
func (p Prepared) Keep(home string) error {
	return p.File.Write(AccountFolder(home, p.Account))
}

// ClientError reports that bezoar has no client at an issuer and cannot become one. The user
// registers one there, and describes it in config.toml.
type ClientError struct {
	Issuer, Server, Home string
	NoPKCE               bool // the issuer does not say that it supports PKCE, without which MCP forbids a login
	Err                  *oauth.RegistrationError
}

func (e *ClientError) Error() string {
	why := legible.Brief(e.Issuer) + " does not say that it supports PKCE (code_challenge_methods_supported)"
	if e.Err != nil {
		why = e.Err.Error()
	}
	return fmt.Sprintf("%s. Register a client there yourself: a public one, with the redirect URI http://127.0.0.1/callback. Then write into %s: [issuers.NAME] with issuer = %q and client_id = \"…\". Next: bezoar login --resource %s --issuer NAME",
		why, filepath.Join(e.Home, "config.toml"), legible.Brief(e.Issuer), outbound.WithoutQuery(e.Server))
}

func (e *ClientError) Unwrap() error {
	if e.Err == nil {
		return nil
	}
	return e.Err
}

// chosenProfile is the issuer of the profile that the user has named.
func chosenProfile(profiles profile.Set, name string) (issuer, own string, err error) {
	if name == "" {
		return "", "", nil
	}
	p, err := profiles.Get(name)
	return p.Issuer, name, err
}

// ofIssuer is the profile of config.toml for an issuer, "" for none: a client that the user
// has registered counts more than one that bezoar could register.
func ofIssuer(profiles profile.Set, issuer string) string {
	for _, name := range profiles.Names() {
		if p, err := profiles.Get(name); err == nil && p.Issuer == issuer && !p.IsCodex {
			return name
		}
	}
	return ""
}

// configured takes a client of config.toml: the account has all that its table says.
func (p *Prepared) configured(profiles profile.Set, name string, scopes []string) error {
	own, err := profiles.Get(name)
	if err != nil {
		return err
	}
	table := profiles.Table(name)
	if _, said := table["scopes"]; !said {
		table["scopes"] = listOf(scopes)
	}
	if len(own.Resources) == 0 {
		table["resource"] = listOf([]string{p.File.Resource})
	}
	p.File.Profile = table
	return nil
}

// fits reports whether the client of an earlier login can be used again.
func (f File) fits(issuer string) bool {
	return f.Profile["issuer"] == issuer && (f.SecretExpiresAt == nil || time.Now().Before(*f.SecretExpiresAt))
}

// register becomes a client of the issuer. Its redirect URI has a port, which some issuers
// compare although RFC 8252 section 7.3 has them leave it open; another port is the second
// choice of a login.
func (p *Prepared) register(ctx context.Context, client *oauth.Client, m profile.Metadata, scopes []string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	made, err := client.Register(ctx, m, oauth.Registration{
		RedirectURIs: []string{"http://127.0.0.1:" + strconv.Itoa(port) + "/callback"}, Scopes: scopes,
	})
	if err != nil {
		return err
	}
	p.File.Profile = map[string]any{
		"issuer": m.Issuer, "discovery": string(profile.DiscoveryMCP), "client_id": made.ClientID,
		"scopes": listOf(scopes), "resource": listOf([]string{p.File.Resource}), "redirect_ports": []any{int64(port), int64(0)},
	}
	if made.AuthMethod != profile.AuthNone {
		p.File.AuthMethod, p.File.Secret = made.AuthMethod, made.Secret.Reveal()
		if !made.ExpiresAt.IsZero() {
			p.File.SecretExpiresAt = &made.ExpiresAt
		}
	}
	return nil
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// offlineAccess is the scope that OpenID Connect has for refresh tokens. A resource does not
// name it, for it is nothing to a resource.
const offlineAccess = "offline_access"

// scopesOf are the scopes to ask for: those of the resource, those of the user, and the one
// for a refresh token, if the issuer has it.
func scopesOf(found oauth.Resource, m profile.Metadata, asked []string) []string {
	all := union(found.Scopes, asked)
	if slices.Contains(m.ScopesSupported, offlineAccess) {
		all = union(all, []string{offlineAccess})
	}
	return all
}

func union(all ...[]string) []string {
	var one []string
	for _, each := range slices.Concat(all...) {
		if !slices.Contains(one, each) {
			one = append(one, each)
		}
	}
	return one
}

func listOf(texts []string) []any {
	list := []any{}
	for _, each := range texts {
		list = append(list, each)
	}
	return list
}

func textsOf(list any) (texts []string) {
	all, _ := list.([]any)
	for _, each := range all {
		if text, ok := each.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// name gives the account its name: the one that the user wants, that of the account which
// is there for this resource, or one that is made of the host.
func (p *Prepared) name(ask Ask) error {
	known, err := Find(ask.Home, ask.Server)
	if err != nil {
		return err
	}
	p.Account = cmp.Or(ask.Account, append(known, "")[0])
	if p.Account == "" {
		p.Account = p.freeName(ask)
	}
	p.IsNew = !slices.Contains(known, p.Account)
	return nil
}

func (p *Prepared) freeName(ask Ask) string {
	base := nameOf(ask.Server)
	for n := 1; ; n++ {
		name := base
		if n > 1 {
			name += "-" + strconv.Itoa(n)
		}
		if !isTaken(AccountFolder(ask.Home, name)) {
			return name
		}
	}
}

// nameOf is a name made of the host of an address.
func nameOf(address string) string {
	u, _ := url.Parse(address) // it was asked
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(u.Hostname()))
	if name = strings.Trim(name, "-"); len(name) > 60 {
		name = name[:60]
	}
	return cmp.Or(name, "resource")
}
