// Package profile says what an issuer is, as data: a [Profile] has its addresses, the
// client that we are there, what its requests look like and what its answers mean.
// [Codex] is the built-in one; the others are the tables [issuers.NAME] of config.toml,
// which a [Set] reads. The names of the keys are those of RFC 8414 and RFC 7591 where
// these have one.
//
// The package sends nothing and reads no file. It imports no wire, so that a profile can
// be looked at without a login and without a network.
package profile

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine/history"
)

// Profile is one issuer, and the client that we are there. Only Issuer and ClientID have
// no default. It holds no secret: Secret says where the secret of the client comes from.
type Profile struct {
	Name        string // of its table: [issuers.NAME]
	DisplayName string // for people; Name if the table has none

	Issuer    string    // RFC 8414 section 2; compared with other issuers byte for byte
	Discovery Discovery // how its metadata is found
	Endpoints Endpoints // those that take precedence over the metadata

	ClientID         string
	Secret           SecretSource
	AuthMethod       AuthMethod // RFC 7591 section 2, token_endpoint_auth_method
	RequestEncoding  Encoding   // of refreshes and revocations
	ExchangeEncoding Encoding   // of what ends a login

	Scopes              []string // of a login
	Resources           []string // RFC 8707, at a login and at refreshes
	AuthorizationParams map[string]string
	RefreshParams       map[string]string
	RefreshSendsScope   bool   // a refresh names the scopes again
	RedirectURI         string // on this machine, with {port} for one of RedirectPorts
	RedirectPorts       []int  // in the order in which they are tried; 0: a free one
	DeviceFlow          DeviceFlow

	IDToken         IDToken
	SubjectClaim    string // pointer (RFC 6901) into the claims: an identity is Issuer and this
	EmailClaim      string // likewise
	Expiry          []ExpirySource
	AssumedLifetime time.Duration // of an access token, if none of Expiry says it
	RefreshBefore   time.Duration // the end of an access token
	Rotation        Rotation
	ReuseLeeway     time.Duration // how long one more post of a spent refresh token is harmless

	Answers Answers

	// IsCodex is what no table can say, and no other issuer needs: the order of Codex's
	// members, an access token that is revoked without a client_id, a revocation endpoint
	// beside the token endpoint of each login, and an API key that is asked for after a login.
	IsCodex bool
}

// Endpoints are the addresses of an issuer (RFC 8414 section 2); "" for none.
type Endpoints struct {
	Authorization, Token, Device, Revocation, Userinfo string

	Keys string // with which it signs ID tokens (jwks_uri)
}

// SecretSource says where the secret of a confidential client comes from: what a command
// prints, or a variable. At most one of them is set.
type SecretSource struct {
	Command []string
	Env     string
}

// IsNone reports whether the client has no secret.
func (s SecretSource) IsNone() bool { return len(s.Command) == 0 && s.Env == "" }

// Discovery says which metadata an issuer publishes.
type Discovery string

const (
	DiscoveryAuto  Discovery = "auto"  // OpenID Connect Discovery, then RFC 8414
	DiscoveryOIDC  Discovery = "oidc"  // OpenID Connect Discovery alone
	DiscoveryOAuth Discovery = "oauth" // RFC 8414 alone
	DiscoveryMCP   Discovery = "mcp"   // RFC 8414, then OpenID Connect: the order of the Model Context Protocol
	DiscoveryNone  Discovery = "none"  // the profile names the endpoints
)

// AuthMethod is how the client proves at the token endpoint who it is.
type AuthMethod string

const (
	AuthNone  AuthMethod = "none" // a public client
	AuthBasic AuthMethod = "client_secret_basic"
	AuthPost  AuthMethod = "client_secret_post"
)

// Encoding is how the body of a request is written.
type Encoding string

const (
	Form Encoding = "form" // RFC 6749 appendix B
	JSON Encoding = "json"
)

// DeviceFlow is how a login on another device is made.
type DeviceFlow string

const (
	DeviceAuto    DeviceFlow = "auto"    // RFC 8628 if there is an endpoint for it
	DeviceRFC8628 DeviceFlow = "rfc8628" // there has to be one
	DeviceCodex   DeviceFlow = "codex"   // as Codex's issuer has it
	DeviceNone    DeviceFlow = "none"
)

// IDToken is what is done with an ID token.
type IDToken string

const (
	IDTokenAuto IDToken = "auto" // verified at a login if one comes
	IDTokenRead IDToken = "read" // read, and not verified
	IDTokenNone IDToken = "none" // left alone
)

// ExpirySource is a place where an access token's end is written.
type ExpirySource string

const (
	ExpiresIn ExpirySource = "expires_in" // of the token response (RFC 6749 section 5.1)
	ExpClaim  ExpirySource = "exp"        // of the access token, if it is a JWT
)

// Rotation is what an issuer does with refresh tokens.
type Rotation string

const (
	Rotating Rotation = "rotating" // each is spent by its use
	Static   Rotation = "static"   // an old one lives on
)

// What the built-in profile is called, and what the settings of Codex start from.
const (
	CodexName          = "codex"
	CodexClientID      = "app_EMoamEEZ73f0CkXaXp7hrann"
	CodexIssuer        = "https://auth.openai.com"
	CodexTokenEndpoint = CodexIssuer + "/oauth/token"
)

// Codex is the profile of Codex at its issuer: what Codex itself sends and understands.
// No file can change it.
func Codex() Profile {
	p := CodexAt(CodexIssuer)
	p.Endpoints.Revocation = CodexIssuer + "/oauth/revoke"
	return p
}

