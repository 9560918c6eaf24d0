// Package chatgpt is a client of ChatGPT's backend. It reads how much of an account's rate
// limits is used, with the request that Codex sends, and translates the answer into the
// types of package protocol. Every call is one request: nothing is retried.
package chatgpt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/outbound"
)

// Options configure a [Client]. BaseURL is required.
type Options struct {
	BaseURL   string            // chatgpt_base_url; a slash at the end does not matter
	Rules     outbound.Rules    // where the access token may go
	Transport http.RoundTripper // must not retry; nil for one of net/http that does not
}

// Client is a client of one backend. Its methods may be called concurrently.
type Client struct {
	outbound.Introduction
	endpoint  string
	rules     outbound.Rules
	transport http.RoundTripper
}

// New makes a client. It opens nothing.
func New(options Options) *Client {
	client := &Client{endpoint: usageEndpoint(options.BaseURL), rules: options.Rules, transport: options.Transport}
	if client.transport == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.Proxy = outbound.Proxy
		transport.DisableKeepAlives = true // on a kept connection that has died, net/http would send the request twice
		client.transport = transport
	}
	return client
}

// usageEndpoint is the address that Codex uses. The backend has other paths under the
// address that ChatGPT's own programs use.
func usageEndpoint(base string) string {
	const ownPrograms = "/backend-api"
	base = strings.TrimRight(base, "/")
	if base == "https://chatgpt.com" || base == "https://chat.openai.com" {
		base += ownPrograms
	}
	if strings.HasSuffix(base, ownPrograms) {
		return base + "/wham/usage"
	}
	return base + "/api/codex/usage"
}

// Login is the account whose limits are read.
type Login struct {
	AccessToken secret.Token
	AccountID   string // of the workspace; "" if it is not known
	UserID      string // "" if it is not known
}

// RateLimits asks once, with one request; ctx bounds the whole of it, there is
// no other limit on its time. The errors:
//
//   - a *[StatusError] with status 401: the access token is refused; ask again
//     with another one;
//   - a *[StatusError] with another status, or an *[UnreachableError]: nothing
//     is known now; ask again later;
//   - [ErrUnreadable]: the answer does not hold the limits.
func (c *Client) RateLimits(ctx context.Context, login Login) (protocol.RateLimitsResponse, error) {
	body, err := c.get(ctx, login)
	if err != nil {
		return protocol.RateLimitsResponse{}, err
	}
	decoded, err := decode(body)
	if err != nil {
		return protocol.RateLimitsResponse{}, err
	}
	return decoded.limits(login), nil
}

const bodyLimitBytes = 1 << 20

// get does not use http.Client, which would send the token along redirects and put the URL
// into its errors.
func (c *Client) get(ctx context.Context, login Login) ([]byte, error) {
	request, err := c.request(ctx, login)
	if err != nil {
		return nil, err
	}
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return nil, &UnreachableError{outbound.ProblemOf(ctx, err)}
	}
	defer response.Body.Close()
	body, err := outbound.ReadBody(response.Body, bodyLimitBytes+1)
	switch {
	case outbound.IsPage(response.Header, body): // a 401 of a portal is no refusal of the token
		return nil, &UnreachableError{evidence.ProblemPage}
	case response.StatusCode/100 != 2:
		return nil, &StatusError{Path: request.URL.Path, Status: response.StatusCode}
	case len(body) > bodyLimitBytes:
		return nil, fmt.Errorf("%w: it is too long", ErrUnreadable)
	case err != nil:
		return nil, &UnreachableError{outbound.ProblemOf(ctx, err)}
	}
	return body, nil
}

func (c *Client) request(ctx context.Context, login Login) (*http.Request, error) {
	request, err := c.rules.NewRequest(ctx, http.MethodGet, c.endpoint, nil)
	if err != nil {
		return nil, &UnreachableError{outbound.ProblemOf(ctx, err)}
	}
	if !outbound.FitsHeader(login.AccessToken.Reveal()) || !outbound.FitsHeader(login.AccountID) {
		return nil, &UnreachableError{evidence.ProblemHeader}
	}
	request.Header.Set("Authorization", "Bearer "+login.AccessToken.Reveal())
	if login.AccountID != "" {
		request.Header.Set("Chatgpt-Account-Id", login.AccountID)
	}
	c.Sign(request)
	return request, nil
}

// StatusError reports that the backend refused to give the limits.
type StatusError struct {
	Path   string // of the request
	Status int    // HTTP status
}

// Error begins as Codex's text does, which goes on with the body.
func (e *StatusError) Error() string {
	return fmt.Sprintf("GET %s failed: %d %s", e.Path, e.Status, cmp.Or(http.StatusText(e.Status), "<unknown status code>"))
}

// ErrUnreadable reports an answer that does not hold the limits.
var ErrUnreadable = errors.New("the backend's answer cannot be read")

// UnreachableError reports that the backend gave no answer, or not all of it.
type UnreachableError struct{ Problem evidence.Problem }

func (e *UnreachableError) Error() string { return "the backend gave no answer: " + e.Problem.Error() }
