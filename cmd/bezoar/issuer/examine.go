package issuer

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// checkWidth is that of the longest name of a check.
const checkWidth = len("authorization")

// examination is what a profile is looked at with.
type examination struct {
	p        profile.Profile
	client   *oauth.Client
	getenv   func(string) string
	metadata profile.Metadata
	asked    bool // the issuer has given its metadata
	to       profile.Endpoints
	from     map[string]source // of each endpoint
	checks   []cli.Finding
}

const makesAccount = "An account with a login at this issuer: bezoar login --issuer %s --account NAME"

// examine asks the issuer and says what the profile means.
func examine(ctx context.Context, env cli.Environment, c config.Config, p profile.Profile) report {
	e := &examination{p: p, client: session.NewIssuer(c, env.Getenv, session.Quiet), getenv: env.Getenv, from: map[string]source{}}
	e.discover(ctx)
	all := e.endpoints(c)
	e.support()
	e.authentication()
	e.keep(c.Root, env.Now)
	r := report{
		Profile: p.Name, DisplayName: p.DisplayName, Issuer: &p.Issuer, BuiltIn: p.Name == profile.CodexName, Mistakes: []mistake{},
		Endpoints: map[string]endpoint{}, Checks: e.checks, Requests: requestsOf(all),
	}
	for _, each := range e.each() {
		if each.address != "" {
			r.Endpoints[each.name] = endpoint{each.address, e.from[each.name]}
		}
	}
	if !r.BuiltIn {
		note := fmt.Sprintf(makesAccount, cli.ShellWord(p.Name))
		r.Note = &note
	}
	return r
}

func (e *examination) say(check string, how cli.Result, found string, remedy ...string) {
	f := cli.Finding{Check: check, Result: how, Found: found}
	if len(remedy) > 0 {
		f.Remedy = &remedy[0]
	}
	e.checks = append(e.checks, f)
}

// discover asks for the metadata.
func (e *examination) discover(ctx context.Context) {
	if e.p.Discovery == profile.DiscoveryNone {
		e.say("discovery", cli.ResultSkip, "the profile names the endpoints of "+e.p.Issuer+` (discovery = "none")`)
		return
	}
	metadata, err := e.client.Discover(ctx, e.p)
	if failed, ok := errors.AsType[*oauth.DiscoveryError](err); ok {
		e.say("discovery", cli.ResultFail, failed.Error(), remedyOf(failed, e.p))
		return
	}
	e.metadata, e.asked = metadata, true
	e.say("discovery", cli.ResultOK, "the issuer is "+metadata.Issuer)
}

// keep gives the accounts of the profile what the issuer says now. No refresh asks for it.
func (e *examination) keep(home string, now func() time.Time) {
	if !e.asked || home == "" {
		return
	}
	kept, err := config.KeepMetadata(home, e.p.Name, e.metadata, now())
	if err != nil {
		e.say("accounts", cli.ResultFail, "the accounts of this profile cannot keep that: "+cli.WithoutPath(err).Error(), "bezoar doctor --account NAME looks for the cause")
	} else if len(kept) > 0 {
		e.say("accounts", cli.ResultOK, "it is kept for "+strings.Join(kept, ", "))
	}
}

// remedyOf is what to do about metadata that is not there, or cannot be used.
func remedyOf(failed *oauth.DiscoveryError, p profile.Profile) string {
	last := failed.Looks[len(failed.Looks)-1]
	switch {
	case last.Problem == oauth.OtherIssuer:
		return "write the issuer into the profile as it writes itself, with each slash and letter; if the name is a stranger's, do not go on"
	case last.Problem == oauth.NoTokenEndpoint:
		return "name token_endpoint in the profile"
	case last.Problem == oauth.EndpointRefused:
		return "tell the operator of the issuer, or name " + last.Endpoint + " in the profile"
	case last.Problem == oauth.NoAnswer && last.Way.NeedsOperator():
		return "bezoar doctor knows more about the way to an issuer; plain HTTP is for this machine alone"
	case last.Problem == oauth.NoAnswer:
		return "check the address of the issuer, that this machine is online, and HTTPS_PROXY if a proxy is needed"
	case failed.Has(oauth.IsPage):
		return "check the address of the issuer, and whether a portal or a firewall answers in its place"
	case p.Endpoints.Token != "":
		return `the profile names its endpoints: set discovery = "none"`
	}
	return `check the address of the issuer; if it publishes no metadata, set discovery = "none" and name token_endpoint and the others`
}

// named is an endpoint by the word of the report.
type named struct {
	name, key    string
	own, address string
}

func (e *examination) each() []named {
	return []named{
		{"authorization", "authorization_endpoint", e.p.Endpoints.Authorization, e.to.Authorization},
		{"token", "token_endpoint", e.p.Endpoints.Token, e.to.Token},
		{"revocation", "revocation_endpoint", e.p.Endpoints.Revocation, e.to.Revocation},
		{"device", "device_authorization_endpoint", e.p.Endpoints.Device, e.to.Device},
	}
}

