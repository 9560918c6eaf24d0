package scripted

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

const turnURL = "https://chatgpt.com/backend-api/codex/responses"

// client is a service, and a program that has it as its proxy and trusts its authority.
type client struct {
	*Service
	t    *testing.T
	http *http.Client
}

func newClient(t *testing.T, options Options) *client {
	s, err := Start(options)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	proxy, err := url.Parse(s.URL())
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(s.Certificate()))
	transport := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{s, t, &http.Client{Transport: transport}}
}

func (c *client) request(method, address string, bearer secret.Token) *http.Request {
	request, err := http.NewRequestWithContext(c.t.Context(), method, address, strings.NewReader("{}"))
	require.NoError(c.t, err)
	if !bearer.IsAbsent() {
		request.Header.Set("Authorization", "Bearer "+bearer.Reveal())
	}
	request.Header.Set("Chatgpt-Account-Id", issuer.Ada.ID)
	return request
}

func (c *client) ask(method, address string, bearer secret.Token) (status int, said string) {
	response, err := c.http.Do(c.request(method, address, bearer))
	require.NoError(c.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(c.t, err)
	return response.StatusCode, string(body)
}

func (c *client) turns(bearer secret.Token) int {
	status, _ := c.ask(http.MethodPost, turnURL, bearer)
	return status
}

func TestModelAcceptsWhatTheIssuerIssued(t *testing.T) {
	c := newClient(t, Options{})
	now := time.Now()
	grant := c.Issuer.Login(issuer.Ada, now)
	status, said := c.ask(http.MethodPost, turnURL, grant.AccessToken)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, said, Hello)
	require.Contains(t, said, "event: response.completed\n")
	require.Equal(t, http.StatusUnauthorized, c.turns(secret.Token{}), "anonymous")
	require.Equal(t, http.StatusUnauthorized, c.turns(secret.New("of another issuer")))
	require.Equal(t, http.StatusUnauthorized, c.turns(c.Issuer.Login(issuer.Ada, now.Add(-2*time.Hour)).AccessToken), "expired")
	c.Reject(grant.AccessToken.Fingerprint())
	require.Equal(t, http.StatusUnauthorized, c.turns(grant.AccessToken), "taken back")
	other := c.Issuer.Login(issuer.Ada, now)
	c.Issuer.Revoke(other.RefreshToken)
	require.Equal(t, http.StatusUnauthorized, c.turns(other.AccessToken), "its login was revoked")

	turns := c.Turns()
	require.Len(t, turns, 6)
	require.Equal(t, grant.AccessToken.Fingerprint(), turns[0].Bearer)
	require.Equal(t, "chatgpt.com", turns[0].Host)
	require.Equal(t, issuer.Ada.ID, turns[0].Account)
	require.Len(t, c.Requests(Request.IsAnonymous), 1)
}

func TestKeysOpenTheAPIAndTokensOpenChatGPT(t *testing.T) {
	key := secret.New("sk-good")
	c := newClient(t, Options{Keys: []secret.Token{key}})
	access := c.Issuer.Login(issuer.Ada, time.Now()).AccessToken
	for _, each := range []struct {
		bearer secret.Token
		url    string
		status int
	}{
		{key, "https://api.openai.com/v1/responses", http.StatusOK},
		{key, turnURL, http.StatusUnauthorized},
		{key, c.URL() + "/v1/responses", http.StatusOK},
		{access, "https://api.openai.com/v1/responses", http.StatusUnauthorized},
		{access, c.URL() + "/codex/responses", http.StatusOK},
	} {
		status, _ := c.ask(http.MethodPost, each.url, each.bearer)
		require.Equal(t, each.status, status, each.url)
	}
	c.Accept(secret.New("sk-new"))
	status, _ := c.ask(http.MethodPost, "https://api.openai.com/v1/responses", secret.New("sk-new"))
	require.Equal(t, http.StatusOK, status)
}

