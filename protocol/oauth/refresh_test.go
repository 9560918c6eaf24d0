package oauth_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

const issuerURL = "https://issuer.test"

// names is the issuer of the refresh tokens.
var names = machine.Issuer{TokenEndpoint: issuerURL + "/oauth/token", ClientID: oauth.DefaultClientID}

// at is an issuer with another token endpoint.
func at(endpoint string) machine.Issuer {
	return machine.Issuer{TokenEndpoint: endpoint, ClientID: oauth.DefaultClientID}
}

func options(transport http.RoundTripper) oauth.Options {
	return oauth.Options{
		Profile:   profile.CodexAt(issuerURL),
		Transport: transport,
	}
}

// pair is an issuer, and a client of it that needs no network.
func pair(o issuer.Options) (*issuer.Issuer, *oauth.Client) {
	i := issuer.New(o)
	return i, oauth.New(options(i.Transport()))
}

// transportFunc is a network in one function.
type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// answering is a network whose issuer has one answer to everything.
func answering(status int, body io.Reader) transportFunc {
	return func(request *http.Request) (*http.Response, error) {
		if _, err := io.Copy(io.Discard, request.Body); err != nil {
			return nil, err
		}
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(body)}, nil
	}
}

func TestRefreshIsOneRequestAsCodexSendsIt(t *testing.T) {
	i, client := pair(issuer.Options{})
	client.Introduce("conformance", "conformance/1.0 (Debian 12.0.0; x86_64) xterm (conformance; 1.0)")
	grant := i.Login(issuer.Ada, time.Now())

	answer := client.Refresh(t.Context(), names, grant.RefreshToken, endpoint.CauseDemanded)

	require.IsType(t, endpoint.Issued{}, answer)
	requests := i.Requests()
	require.Len(t, requests, 1)
	want := `{"client_id":"app_EMoamEEZ73f0CkXaXp7hrann","grant_type":"refresh_token","refresh_token":"` +
		grant.RefreshToken.Reveal() + `","refresh_reason":"forced"}`
	require.True(t, requests[0].Body.Equal(secret.New(want)), "another body than that of Codex")
	require.Equal(t, http.Header{
		"Accept":          {"application/json"},
		"Accept-Encoding": {"gzip"},
		"Content-Type":    {"application/json"},
		"Originator":      {"conformance"},
		"User-Agent":      {"conformance/1.0 (Debian 12.0.0; x86_64) xterm (conformance; 1.0)"},
	}, requests[0].Header)
}

func TestEachCauseOfARefreshHasCodexsName(t *testing.T) {
	i, client := pair(issuer.Options{})
	for cause, want := range map[endpoint.Cause]string{
		endpoint.CauseDemanded: "forced", endpoint.CauseExpiring: "proactive_expiry",
		endpoint.CauseOld: "scheduled", endpoint.CauseRejected: "unauthorized_recovery", "": "",
	} {
		client.Refresh(t.Context(), names, secret.New("r"), cause)
		requests := i.Requests()
		last := requests[len(requests)-1]
		require.Equal(t, want, last.Reason)
		var members map[string]any
		require.NoError(t, json.Unmarshal([]byte(last.Body.Reveal()), &members))
		_, present := members["refresh_reason"]
		require.Equal(t, want != "", present)
	}
}

func TestNameThatNoHeaderCanHoldDoesNotStopRefreshes(t *testing.T) {
	i, client := pair(issuer.Options{})
	client.Introduce("evil\r\nAuthorization: x", "tab\tnul\x00del\x7f müsli \xff")
	require.IsType(t, endpoint.Issued{}, client.Refresh(t.Context(), names, i.Login(issuer.Ada, time.Now()).RefreshToken, ""))
	header := i.Requests()[0].Header
	require.Equal(t, "evil__Authorization: x", header.Get("Originator"))
	require.Equal(t, "tab_nul_del_ müsli _", header.Get("User-Agent"))
	require.Empty(t, header.Get("Authorization"))
}