// endpoints finds what counts, and makes the requests to it.
func (e *examination) endpoints(c config.Config) profile.Requests {
	e.to = e.p.Endpoints.With(e.metadata)
	own := fromProfile
	if e.p.Name == profile.CodexName {
		own = fromCodex
	}
	for _, each := range e.each() {
		if e.from[each.name] = own; each.own == "" {
			e.from[each.name] = fromDiscovery
		}
	}
	all := e.p.Requests(e.to)
	if e.p.Name == profile.CodexName && c.Issuer != "" { // without a home there are no settings
		e.applySettings(c)
		all = e.p.Requests(e.to)
		all.Exchange.URL = profile.CodexAt(c.Issuer).Endpoints.Token
	}
	for _, each := range e.each() {
		switch {
		case each.address == "":
			e.missing(each)
		case !e.client.MayAsk(each.address):
			e.say(each.name, cli.ResultFail, each.address+" is no address that a secret may be sent to", "use https")
		default:
			e.say(each.name, cli.ResultOK, fmt.Sprintf("%s (%s)", each.address, e.from[each.name]))
		}
	}
	return all
}

// applySettings is what the environment changes about Codex's issuer.
func (e *examination) applySettings(c config.Config) {
	set := func(name string, address *string, value string) {
		if *address != value {
			*address, e.from[name] = value, fromSettings
		}
	}
	own := profile.CodexAt(c.Issuer).Endpoints
	set("authorization", &e.to.Authorization, own.Authorization)
	set("device", &e.to.Device, own.Device)
	set("token", &e.to.Token, c.TokenURL)
	if c.RevocationURL != "" {
		set("revocation", &e.to.Revocation, c.RevocationURL)
	} else if e.from["token"] == fromSettings {
		set("revocation", &e.to.Revocation, oauth.RevocationBeside(c.TokenURL))
	}
	if c.LoginClientID != "" {
		e.p.ClientID = c.LoginClientID
	}
}

// missing is an endpoint that neither the profile nor the issuer names.
func (e *examination) missing(each named) {
	const nowhere = "neither the issuer nor the profile names one"
	switch {
	case e.p.Discovery != profile.DiscoveryNone && !e.asked:
		e.say(each.name, cli.ResultSkip, "see discovery")
	case each.name == "authorization" && e.to.Device != "":
		e.say(each.name, cli.ResultWarn, nowhere+": no login in a browser")
	case each.name == "authorization":
		e.say(each.name, cli.ResultFail, nowhere+": no login", "name "+each.key+" in the profile")
	case each.name == "revocation":
		e.say(each.name, cli.ResultWarn, nowhere+": after a logout the login lives on at the issuer until it expires")
	case each.name == "device" && e.p.DeviceFlow == profile.DeviceRFC8628:
		e.say(each.name, cli.ResultFail, nowhere+`, and device_flow is "rfc8628"`, "name "+each.key+` in the profile, or set device_flow = "none"`)
	case each.name == "device":
		e.say(each.name, cli.ResultSkip, nowhere+": no login on another device")
	}
}

const (
	grantDevice = "urn:ietf:params:oauth:grant-type:device_code"
	consentHint = `if no refresh token comes: some issuers want authorization_params = { prompt = "consent" } with offline_access`
)

// support is what the issuer says that it can do of what we need.
func (e *examination) support() {
	m := e.metadata
	if !e.asked {
		why := "see discovery"
		if e.p.Discovery == profile.DiscoveryNone {
			why = "the issuer is not asked"
		}
		for _, name := range []string{"code", "pkce", "iss", "refresh", "scopes"} {
			e.say(name, cli.ResultSkip, why)
		}
		e.resource()
		e.keys()
		return
	}
	switch {
	case m.RequiresPAR:
		e.say("code", cli.ResultFail, "the issuer demands pushed authorization requests (RFC 9126), which bezoar does not make", "ask its operator for a client without them")
	case m.ResponseTypes != nil && !slices.Contains(m.ResponseTypes, "code"):
		e.say("code", cli.ResultFail, "the issuer gives no authorization codes", "ask its operator for the authorization code flow")
	default:
		e.say("code", cli.ResultOK, "authorization codes (RFC 6749)")
	}
	switch {
	case slices.Contains(m.ChallengeMethods, "S256"):
		e.say("pkce", cli.ResultOK, "S256 (RFC 7636)")
	case m.ChallengeMethods == nil:
		e.say("pkce", cli.ResultWarn, "the issuer does not say that it knows PKCE; a challenge is sent all the same")
	default:
		e.say("pkce", cli.ResultFail, "the issuer does not know S256, and bezoar sends nothing weaker", "ask its operator to allow S256")
	}
	if m.SendsIss {
		e.say("iss", cli.ResultOK, "a login comes back with the name of the issuer (RFC 9207)")
	} else {
		e.say("iss", cli.ResultSkip, "a login comes back without the name of the issuer (RFC 9207)")
	}
	e.refresh()
	e.scopes()
	e.resource()
	e.keys()
}

