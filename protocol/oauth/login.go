package oauth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Authorization is one authorization request in the user's browser (RFC 6749 section
// 4.1.1).
type Authorization struct {
	RedirectURI string
	State       secret.Token
	Nonce       secret.Token // comes back in the ID token, if the profile has it sent
	Verifier    secret.Token // only its challenge is sent
	Workspaces  []string     // the only accounts that may log in; none for any
}

// MayLogIn is an [*UnreachableError] if logins go to another machine over plain HTTP:
// a person's password would travel in the clear, and the code after it. It is
// [ErrNoBrowserLogin] if the issuer has no authorization endpoint.
func (c *Client) MayLogIn() error {
	page, err := url.Parse(c.to.Authorization)
	switch {
	case c.to.Authorization == "":
		return ErrNoBrowserLogin
	case err == nil && !c.options.Rules.Permit(page):
		return &UnreachableError{Problem: evidence.ProblemPlainHTTP}
	}
	return nil
}

// ErrNoBrowserLogin reports that neither the issuer nor the profile names an authorization
// endpoint. Offer the login on another device.
var ErrNoBrowserLogin = errors.New("the issuer has no login in a browser")

// AuthorizeURL is the address to open in a browser. It holds the state, so it
// is for the client that asked for the login and not for a log.
func (c *Client) AuthorizeURL(request Authorization) string {
	opened := c.requests().Authorization
	with := values{
		redirectURI: request.RedirectURI, "{challenge}": Challenge(request.Verifier), "{state}": request.State.Reveal(), "{nonce}": request.Nonce.Reveal(),
		"{originator}": c.Originator(), "{workspaces}": strings.Join(request.Workspaces, ","),
	}
	between := "?"
	if strings.Contains(opened.URL, "?") { // RFC 6749 section 3.1: it is kept
		between = "&"
	}
	return opened.URL + between + query(with.fill(opened.Fields))
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

// Exchange spends an authorization code (RFC 6749 section 4.1.3): one request. The tokens
// are as they came; Exchange parses none of them. That of Codex has all three, another one
// an access token at least.
//
// Errors: [*StatusError] with the issuer's own words, [*UnreachableError],
// [ErrUnreadable]. After each the code may be spent: start the login again.
func (c *Client) Exchange(ctx context.Context, code Code) (endpoint.TokenResponse, error) {
	sentAt := c.options.Now()
	answered, unreachable := c.post(ctx, c.requests().Exchange, values{
		"{code}": code.Code.Reveal(), redirectURI: code.RedirectURI, "{verifier}": code.Verifier.Reveal(),
	})
	if unreachable != nil {
		return endpoint.TokenResponse{}, unreachable
	}
	if answered.isPage() {
		return endpoint.TokenResponse{}, answered.pageError()
	}
	return c.grantedBy(answered, sentAt, code.Code, code.Verifier)
}

// grantedBy is the token response of an answer to the end of a login.
func (c *Client) grantedBy(answered reply, sentAt time.Time, sent ...secret.Token) (endpoint.TokenResponse, error) {
	m := answered.members()
	if !answered.ok() || m.saysError() {
		detail := cleaned(answered.detail(), append(sent, answered.proof)...)
		return endpoint.TokenResponse{}, &StatusError{"token endpoint returned status", answered.status, detail}
	}
	response := m.tokenResponse()
	isWhole := !response.IDToken.IsAbsent() && !response.RefreshToken.IsAbsent() || !c.profile.IsCodex
	if response.AccessToken.IsAbsent() || !isWhole {
		return endpoint.TokenResponse{}, answered.unreadableError()
	}
	return c.taken(response).SentAt(sentAt), nil
}

// ExchangeKey asks for an API key in exchange for an ID token (RFC 8693, in the
// dialect of Codex's issuer): one request. Not every account may have one, so that its
// errors, of the same types as those of [Client.Exchange], end no login.
func (c *Client) ExchangeKey(ctx context.Context, idToken secret.Token) (secret.Token, error) {
	answered, unreachable := c.post(ctx, c.requests().KeyExchange, values{"{id_token}": idToken.Reveal()})
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
