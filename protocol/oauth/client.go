// Package oauth is a client of authorization servers, which bezoar calls issuers. It
// refreshes tokens (RFC 6749 section 6), revokes them (RFC 7009), and makes the calls of
// a login: authorization code with PKCE (RFC 6749 section 4.1, RFC 7636), device
// authorization (RFC 8628) and token exchange (RFC 8693). What is sent, and what an answer
// means, a [profile.Profile] says; Codex's is one of them. Every call is one request:
// nothing is retried, nothing is sent twice.
//
// A refresh is read in order in client.go ([Client.Refresh]), fill.go (what is sent), transport.go (the post),
// reply.go and members.go (the answer), and classify.go, which alone decides what an
// answer to a refresh means.
package oauth

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
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

// Options configure a [Client]. Every zero value stands for its default.
type Options struct {
	Profile   profile.Profile   // of the issuer; the zero Profile is that of Codex, at its issuer
	Endpoints profile.Endpoints // of the issuer, as they were discovered; none for those of Profile
	SendsIss  bool              // the issuer says that it names itself in each authorization response (RFC 9207 section 3)

	// Secret is the secret of a confidential client. It is asked for before each request
	// that needs it. Its error is not shown, for it may repeat the secret.
	Secret func(context.Context) (secret.Token, error)

	// Authorities returns certificates in PEM to trust besides the system's. The
	// client calls it before the first request over TLS. nil for none.
	Authorities func() ([]byte, error)

	Rules outbound.Rules // where requests may go

	Transport http.RoundTripper // for tests; nil for one of the client's own
	Now       func() time.Time  // time.Now
	Log       *slog.Logger      // discarded
}

// Client is a client of the issuer of a profile. Codex's logins name their issuer, so that
// refreshes and revocations of theirs go there. All methods may be called concurrently. The
// context of a call bounds all of it; there is no other limit.
type Client struct {
	outbound.Introduction
	options Options
	profile profile.Profile
	to      profile.Endpoints

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
	if options.Profile.Issuer == "" {
		options.Profile = profile.CodexAt(profile.CodexIssuer)
	}
	if options.Endpoints == (profile.Endpoints{}) {
		options.Endpoints = options.Profile.Endpoints
	}
	return &Client{options: options, profile: options.Profile, to: options.Endpoints, transport: options.Transport}
}

// Profile is that of the issuer. The caller changes nothing in it.
func (c *Client) Profile() profile.Profile { return c.profile }

// SendsIss reports whether the issuer has said that it names itself in each authorization
// response.
func (c *Client) SendsIss() bool { return c.options.SendsIss }

// requests are the requests of the profile.
func (c *Client) requests() profile.Requests { return c.profile.Requests(c.to) }

// requestsOf are those about the logins of an issuer, under the client that they were made
// for.
func (c *Client) requestsOf(issuer machine.Issuer) profile.Requests {
	p, to := c.profile, c.to
	p.ClientID, to.Token = issuer.ClientID, issuer.TokenEndpoint
	if p.IsCodex {
		to.Revocation = cmp.Or(to.Revocation, RevocationBeside(issuer.TokenEndpoint))
	}
	return p.Requests(to)
}

// isOurs reports whether the logins of an issuer are those of the profile, so that they may
// be sent what it says. Codex's profile is for the logins of every issuer.
func (c *Client) isOurs(issuer machine.Issuer) bool {
	return c.profile.IsCodex || issuer == machine.Issuer{TokenEndpoint: c.to.Token, ClientID: c.profile.ClientID}
}

// hasMade reports whether the issuer of the profile has made a login, as far as that says it.
func (c *Client) hasMade(made machine.Provenance) bool {
	return c.profile.IsCodex || made.Issuer == "" || made.Issuer == c.profile.Issuer
}

// clientSecret is the hole of the client's secret.
const clientSecret = "{client_secret}"

// proofKey is where the context of a refresh has the secret of the client.
type proofKey struct{}

// Prepare asks for the secret of the client, if a refresh needs it: bring puts it into the
// context of that refresh. The answer is not nil if no refresh can be sent: there is no
// secret, or the login is one of another issuer than that of the profile.
func (c *Client) Prepare(ctx context.Context, issuer machine.Issuer, made machine.Provenance) (bring func(context.Context) context.Context, answer endpoint.Answer) {
	if !c.isOurs(issuer) || !c.hasMade(made) {
		return nil, endpoint.Misconfigured{Evidence: evidence.Evidence{Problem: evidence.ProblemOtherProfile}}
	}
	if !c.requestsOf(issuer).Refresh.NeedsSecret() {
		return nil, nil
	}
	proof, missing := c.secret(ctx)
	if missing != nil {
		c.options.Log.Warn("no secret of the client for a refresh")
		return nil, endpoint.Unavailable{Evidence: evidence.Evidence{Problem: missing.Problem}}
	}
	return func(ctx context.Context) context.Context { return context.WithValue(ctx, proofKey{}, proof) }, nil
}

