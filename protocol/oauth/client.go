// Package oauth talks to an issuer: refresh, revocation and the calls of a
// login, in the dialect of the reference's issuer. What an answer to a refresh
// means is said in [Classify] and nowhere else. Nothing is retried here, and
// nothing is sent twice.
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
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/outbound"
)

// DefaultClientID is the client that the reference's issuer knows Codex by.
const DefaultClientID = "app_EMoamEEZ73f0CkXaXp7hrann"

// Options is what a client is made of.
type Options struct {
	RevocationEndpoint string // "" for the one beside a login's token endpoint
	LoginIssuer        string // base URL of new logins, no slash at the end
	LoginClientID      string // the client that they are made for; "" for DefaultClientID

	// Authorities returns certificates in PEM to trust besides the system's. It
	// is called before the first request that needs any. nil for none.
	Authorities func() ([]byte, error)

	Rules outbound.Rules // where requests may go

	Transport http.RoundTripper // for tests; nil for one of the client's own
	Now       func() time.Time  // time.Now
	Log       *slog.Logger      // discarded
}

// Client is a client of issuers: of one for new logins, and of whichever each login
// was made at. All methods may be called concurrently. A
// context bounds the whole of a call; there is no other limit on its time.
type Client struct {
	outbound.Introduction
	options     Options
	transportMu sync.Mutex // guards options.Transport while it is made
}

// New makes a client. It opens and reads nothing: that waits for the first call.
func New(options Options) *Client {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	options.LoginClientID = cmp.Or(options.LoginClientID, DefaultClientID)
	return &Client{options: options}
}

// refreshRequest is RFC 6749 section 6 as the reference sends it.
type refreshRequest struct {
	ClientID     string        `json:"client_id"`
	GrantType    string        `json:"grant_type"`
	RefreshToken string        `json:"refresh_token"`
	Reason       machine.Cause `json:"refresh_reason,omitempty"`
}

// Refresh spends a refresh token of issuer: one request, and what came of it.
func (c *Client) Refresh(ctx context.Context, issuer machine.Issuer, token secret.Token, cause machine.Cause) machine.Answer {
	sentAt := c.options.Now()
	answered, err := c.postJSON(ctx, issuer.TokenEndpoint, refreshRequest{
		ClientID:     issuer.ClientID,
		GrantType:    "refresh_token",
		RefreshToken: token.Reveal(),
		Reason:       cause,
	})
	if err != nil {
		c.options.Log.Warn("no answer to a refresh", "problem", err.Problem, "sent", err.Sent)
		return machine.Unavailable{Lost: err.Sent, Evidence: evidence.Evidence{Problem: err.Problem}}
	}
	answered.spent = token
	answer := answered.classify(c.options.Now())
	switch answer := answer.(type) {
	case machine.Issued:
		answer.Response = answer.Response.SentAt(sentAt)
		return answer
	case machine.Refused:
		answer.Evidence = withoutEcho(answer.Evidence, token)
		return answer
	case machine.Unavailable:
		answer.Evidence = withoutEcho(answer.Evidence, token)
		c.options.Log.Warn("no tokens from a refresh", "status", answer.Evidence.Status, "code", answer.Evidence.Code,
			"problem", answer.Evidence.Problem, "retry_after", answer.RetryAfter)
		return answer
	}
	return answer
}

// Provenance is where the logins of this client are made.
func (c *Client) Provenance() machine.Provenance {
	return machine.Provenance{Issuer: c.options.LoginIssuer, ClientID: c.options.LoginClientID}
}

// withoutEcho leaves a code out that is a piece of the token that was sent: an
// issuer may put it anywhere.
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