// keys are with which the ID token of a login is verified.
func (e *examination) keys() {
	switch {
	case !e.p.SendsNonce():
		e.say("keys", cli.ResultSkip, "no ID token is verified")
	case e.to.Keys != "":
		e.say("keys", cli.ResultOK, "an ID token is verified at a login with "+e.to.Keys)
	case e.p.Discovery != profile.DiscoveryNone && !e.asked:
		e.say("keys", cli.ResultSkip, "see discovery")
	default:
		e.say("keys", cli.ResultWarn, "neither the issuer nor the profile names a jwks_uri: a login that brings an ID token fails",
			`name jwks_uri in the profile, or set id_token = "read"`)
	}
}

func (e *examination) refresh() {
	m := e.metadata
	switch {
	case m.GrantTypes == nil:
		e.say("refresh", cli.ResultWarn, "the issuer does not say whether it gives refresh tokens")
	case !slices.Contains(m.GrantTypes, "refresh_token"):
		e.say("refresh", cli.ResultWarn, "the issuer does not list refresh_token: a login may end with its first access token", "ask its operator for refresh tokens")
	case e.to.Device != "" && e.p.DeviceFlow != profile.DeviceNone && !slices.Contains(m.GrantTypes, grantDevice):
		e.say("refresh", cli.ResultOK, "refresh tokens; a login on another device is not listed")
	default:
		e.say("refresh", cli.ResultOK, "refresh tokens (RFC 6749)")
	}
}

func (e *examination) scopes() {
	asked, known := e.p.Scopes, e.metadata.ScopesSupported
	var unlisted []string
	for _, each := range asked {
		if known != nil && !slices.Contains(known, each) {
			unlisted = append(unlisted, each)
		}
	}
	text := strings.Join(asked, " ")
	switch {
	case len(asked) == 0:
		e.say("scopes", cli.ResultSkip, "none are asked for")
	case len(unlisted) > 0:
		e.say("scopes", cli.ResultWarn, text+"; the issuer does not list "+strings.Join(unlisted, " "), "check the names, and that the client may ask for them")
	case !slices.Contains(asked, "offline_access") && slices.Contains(known, "offline_access"):
		e.say("scopes", cli.ResultWarn, text+"; without offline_access there may be no refresh token", "add offline_access to scopes")
	case slices.Contains(asked, "offline_access") && e.p.AuthorizationParams["prompt"] == "":
		e.say("scopes", cli.ResultOK, text, consentHint)
	default:
		e.say("scopes", cli.ResultOK, text)
	}
}

// resource is about RFC 8707, of which no metadata speaks.
func (e *examination) resource() {
	if len(e.p.Resources) == 0 {
		e.say("resource", cli.ResultSkip, "none is asked for (RFC 8707)")
		return
	}
	e.say("resource", cli.ResultOK, strings.Join(e.p.Resources, " ")+" (RFC 8707); no issuer says beforehand whether it knows it")
}

// authentication is how the client shows who it is, and whether its secret is there. The
// secret is not looked at, and the command not run.
func (e *examination) authentication() {
	listed := e.metadata.AuthMethods
	if e.asked && listed == nil {
		listed = []string{string(profile.AuthBasic)} // RFC 8414 section 2
	}
	method := string(e.p.AuthMethod)
	program := ""
	if len(e.p.Secret.Command) > 0 {
		program = e.p.Secret.Command[0]
	}
	_, err := exec.LookPath(program)
	switch {
	case e.p.Secret.Env != "" && e.getenv(e.p.Secret.Env) == "":
		e.say("client", cli.ResultFail, "the variable that client_secret_env names is not set", "set it where bezoar runs, or use client_secret_command")
	case program != "" && err != nil:
		e.say("client", cli.ResultFail, "the program of client_secret_command is not there, or in no folder of PATH", "install it, or name it with its folder")
	case e.asked && !slices.Contains(listed, method) && e.p.AuthMethod == profile.AuthNone:
		e.say("client", cli.ResultWarn, "a public client; the issuer lists "+strings.Join(listed, " ")+" only, and may know public clients all the same",
			"if it answers invalid_client: register a public client (native, PKCE), or set client_secret_command")
	case e.asked && !slices.Contains(listed, method):
		e.say("client", cli.ResultWarn, method+"; the issuer lists "+strings.Join(listed, " ")+" only", "set token_endpoint_auth_method to one that it lists")
	case e.p.AuthMethod == profile.AuthNone:
		e.say("client", cli.ResultOK, "a public client, "+e.p.ClientID)
	default:
		e.say("client", cli.ResultOK, e.p.ClientID+", with a secret by "+method)
	}
}
