package oauth

import (
	"context"

	"github.com/bezoar-auth/bezoar/machine/secret"
)

// TokenKind tells the issuer which token a revocation is about (RFC 7009
// section 2.1, token_type_hint).
type TokenKind string

// The kinds of tokens that can be revoked.
const (
	RefreshToken TokenKind = "refresh_token"
	AccessToken  TokenKind = "access_token"
)

type revocation struct {
	Token    string    `json:"token"`
	Kind     TokenKind `json:"token_type_hint"`
	ClientID string    `json:"client_id,omitempty"`
}

// Revoke tells the issuer that a token, and what was issued with it, is given up
// (RFC 7009, as JSON): one request. The reference names the client only together
// with a refresh token. A token that the issuer does not know is revoked.
//
// Errors: [*StatusError], [*UnreachableError]. The token may live on; nobody has
// to be kept waiting or logged in for that.
func (c *Client) Revoke(ctx context.Context, kind TokenKind, token secret.Token) error {
	request := revocation{Token: token.Reveal(), Kind: kind}
	if kind == RefreshToken {
		request.ClientID = c.options.Issuer.ClientID
	}
	answered, unreachable := c.postJSON(ctx, c.options.RevocationEndpoint, request)
	if unreachable != nil {
		return unreachable
	}
	if !answered.isSuccess() {
		return &StatusError{Call: "token revocation failed with status", Status: answered.status}
	}
	return nil
}