// CodexAt is the profile of Codex at another address, which has no slash at the end: each of
// its logins is revoked beside the token endpoint of its own.
func CodexAt(issuer string) Profile {
	p := defaults(CodexName)
	p.DisplayName = "ChatGPT"
	p.Issuer = issuer
	p.Discovery = DiscoveryNone
	p.Endpoints = Endpoints{
		Authorization: issuer + "/oauth/authorize", Token: issuer + "/oauth/token", Device: issuer + "/api/accounts/deviceauth/usercode",
	}
	p.ClientID = CodexClientID
	p.RequestEncoding = JSON
	p.Scopes = []string{"openid", "profile", "email", "offline_access", "api.connectors.read", "api.connectors.invoke"}
	p.AuthorizationParams = map[string]string{
		"id_token_add_organizations": "true", "codex_cli_simplified_flow": "true",
		"originator": "{originator}", "allowed_workspace_id": "{workspaces}",
	}
	p.RefreshParams = map[string]string{"refresh_reason": "{cause}"}
	p.RedirectURI = "http://127.0.0.1:{port}/auth/callback"
	p.RedirectPorts = []int{1455, 1457}
	p.DeviceFlow = DeviceCodex
	p.IDToken = IDTokenRead
	p.SubjectClaim = "/https:~1~1api.openai.com~1auth/chatgpt_account_id"
	p.Expiry = []ExpirySource{ExpClaim}
	p.AssumedLifetime = 8 * 24 * time.Hour
	p.Answers = CodexAnswers
	p.IsCodex = true
	return p
}

// CodexAnswers are what answers of Codex's issuer mean. Its rows are all that counts.
//
// The codes of Codex's own issuer count at any status, also at those of a gateway (502,
// 503, 504), as in Codex: no gateway knows them. One that has put its status over the
// issuer's body hands a verdict on; to post that token again is what the issuer punishes.
// A broken gateway answers with a page, which never counts, or in words of its own.
//
// What is left out, and why:
//   - 429, 500 and other 5xx with invalid_grant come from issuers that are out of
//     order. As in Codex, only the codes of its own issuer count there.
//   - 400 invalid_request is the answer to a request that the server does not
//     understand, and only Dex and FlowFuse mean a dead token by it: a verdict on it
//     would end every login behind a wrong address. The user sees it, and bezoar waits.
//   - invalid_client, unauthorized_client, unsupported_grant_type and invalid_scope
//     are about the client, not about the token. At 401 the rule for every 401 applies.
//   - 403, 404 and 410 without a code may be those of a firewall or a wrong address.
var CodexAnswers = Answers{
	Rows: []Row{
		{Code: "refresh_token_expired", Meaning: Refused, Reason: history.ReasonExpired},
		{Code: "refresh_token_reused", Meaning: Refused, Reason: history.ReasonReused},
		{Code: "refresh_token_invalidated", Meaning: Refused, Reason: history.ReasonRevoked},
		{400, "invalid_grant", Refused, history.ReasonInvalidGrant},         // RFC 6749 section 5.2
		{400, "bad_refresh_token", Refused, history.ReasonInvalidGrant},     // GitHub, with 200
		{400, "invalid_refresh_token", Refused, history.ReasonInvalidGrant}, // Slack, with 200: it can mean nothing else
		{403, "invalid_grant", Refused, history.ReasonInvalidGrant},         // Atlassian
		{403, "invalid_refresh_token", Refused, history.ReasonInvalidGrant}, // as Atlassian
		{401, "invalid_grant", Refused, history.ReasonInvalidGrant},         // the token, not the client
		{401, "bad_refresh_token", Refused, history.ReasonInvalidGrant},     // likewise
		{401, "invalid_refresh_token", Refused, history.ReasonInvalidGrant}, // likewise
	},
	// Any other 401 is a refusal, as in Codex: without a code, or with one that is not
	// about the token. Other processes do not act on it, and its reason says so. An
	// HTML page is none at all: the issuer did not write it.
	Bare401: Refused,
}

// defaults is a profile with all that a table may leave out.
func defaults(name string) Profile {
	return Profile{
		Name: name, DisplayName: name,
		Discovery:  DiscoveryAuto,
		AuthMethod: AuthNone, RequestEncoding: Form, ExchangeEncoding: Form,
		Scopes:      []string{"openid", "offline_access"},
		RedirectURI: "http://127.0.0.1:{port}/callback", RedirectPorts: []int{0},
		DeviceFlow: DeviceAuto, IDToken: IDTokenAuto, SubjectClaim: "/sub", EmailClaim: "/email",
		Expiry: []ExpirySource{ExpiresIn, ExpClaim}, AssumedLifetime: time.Hour, RefreshBefore: 5 * time.Minute,
		Rotation: Rotating,
		Answers:  Answers{Standard: true, Bare401: Misconfigured},
	}
}

// Redirect is the redirect URI with a port.
func (p Profile) Redirect(port int) string {
	return strings.Replace(p.RedirectURI, portPlace, strconv.Itoa(port), 1)
}

// Ports are the ports of the redirect URI, in the order in which they are tried; 0 is a free one.
func (p Profile) Ports() []int {
	if takesPort(p.RedirectURI) {
		return p.RedirectPorts
	}
	if u, err := url.Parse(p.RedirectURI); err == nil {
		if port, err := strconv.Atoi(u.Port()); err == nil {
			return []int{port}
		}
	}
	return nil
}

// ReadsIDTokens reports whether what an ID token says counts.
func (p Profile) ReadsIDTokens() bool {
	return p.IDToken != IDTokenNone && (p.IDToken != IDTokenAuto || p.AsksForOpenID())
}

// AsksForOpenID reports whether a login asks for an ID token.
func (p Profile) AsksForOpenID() bool { return slices.Contains(p.Scopes, "openid") }
