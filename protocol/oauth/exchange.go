package oauth

import (
	"context"
	"net/url"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

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
// The grant has all three tokens, as they came: none of them was looked into.
//
// Errors: [*StatusError] with the issuer's own words, [*UnreachableError],
// [ErrUnreadable]. After each the code may be spent: start the login again.
func (c *Client) Exchange(ctx context.Context, code Code) (machine.TokenResponse, error) {
	sentAt := c.options.Now()
	answered, unreachable := c.postForm(ctx, c.loginTokenEndpoint(), url.Values{
		"grant_type":    {grantCode},
		"code":          {code.Code.Reveal()},
		"redirect_uri":  {code.RedirectURI},
		"client_id":     {c.options.LoginClientID},
		"code_verifier": {code.Verifier.Reveal()},
	})
	if unreachable != nil {
		return machine.TokenResponse{}, unreachable
	}
	if answered.isPage() {
		return machine.TokenResponse{}, answered.page()
	}
	said := answered.said()
	if !answered.ok() || said.saysError() {
		detail := cleaned(answered.detail(), code.Code, code.Verifier)
		return machine.TokenResponse{}, &StatusError{"token endpoint returned status", answered.status, detail}
	}
	grant := said.grant()
	if grant.IDToken.IsAbsent() || grant.AccessToken.IsAbsent() || grant.RefreshToken.IsAbsent() {
		return machine.TokenResponse{}, answered.unreadable()
	}
	return grant.SentAt(sentAt), nil
}

// ExchangeKey asks for an API key in exchange for an ID token (RFC 8693, in the
// reference's dialect): one request. Not every account may have one, so that its
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
	key := answered.said().accessToken()
	if key.IsAbsent() {
		return secret.Token{}, answered.unreadable()
	}
	return key, nil
}

// loginTokenEndpoint is where logins are ended. Refreshes may go elsewhere.
func (c *Client) loginTokenEndpoint() string { return c.options.LoginIssuer + "/oauth/token" }
