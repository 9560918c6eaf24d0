package oauth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// scope is the scope of a login (RFC 6749 section 3.3). For offline_access the issuer
// issues a refresh token.
const scope = "openid profile email offline_access api.connectors.read api.connectors.invoke"

// Authorization is one authorization request in the user's browser (RFC 6749 section
// 4.1.1).
type Authorization struct {
	RedirectURI string
	State       secret.Token
	Verifier    secret.Token // only its challenge is sent
	Workspaces  []string     // the only accounts that may log in; none for any
}

// MayLogIn is an [*UnreachableError] if logins go to another machine over plain HTTP:
// a person's password would travel in the clear, and the code after it.
func (c *Client) MayLogIn() error {
	issuer, err := url.Parse(c.options.LoginIssuer)
	if err == nil && !c.options.Rules.Permit(issuer) {
		return &UnreachableError{Problem: evidence.ProblemPlainHTTP}
	}
	return nil
}

// AuthorizeURL is the address to open in a browser. It holds the state, so it
// is for the client that asked for the login and not for a log. Members come in
// Codex's order, with a blank as +.
func (c *Client) AuthorizeURL(request Authorization) string {
	query := []struct{ name, value string }{
		{"response_type", "code"},
		{"client_id", c.options.LoginClientID},
		{"redirect_uri", request.RedirectURI},
		{"scope", scope},
		{"code_challenge", Challenge(request.Verifier)},
		{"code_challenge_method", "S256"},
		{"id_token_add_organizations", "true"},
		{"codex_cli_simplified_flow", "true"},
		{"state", request.State.Reveal()},
		{"originator", c.Originator()},
		{"allowed_workspace_id", strings.Join(request.Workspaces, ",")},
	}
	if len(request.Workspaces) == 0 {
		query = query[:len(query)-1]
	}
	members := make([]string, len(query))
	for i, each := range query {
		members[i] = each.name + "=" + url.QueryEscape(each.value)
	}
	return c.options.LoginIssuer + "/oauth/authorize?" + strings.Join(members, "&")
}

// The lengths of Codex. RFC 7636 section 4.1 allows a verifier of 43 to 128
// characters; this one has 86.
const (
	verifierBytes = 64
	stateBytes    = 32
)

// NewVerifier makes the secret that ties a code exchange to the authorization
// it ends (RFC 7636 section 4.1). One login, one verifier.
func NewVerifier() secret.Token { return random(verifierBytes) }

// NewState makes the secret that ties a callback to the login that waits for it
// (RFC 6749 section 10.12). Compare it with [secret.Token.Equal], whose time does
// not tell how much of a guess was right.
func NewState() secret.Token { return random(stateBytes) }

// random is n bytes of the system's randomness in base64url. crypto/rand ends
// the program rather than return less.
func random(n int) secret.Token {
	bytes := make([]byte, n)
	rand.Read(bytes)
	return secret.New(base64.RawURLEncoding.EncodeToString(bytes))
}

// Challenge is what the issuer may know of a verifier before the exchange: its
// S256 transformation (RFC 7636 section 4.2).
func Challenge(verifier secret.Token) string {
	hash := sha256.Sum256([]byte(verifier.Reveal()))
	return base64.RawURLEncoding.EncodeToString(hash[:])
}

// Code is an authorization code and what proves that it was meant for this
// program. A browser's callback or a device poll gives it, an exchange spends it.
type Code struct {
	Code        secret.Token
	RedirectURI string
	Verifier    secret.Token
}

const (
	grantCode          = "authorization_code"
	grantTokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	typeIDToken        = "urn:ietf:params:oauth:token-type:id_token"
	requestedAPIKey    = "openai-api-key"
)

// Exchange spends an authorization code (RFC 6749 section 4.1.3): one request.
// The token response has all three tokens, as they came; Exchange parses none of them.
//
// Errors: [*StatusError] with the issuer's own words, [*UnreachableError],
// [ErrUnreadable]. After each the code may be spent: start the login again.
func (c *Client) Exchange(ctx context.Context, code Code) (endpoint.TokenResponse, error) {
	sentAt := c.options.Now()
	answered, unreachable := c.postForm(ctx, c.loginTokenEndpoint(), url.Values{
		"grant_type":    {grantCode},
		"code":          {code.Code.Reveal()},
		"redirect_uri":  {code.RedirectURI},
		"client_id":     {c.options.LoginClientID},
		"code_verifier": {code.Verifier.Reveal()},
	})
	if unreachable != nil {
		return endpoint.TokenResponse{}, unreachable
	}
	if answered.isPage() {
		return endpoint.TokenResponse{}, answered.pageError()
	}
	m := answered.members()
	if !answered.ok() || m.saysError() {
		detail := cleaned(answered.detail(), code.Code, code.Verifier)
		return endpoint.TokenResponse{}, &StatusError{"token endpoint returned status", answered.status, detail}
	}
	response := m.tokenResponse()
	if response.IDToken.IsAbsent() || response.AccessToken.IsAbsent() || response.RefreshToken.IsAbsent() {
		return endpoint.TokenResponse{}, answered.unreadableError()
	}
	return response.SentAt(sentAt), nil
}

// ExchangeKey asks for an API key in exchange for an ID token (RFC 8693, in the
// dialect of Codex's issuer): one request. Not every account may have one, so that its
// errors, of the same types as those of [Client.Exchange], end no login.
func (c *Client) ExchangeKey(ctx context.Context, idToken secret.Token) (secret.Token, error) {
	answered, unreachable := c.postForm(ctx, c.loginTokenEndpoint(), url.Values{
		"grant_type":         {grantTokenExchange},
		"client_id":          {c.options.LoginClientID},
		"requested_token":    {requestedAPIKey},
		"subject_token":      {idToken.Reveal()},
		"subject_token_type": {typeIDToken},
	})
	if unreachable != nil {
		return secret.Token{}, unreachable
	}
	if !answered.ok() {
		return secret.Token{}, &StatusError{Call: "api key exchange failed with status", Status: answered.status}
	}
	key := answered.members().accessToken()
	if key.IsAbsent() {
		return secret.Token{}, answered.unreadableError()
	}
	return key, nil
}

// loginTokenEndpoint is the token endpoint for codes. Refreshes may have another.
func (c *Client) loginTokenEndpoint() string { return c.options.LoginIssuer + "/oauth/token" }
