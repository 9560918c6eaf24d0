// Package oauth is a client of authorization servers, which bezoar calls issuers. It
// refreshes tokens (RFC 6749 section 6), revokes them (RFC 7009), and makes the calls of
// a login: authorization code with PKCE (RFC 6749 section 4.1, RFC 7636), device
// authorization (RFC 8628) and token exchange (RFC 8693), in the dialect of Codex's
// issuer. Every call is one request: nothing is retried, nothing is sent twice.
//
// A refresh is read in order in client.go ([Client.Refresh]), transport.go (the post),
// reply.go and members.go (the answer), and classify.go, which alone decides what an
// answer to a refresh means.
package oauth

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/outbound"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// DefaultClientID is the client_id of Codex at its issuer.
const DefaultClientID = profile.CodexClientID

// Options configure a [Client]. LoginIssuer is required for a login.
type Options struct {
	RevocationEndpoint string // "" for the one beside the token endpoint of a login
	LoginIssuer        string // base URL of the issuer of new logins, no slash at the end
	LoginClientID      string // client_id of new logins; "" for DefaultClientID

	// Authorities returns certificates in PEM to trust besides the system's. The
	// client calls it before the first request over TLS. nil for none.
	Authorities func() ([]byte, error)

	Rules outbound.Rules // where requests may go

	Transport http.RoundTripper // for tests; nil for one of the client's own
	Now       func() time.Time  // time.Now
	Log       *slog.Logger      // discarded
}

// Client is a client of several issuers: of LoginIssuer for new logins, and of the
// issuer of each login for refreshes and revocations. All methods may be called
// concurrently. The context of a call bounds all of it; there is no other limit.
type Client struct {
	outbound.Introduction
	options Options

	transportMu sync.Mutex        // guards transport
	transport   http.RoundTripper // nil until the first request that needs it
}

// New makes a client. It opens no connection and reads no file before the first call.
func New(options Options) *Client {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	options.LoginClientID = cmp.Or(options.LoginClientID, DefaultClientID)
	return &Client{options: options, transport: options.Transport}
}

// refreshRequest is RFC 6749 section 6 as Codex sends it, in JSON.
type refreshRequest struct {
	ClientID     string         `json:"client_id"`
	GrantType    string         `json:"grant_type"`
	RefreshToken string         `json:"refresh_token"`
	Reason       endpoint.Cause `json:"refresh_reason,omitempty"`
}

// Refresh sends one refresh request with a refresh token of issuer, which spends the
// token, and returns what the answer means, or that there was none. It asks
// [endpoint.MayPost] when the first byte of the body is about to leave.
func (c *Client) Refresh(ctx context.Context, issuer machine.Issuer, token secret.Token, cause endpoint.Cause) endpoint.Answer {
	sentAt := c.options.Now()
	answered, err := c.postJSON(ctx, issuer.TokenEndpoint, refreshRequest{
		ClientID:     issuer.ClientID,
		GrantType:    "refresh_token",
		RefreshToken: token.Reveal(),
		Reason:       cause,
	})
	if err != nil {
		c.options.Log.Warn("no answer to a refresh", "problem", err.Problem, "sent", err.Sent)
		return endpoint.Unavailable{Lost: err.Sent, Evidence: evidence.Evidence{Problem: err.Problem}}
	}
	answered.spent = token
	answer := answered.classify(c.options.Now())
	switch answer := answer.(type) {
	case endpoint.Issued:
		answer.Response = answer.Response.SentAt(sentAt)
		return answer
	case endpoint.Refused:
		answer.Evidence = withoutEcho(answer.Evidence, token)
		return answer
	case endpoint.Unavailable:
		answer.Evidence = withoutEcho(answer.Evidence, token)
		c.options.Log.Warn("no tokens from a refresh", "status", answer.Evidence.Status, "code", answer.Evidence.Code,
			"problem", answer.Evidence.Problem, "retry_after", answer.RetryAfter)
		return answer
	}
	return answer
}

// Provenance names the issuer and the client_id of new logins.
func (c *Client) Provenance() machine.Provenance {
	return machine.Provenance{Issuer: c.options.LoginIssuer, ClientID: c.options.LoginClientID}
}

// withoutEcho removes an error code that is a part of the token that was sent: an
// issuer may repeat the token anywhere.
func withoutEcho(evidence evidence.Evidence, token secret.Token) evidence.Evidence {
	if len(evidence.Code) >= shortestSecretBytes && strings.Contains(strings.ToLower(token.Reveal()), strings.ToLower(evidence.Code)) {
		evidence.Code = ""
	}
	return evidence
}

func (c *Client) postJSON(ctx context.Context, endpoint string, content any) (reply, *UnreachableError) {
	body, _ := json.Marshal(content) // structs of strings
	return c.post(ctx, endpoint, "application/json", body)
}

func (c *Client) postForm(ctx context.Context, endpoint string, form url.Values) (reply, *UnreachableError) {
	return c.post(ctx, endpoint, "application/x-www-form-urlencoded", []byte(form.Encode()))
}

// revocation is RFC 7009 section 2.1 as Codex sends it, in JSON.
type revocation struct {
	Token    string `json:"token"`
	Kind     string `json:"token_type_hint"`
	ClientID string `json:"client_id,omitempty"`
}

// Revoke sends issuer one revocation request (RFC 7009) with the login's refresh token,
// which also ends the access tokens of that login. A login without a refresh token has
// its access token revoked; Codex sends no client_id then. A token that the issuer does
// not know counts as revoked.
//
// Errors: [*StatusError], [*UnreachableError]. The token may live on at the issuer; a
// logout does not wait or fail for that.
func (c *Client) Revoke(ctx context.Context, issuer machine.Issuer, login machine.Credential) error {
	request := revocation{Token: login.RefreshToken.Reveal(), Kind: "refresh_token", ClientID: issuer.ClientID}
	if login.RefreshToken.IsEmpty() {
		request = revocation{Token: login.AccessToken.Reveal(), Kind: "access_token"}
	}
	answered, unreachable := c.postJSON(ctx, cmp.Or(c.options.RevocationEndpoint, RevocationBeside(issuer.TokenEndpoint)), request)
	if unreachable != nil {
		return unreachable
	}
	if answered.isPage() {
		return answered.pageError()
	}
	if !answered.ok() {
		return &StatusError{Call: "token revocation failed with status", Status: answered.status}
	}
	return nil
}

// RevocationBeside is the revocation endpoint that Codex uses beside a token endpoint.
// A token endpoint that is no URL is returned as it is, and the request fails.
func RevocationBeside(tokenEndpoint string) string {
	u, err := url.Parse(tokenEndpoint)
	if err != nil {
		return tokenEndpoint
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/oauth/revoke"}).String()
}
