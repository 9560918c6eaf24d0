package issuer_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

func TestScriptIsPlayedInOrderAndThenForgotten(t *testing.T) {
	i := issuer.New(issuer.Options{})
	token := i.Login(issuer.Ada, time.Now()).RefreshToken
	i.Always(issuer.Refresh, issuer.Step{Status: 503})
	i.Script(issuer.Refresh, issuer.Step{Status: 500}, issuer.Step{Status: 429})
	i.Script(issuer.Refresh, issuer.Step{Status: 418})
	for range 5 {
		refresh(t, i, token)
	}
	i.Always(issuer.Refresh, issuer.Step{})
	require.IsType(t, endpoint.Issued{}, refresh(t, i, token))
	var statuses []int
	for _, each := range i.Requests(issuer.Refresh) {
		statuses = append(statuses, each.Status)
	}
	require.Equal(t, []int{500, 429, 418, 503, 503, 200}, statuses)
}

func TestHangLastsUntilItIsReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, release := issuer.New(issuer.Options{}), make(chan struct{})
		token := i.Login(issuer.Ada, time.Now()).RefreshToken
		i.Script(issuer.Refresh, issuer.Step{Before: issuer.Pause{For: time.Second, Until: release}})
		var answer endpoint.Answer
		go func() { answer = refresh(t, i, token) }()
		time.Sleep(time.Hour)
		require.Nil(t, answer)
		require.Equal(t, 1, i.Counts().Posts)
		close(release)
		synctest.Wait()
		require.IsType(t, endpoint.Issued{}, answer)
	})
}

func TestGivenUpRequestHoldsNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // a bubble fails when a goroutine is left in it
		i := issuer.New(issuer.Options{})
		i.Always(issuer.Refresh, issuer.Step{After: issuer.Pause{Until: make(chan struct{})}})
		token := i.Login(issuer.Ada, time.Now()).RefreshToken
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.Equal(t, endpoint.Unavailable{Lost: true}, bare(clientOf(i.Transport()).Refresh(ctx, names, token, "")))
		require.False(t, i.IsAlive(token), "the work was done before the hang")
		require.False(t, i.Requests()[0].Answered)
	})
}

func TestConnectionBreaksTheSameWithAndWithoutANetwork(t *testing.T) {
	for name, step := range map[string]issuer.Step{
		"request": {Drop: issuer.DropRequest}, "answer": {Drop: issuer.DropAnswer}, "half": {Drop: issuer.DropHalf},
	} {
		t.Run(name, func(t *testing.T) {
			i := issuer.New(issuer.Options{})
			server := httptest.NewServer(i)
			defer server.Close()
			network := &http.Transport{DisableKeepAlives: true}
			for _, transport := range []http.RoundTripper{i.Transport(), network} {
				token := i.Login(issuer.Ada, time.Now()).RefreshToken
				body := `{"client_id":"app_EMoamEEZ73f0CkXaXp7hrann","grant_type":"refresh_token","refresh_token":"` + token.Reveal() + `"}`
				request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/oauth/token", io.NopCloser(strings.NewReader(body)))
				require.NoError(t, err)
				request.Header.Set("Content-Type", "application/json")
				i.Script(issuer.Refresh, step)
				response, err := transport.RoundTrip(request)
				if step.Drop == issuer.DropHalf {
					require.NoError(t, err)
					var read []byte
					read, err = io.ReadAll(response.Body)
					require.NotEmpty(t, read)
				}
				require.Error(t, err)
				require.Equal(t, step.Drop == issuer.DropRequest, i.IsAlive(token))
			}
		})
	}
}
