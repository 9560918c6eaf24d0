package oauth

import (
	"cmp"
	"context"
	"net/url"

	"github.com/bezoar-auth/bezoar/machine"
)

// revocation is RFC 7009 section 2.1 as the reference sends it.
type revocation struct {
	Token    string `json:"token"`
	Kind     string `json:"token_type_hint"`
	ClientID string `json:"client_id,omitempty"`
}

// Revoke tells issuer that a login is given up (RFC 7009, as JSON): one
// request with its refresh token, and with it goes what was issued for it. A
// login without one has its access token revoked; the reference does not name
// the client then. A token that the issuer does not know is revoked.
//
// Errors: [*StatusError], [*UnreachableError]. The token may live on; nobody has
// to be kept waiting or logged in for that.
func (c *Client) Revoke(ctx context.Context, issuer machine.Issuer, login machine.Credential) error {
	request := revocation{Token: login.RefreshToken.Reveal(), Kind: "refresh_token", ClientID: issuer.ClientID}
	if login.RefreshToken.IsEmpty() {
		request = revocation{Token: login.AccessToken.Reveal(), Kind: "access_token"}
	}
	answered, unreachable := c.postJSON(ctx, cmp.Or(c.options.RevocationEndpoint, revocationBeside(issuer.TokenEndpoint)), request)
	if unreachable != nil {
		return unreachable
	}
	if answered.isPage() {
		return answered.page()
	}
	if !answered.ok() {
		return &StatusError{Call: "token revocation failed with status", Status: answered.status}
	}
	return nil
}

// revocationBeside is where the reference revokes a token that it refreshes at
// tokenEndpoint. One that is no URL gives another that is none.
func revocationBeside(tokenEndpoint string) string {
	u, err := url.Parse(tokenEndpoint)
	if err != nil {
		return tokenEndpoint
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/oauth/revoke"}).String()
}