// secret is the secret of the client: what was prepared, or what it is asked for now.
func (c *Client) secret(ctx context.Context) (secret.Token, *UnreachableError) {
	if prepared, ok := ctx.Value(proofKey{}).(secret.Token); ok {
		return prepared, nil
	}
	if c.options.Secret == nil {
		return secret.Token{}, &UnreachableError{Problem: evidence.ProblemClientSecret}
	}
	proof, err := c.options.Secret(ctx)
	if err != nil || proof.IsEmpty() {
		return secret.Token{}, &UnreachableError{Problem: evidence.ProblemClientSecret}
	}
	return proof, nil
}

// Refresh sends one refresh request with a refresh token of issuer, which spends the
// token, and returns what the answer means, or that there was none. It asks
// [endpoint.MayPost] when the first byte of the body is about to leave. Logins of another
// issuer than that of the profile are not sent.
func (c *Client) Refresh(ctx context.Context, issuer machine.Issuer, token secret.Token, cause endpoint.Cause) endpoint.Answer {
	if !c.isOurs(issuer) {
		return endpoint.Misconfigured{Evidence: evidence.Evidence{Problem: evidence.ProblemOtherProfile}}
	}
	sentAt := c.options.Now()
	answered, err := c.post(ctx, c.requestsOf(issuer).Refresh, values{"{refresh_token}": token.Reveal(), "{cause}": string(cause)})
	if err != nil {
		c.options.Log.Warn("no answer to a refresh", "problem", err.Problem, "sent", err.Sent)
		return endpoint.Unavailable{Lost: err.Sent, Evidence: evidence.Evidence{Problem: err.Problem}}
	}
	answered.spent = token
	answer := answered.classify(c.profile.Answers, c.options.Now())
	switch answer := answer.(type) {
	case endpoint.Issued:
		answer.Response = c.taken(answer.Response).SentAt(sentAt)
		return answer
	case endpoint.Unavailable:
		c.options.Log.Warn("no tokens from a refresh", "status", answer.Evidence.Status, "code", answer.Evidence.Code,
			"problem", answer.Evidence.Problem, "retry_after", answer.RetryAfter)
	}
	return answer
}

// taken is a token response with what the profile takes of it. Codex reads the tokens and
// their lifetime alone.
func (c *Client) taken(response endpoint.TokenResponse) endpoint.TokenResponse {
	switch {
	case c.profile.IsCodex:
		response.Scope, response.TokenType = "", ""
	case !slices.Contains(c.profile.Expiry, profile.ExpiresIn):
		response.Lifetime = 0
	}
	return response
}

// Provenance names the issuer and the client_id of new logins, and, but for Codex's, where
// they are refreshed.
func (c *Client) Provenance() machine.Provenance {
	made := machine.Provenance{Issuer: c.profile.Issuer, ClientID: c.profile.ClientID, TokenEndpoint: c.to.Token}
	if c.profile.IsCodex {
		made.TokenEndpoint = ""
	}
	return made
}

// Revoke sends issuer one revocation request (RFC 7009) with the login's refresh token,
// which also ends the access tokens of that login. A login without a refresh token has
// its access token revoked. A token that the issuer does not know counts as revoked.
//
// Errors: [*StatusError], [*UnreachableError], and [ErrNoRevocation] if the issuer has no
// endpoint for it. The token may live on at the issuer; a logout does not wait or fail for
// that.
func (c *Client) Revoke(ctx context.Context, issuer machine.Issuer, login machine.Credential) error {
	if !c.isOurs(issuer) || !c.hasMade(login.Provenance) {
		return &UnreachableError{Problem: evidence.ProblemOtherProfile}
	}
	requests := c.requestsOf(issuer)
	request := requests.Revocation
	if login.RefreshToken.IsEmpty() {
		request = requests.AccessRevocation
	}
	if request.URL == "" {
		return ErrNoRevocation
	}
	answered, unreachable := c.post(ctx, request, values{"{refresh_token}": login.RefreshToken.Reveal(), "{access_token}": login.AccessToken.Reveal()})
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

// ErrNoRevocation reports that the issuer takes no revocations: the login lives on there
// until it expires.
var ErrNoRevocation = errors.New("the issuer has no revocation endpoint")

// RevocationBeside is the revocation endpoint that Codex uses beside a token endpoint.
// A token endpoint that is no URL is returned as it is, and the request fails.
func RevocationBeside(tokenEndpoint string) string {
	u, err := url.Parse(tokenEndpoint)
	if err != nil {
		return tokenEndpoint
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/oauth/revoke"}).String()
}