func TestRefreshTellsWhatTheIssuerSaid(t *testing.T) {
	i, client := pair(issuer.Options{})
	grant := i.Login(issuer.Ada, time.Now())
	renewed := client.Refresh(t.Context(), names, grant.RefreshToken, endpoint.CauseOld).(endpoint.Issued).Response
	require.True(t, i.IsAlive(renewed.RefreshToken))
	require.False(t, renewed.AccessToken.IsAbsent())
	require.False(t, renewed.IDToken.IsAbsent())

	again := client.Refresh(t.Context(), names, grant.RefreshToken, endpoint.CauseOld)
	require.Equal(t, endpoint.Refused{Reason: history.ReasonReused}, bare(again))
	after := client.Refresh(t.Context(), names, renewed.RefreshToken, endpoint.CauseOld)
	require.Equal(t, endpoint.Refused{Reason: history.ReasonRevoked}, bare(after))
	unknown := client.Refresh(t.Context(), names, secret.New("unknown"), endpoint.CauseOld)
	require.Equal(t, endpoint.Refused{Reason: history.ReasonInvalidGrant}, bare(unknown))

	i.Script(issuer.Refresh, issuer.Step{Status: 429, Header: http.Header{"Retry-After": {"7"}}})
	busy := client.Refresh(t.Context(), names, renewed.RefreshToken, endpoint.CauseOld)
	require.Equal(t, endpoint.Unavailable{RetryAfter: 7 * time.Second}, bare(busy))
}

func TestLostAnswerIsInDoubt(t *testing.T) {
	for name, step := range map[string]issuer.Step{
		"no answer":                      {Drop: issuer.DropAnswer},
		"half an answer":                 {Drop: issuer.DropHalf},
		"a gateway answers in its place": {Work: true, Status: 502, Body: "<html>"},
		"lost before the work, which the client cannot know": {Drop: issuer.DropRequest},
	} {
		t.Run(name, func(t *testing.T) {
			i, client := pair(issuer.Options{})
			grant := i.Login(issuer.Ada, time.Now())
			i.Script(issuer.Refresh, step)
			answer := client.Refresh(t.Context(), names, grant.RefreshToken, endpoint.CauseOld)
			require.Equal(t, endpoint.Unavailable{Lost: true}, bare(answer))
			require.Equal(t, 1, i.Counts().Posts, "a second request was made")
			require.Equal(t, step.Drop == issuer.DropRequest, i.IsAlive(grant.RefreshToken))
		})
	}
}

func TestUnsentRequestSpendsNothing(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	i := issuer.New(issuer.Options{})
	refusing := i.Transport()
	refusing.Refuse(true)
	for name, row := range map[string]struct {
		ctx       context.Context
		endpoint  string
		transport http.RoundTripper
	}{
		"connection refused":      {t.Context(), issuerURL, refusing},
		"cancelled before":        {cancelled, issuerURL, i.Transport()},
		"an address without host": {t.Context(), "https:///oauth/token", i.Transport()},
		"an address of no scheme": {t.Context(), "issuer.test/oauth/token", i.Transport()},
		"another scheme":          {t.Context(), "file:///etc/passwd", i.Transport()},
		"no address":              {t.Context(), "http://issuer.test:port/\x7f", i.Transport()},
		"nothing":                 {t.Context(), "", i.Transport()},
	} {
		t.Run(name, func(t *testing.T) {
			answer := oauth.New(options(row.transport)).Refresh(row.ctx, at(row.endpoint), secret.New("r"), "")
			require.Equal(t, endpoint.Unavailable{Lost: false}, bare(answer))
			require.Empty(t, i.Requests())
		})
	}
}

func TestLateTransportCannotSendTheToken(t *testing.T) {
	var late io.Reader
	client := oauth.New(options(transportFunc(func(request *http.Request) (*http.Response, error) {
		late = request.Body
		return nil, errors.New("gave up while a connection was being made")
	})))
	require.Equal(t, endpoint.Unavailable{Lost: false}, bare(client.Refresh(t.Context(), names, secret.New("r"), "")))
	sent, err := io.ReadAll(late)
	require.Error(t, err)
	require.Empty(t, sent)
}

func TestIntentIsAskedWhenTheFirstByteLeaves(t *testing.T) {
	old := false
	client := oauth.New(options(transportFunc(func(request *http.Request) (*http.Response, error) {
		old = true // while a connection was being made
		sent, err := io.ReadAll(request.Body)
		require.Empty(t, sent)
		return nil, err
	})))
	ctx := endpoint.WithIntent(t.Context(), func() bool { return !old })
	require.Equal(t, endpoint.Unavailable{Lost: false}, bare(client.Refresh(ctx, names, secret.New("r"), "")))
}

func TestLifetimeIsCountedFromTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, client := pair(issuer.Options{})
		slow := issuer.Step{
			Status: 200, Body: `{"access_token":"a","id_token":"i","refresh_token":"r","expires_in":3600}`,
			After: issuer.Pause{For: 20 * time.Second},
		}
		i.Always(issuer.Refresh, slow)
		i.Always(issuer.Exchange, slow)
		ends := time.Now().Round(0).Add(time.Hour)
		answer := client.Refresh(t.Context(), names, secret.New("old"), "")
		require.Equal(t, ends, answer.(endpoint.Issued).Response.ExpiresAt)
		ends = time.Now().Round(0).Add(time.Hour)
		grant, err := client.Exchange(t.Context(), oauth.Code{Code: secret.New("c"), Verifier: secret.New("v")})
		require.NoError(t, err)
		require.Equal(t, ends, grant.ExpiresAt)
	})
}

func TestCompleteResponseCountsOnABrokenConnection(t *testing.T) {
	const grant = `{"access_token":"a","refresh_token":"r"}`
	broken := io.MultiReader(strings.NewReader(grant), failing{io.ErrUnexpectedEOF})
	answer := oauth.New(options(answering(200, broken))).Refresh(t.Context(), names, secret.New("old"), "")
	require.Equal(t, fingerprintOf("r"), answer.(endpoint.Issued).Response.RefreshToken.Fingerprint())
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestCompleteResponseCountsAfterTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const grant = `{"access_token":"a","refresh_token":"r"}`
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		rest := untilDone{ctx}
		start := time.Now()
		answer := oauth.New(options(answering(200, io.MultiReader(strings.NewReader(grant), rest)))).Refresh(ctx, names, secret.New("old"), "")
		require.Equal(t, time.Minute, time.Since(start))
		require.Equal(t, fingerprintOf("r"), answer.(endpoint.Issued).Response.RefreshToken.Fingerprint())
	})
}

// untilDone is a body whose end does not come.
type untilDone struct{ ctx context.Context }

func (u untilDone) Read([]byte) (int, error) {
	<-u.ctx.Done()
	return 0, u.ctx.Err()
}

func TestCallersTimeBoundsTheWait(t *testing.T) {
	for name, step := range map[string]issuer.Step{
		"before the work": {Before: issuer.Pause{For: time.Hour}},
		"after the work":  {After: issuer.Pause{For: time.Hour}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i, client := pair(issuer.Options{})
				i.Script(issuer.Refresh, step)
				grant := i.Login(issuer.Ada, time.Now())
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				start := time.Now()
				require.Equal(t, endpoint.Unavailable{Lost: true}, bare(client.Refresh(ctx, names, grant.RefreshToken, "")))
				require.Equal(t, 30*time.Second, time.Since(start))
				require.Equal(t, step.Before.For > 0, i.IsAlive(grant.RefreshToken))
			})
		})
	}
}

func TestBodyIsReadUpToAMebibyte(t *testing.T) {
	for name, row := range map[string]struct {
		length int
		want   endpoint.Answer
	}{
		"to the byte": {1 << 20, endpoint.Issued{Response: endpoint.TokenResponse{AccessToken: secret.New("a")}}},
		"one more":    {1<<20 + 1, endpoint.Unavailable{Lost: true}},
	} {
		t.Run(name, func(t *testing.T) {
			const begin, end = `{"access_token":"a","pad":"`, `"}`
			body := begin + strings.Repeat("x", row.length-len(begin+end)) + end
			counted := &counting{from: io.MultiReader(strings.NewReader(body), strings.NewReader(strings.Repeat(" ", 1<<20)))}
			answer := oauth.New(options(answering(200, counted))).Refresh(t.Context(), names, secret.New("r"), "")
			require.Equal(t, row.want, bare(answer))
			require.LessOrEqual(t, counted.n, 1<<20)
		})
	}
}

type counting struct {
	from io.Reader
	n    int
}

func (c *counting) Read(into []byte) (int, error) {
	n, err := c.from.Read(into)
	c.n += n
	return n, err
}