func TestScriptIsForAcceptedRequestsInTheirOrder(t *testing.T) {
	c := newClient(t, Options{})
	access := c.Issuer.Login(issuer.Ada, time.Now()).AccessToken
	c.Script(Step{Status: http.StatusUnauthorized}, Step{Command: "true"}, Step{Text: "a piece", Pieces: 3})
	require.Equal(t, http.StatusUnauthorized, c.turns(secret.New("unknown")), "it takes no step")
	require.Equal(t, http.StatusUnauthorized, c.turns(access))
	_, said := c.ask(http.MethodPost, turnURL, access)
	require.Contains(t, said, `"name":"exec_command"`)
	_, said = c.ask(http.MethodPost, turnURL, access)
	require.Equal(t, 3, strings.Count(said, `"delta":"a piece"`))
	_, said = c.ask(http.MethodPost, turnURL, access)
	require.Contains(t, said, Hello)
	c.Always(Step{Status: http.StatusServiceUnavailable})
	require.Equal(t, http.StatusServiceUnavailable, c.turns(access))
}

func TestPauseHoldsAnAnswerBack(t *testing.T) {
	c := newClient(t, Options{})
	access := c.Issuer.Login(issuer.Ada, time.Now()).AccessToken
	goOn := make(chan struct{})
	c.Script(Step{Before: issuer.Pause{Until: goOn}}, Step{Drop: true})
	answered := make(chan int, 1)
	go func() { answered <- c.turns(access) }()
	arrived, err := c.Await(t.Context(), 1, Request.IsTurn)
	require.NoError(t, err)
	require.Equal(t, access.Fingerprint(), arrived[0].Bearer)
	require.Empty(t, answered)
	close(goOn)
	require.Equal(t, http.StatusOK, <-answered)

	response, err := c.http.Do(c.request(http.MethodPost, turnURL, access))
	require.NoError(t, err)
	defer response.Body.Close()
	_, err = io.ReadAll(response.Body)
	require.Error(t, err, "the connection broke")
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	c := newClient(t, Options{})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Await(ended, 1, Request.IsTurn)
	require.ErrorIs(t, err, context.Canceled)
}

func TestBackendAnswersWhatACodexAsks(t *testing.T) {
	c := newClient(t, Options{})
	access := c.Issuer.Login(issuer.Ada, time.Now()).AccessToken
	const backend = "https://chatgpt.com/backend-api"
	for path, holds := range map[string]string{
		"/codex/models": `"models":[]`, "/wham/accounts/check": `"id":"account-ada"`, "/wham/usage": `"used_percent":5`,
	} {
		status, said := c.ask(http.MethodGet, backend+path, access)
		require.Equal(t, http.StatusOK, status, path)
		require.Contains(t, said, holds)
		status, _ = c.ask(http.MethodGet, backend+path, secret.Token{})
		require.Equal(t, http.StatusUnauthorized, status, path)
	}
	status, _ := c.ask(http.MethodGet, backend+"/ps/plugins", access)
	require.Equal(t, http.StatusNotFound, status)
	upgrade := c.request(http.MethodGet, turnURL, access)
	upgrade.Header.Set("Upgrade", "websocket")
	response, err := c.http.Do(upgrade)
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusUpgradeRequired, response.StatusCode)
	require.Empty(t, c.Turns(), "none of these asked the model")
}

func TestIssuerIsBehindTheSameProxy(t *testing.T) {
	c := newClient(t, Options{})
	for _, address := range []string{"https://auth.openai.com/oauth/token", c.TokenURL()} {
		status, _ := c.ask(http.MethodPost, address, secret.Token{})
		require.Equal(t, http.StatusUnauthorized, status, "there is no client id")
	}
	require.Len(t, c.Issuer.Requests(issuer.OtherGrant), 2)
	recorded := c.Requests(func(r Request) bool { return r.Call == OAuth })
	require.Len(t, recorded, 2)
	require.Equal(t, http.StatusUnauthorized, recorded[0].Status)
}

func TestOtherHostsAreRefused(t *testing.T) {
	c := newClient(t, Options{})
	_, err := c.http.Do(c.request(http.MethodGet, "https://github.com/", secret.Token{}))
	require.ErrorContains(t, err, "Bad Gateway")
	status, _ := c.ask(http.MethodGet, "http://github.com/", secret.Token{})
	require.Equal(t, http.StatusBadGateway, status)
	refused := c.Requests(func(r Request) bool { return r.Call == Refused })
	require.Len(t, refused, 2)
	require.Equal(t, "github.com", refused[0].Host)
}
