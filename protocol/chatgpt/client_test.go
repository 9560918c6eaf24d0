package chatgpt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// roundTrip is a backend in one function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// answer is a backend with one answer to everything.
func answer(status int, body string) roundTrip {
	return func(request *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{"Location": {"/elsewhere"}},
			Body: io.NopCloser(strings.NewReader(body)), Request: request}, nil
	}
}

const tokenText, accountID = "access-token-sentinel", "acct_123"

var login = Login{AccessToken: secret.New(tokenText), AccountID: accountID, UserID: "user_1"}

func TestRequestIsThatOfCodex(t *testing.T) {
	requests := 0
	client := New(Options{BaseURL: "https://backend.test/", Transport: roundTrip(func(request *http.Request) (*http.Response, error) {
		requests++
		require.Equal(t, http.MethodGet, request.Method)
		require.Equal(t, "https://backend.test/api/codex/usage", request.URL.String())
		require.True(t, secret.New("Bearer "+tokenText).Equal(secret.New(request.Header.Get("Authorization"))))
		require.Equal(t, accountID, request.Header.Get("chatgpt-account-id"))
		require.Equal(t, "probe", request.Header.Get("Originator"))
		require.Equal(t, "probe/1 _", request.Header.Get("User-Agent"))
		return answer(200, `{"plan_type":"pro"}`)(request)
	})})
	client.Introduce("probe", "probe/1 \n")
	_, err := client.RateLimits(t.Context(), login)
	require.NoError(t, err)
	require.Equal(t, 1, requests)
}

func TestUnknownAccountIsNotSent(t *testing.T) {
	client := New(Options{BaseURL: "https://backend.test", Transport: roundTrip(func(request *http.Request) (*http.Response, error) {
		require.NotContains(t, request.Header, "Chatgpt-Account-Id")
		return answer(200, `{"plan_type":"pro"}`)(request)
	})})
	_, err := client.RateLimits(t.Context(), Login{AccessToken: login.AccessToken})
	require.NoError(t, err)
}

func TestBaseURLDecidesThePath(t *testing.T) {
	for base, endpoint := range map[string]string{
		"https://chatgpt.com/backend-api":  "https://chatgpt.com/backend-api/wham/usage",
		"https://chatgpt.com/backend-api/": "https://chatgpt.com/backend-api/wham/usage",
		"https://chatgpt.com":              "https://chatgpt.com/backend-api/wham/usage",
		"https://chat.openai.com/":         "https://chat.openai.com/backend-api/wham/usage",
		"http://127.0.0.1:4000":            "http://127.0.0.1:4000/api/codex/usage",
		"http://127.0.0.1:4000/sub//":      "http://127.0.0.1:4000/sub/api/codex/usage",
		"https://chatgpt.com.evil.test":    "https://chatgpt.com.evil.test/api/codex/usage",
	} {
		require.Equal(t, endpoint, usageEndpoint(base), base)
	}
}

func TestRefusalIsAStatusError(t *testing.T) {
	for status, text := range map[int]string{
		401: "GET /api/codex/usage failed: 401 Unauthorized",
		500: "GET /api/codex/usage failed: 500 Internal Server Error",
		302: "GET /api/codex/usage failed: 302 Found", // and the client does not follow it with the token
		799: "GET /api/codex/usage failed: 799 <unknown status code>",
	} {
		client := New(Options{BaseURL: "https://user:password@backend.test", Transport: answer(status, "body with "+tokenText)})
		_, err := client.RateLimits(t.Context(), login)
		refusal, ok := errors.AsType[*StatusError](err)
		require.True(t, ok, "%d: %v", status, err)
		require.Equal(t, status, refusal.Status)
		require.EqualError(t, err, text)
	}
}

func TestAnswerThatHoldsNoLimitsIsUnreadable(t *testing.T) {
	for name, body := range map[string]string{
		"empty":      ``,
		"null":       `null`,
		"list":       `[]`,
		"no plan":    `{"rate_limit":{"allowed":true}}`,
		"error":      `{"error":{"code":"x"}}`,
		"wrong type": `{"plan_type":"pro","rate_limit":"` + tokenText + `"}`,
		"two values": `{"plan_type":"pro"}{}`,
		"too long":   `{"plan_type":"pro"}` + strings.Repeat(" ", bodyLimitBytes),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(Options{BaseURL: "https://backend.test", Transport: answer(200, body)}).RateLimits(t.Context(), login)
			require.ErrorIs(t, err, ErrUnreadable)
			require.NotContains(t, err.Error(), tokenText)
		})
	}
}

func TestAnswerOfTheLimitIsRead(t *testing.T) {
	const frame = `{"plan_type":"pro","padding":""}`
	body := strings.Replace(frame, `""`, `"`+strings.Repeat("x", bodyLimitBytes-len(frame))+`"`, 1)
	require.Len(t, body, bodyLimitBytes)
	_, err := New(Options{BaseURL: "https://backend.test", Transport: answer(200, body)}).RateLimits(t.Context(), login)
	require.NoError(t, err)
}

func TestBodyWithoutEndIsNotReadToTheEnd(t *testing.T) {
	body := &endless{}
	flood := roundTrip(func(request *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(body), Request: request}, nil
	})
	_, err := New(Options{BaseURL: "https://backend.test", Transport: flood}).RateLimits(t.Context(), login)
	require.ErrorIs(t, err, ErrUnreadable)
	require.LessOrEqual(t, body.read, bodyLimitBytes+1)
}

type endless struct{ read int }

func (e *endless) Read(into []byte) (int, error) {
	if e.read > 4*bodyLimitBytes {
		return 0, io.EOF // enough to see it
	}
	e.read += len(into)
	return len(into), nil
}

func TestPortalPageIsNoRefusal(t *testing.T) {
	for _, status := range []int{200, 401, 403, 503} {
		_, err := New(Options{BaseURL: "https://backend.test", Transport: answer(status, "<html>log in to the network</html>")}).RateLimits(t.Context(), login)
		require.Equal(t, &UnreachableError{evidence.ProblemPage}, err)
	}
}

func TestAccessTokenIsNotSentOverPlainHTTP(t *testing.T) {
	never := roundTrip(func(*http.Request) (*http.Response, error) { panic("a request was made") })
	_, err := New(Options{BaseURL: "http://backend.test", Transport: never}).RateLimits(t.Context(), login)
	require.Equal(t, &UnreachableError{evidence.ProblemPlainHTTP}, err)
}

func TestErrorsOfTheNetworkHaveOurTexts(t *testing.T) {
	const hidden = "http://user:password@proxy.test"
	for name, test := range map[string]struct {
		err     error
		problem evidence.Problem
	}{
		"refused": {fmt.Errorf("%s: %w", hidden, &net.OpError{Op: "dial", Err: io.EOF}), evidence.ProblemNoConnection},
		"no name": {fmt.Errorf("%s: %w", hidden, &net.DNSError{Err: "no such host", Name: hidden}), evidence.ProblemNameUnknown},
		"timeout": {fmt.Errorf("%s: %w", hidden, context.DeadlineExceeded), evidence.ProblemTimedOut},
		"broken":  {fmt.Errorf("%s: reset by peer", hidden), evidence.ProblemConnectionBroken},
	} {
		t.Run(name, func(t *testing.T) {
			broken := roundTrip(func(*http.Request) (*http.Response, error) { return nil, test.err })
			_, err := New(Options{BaseURL: "https://backend.test", Transport: broken}).RateLimits(t.Context(), login)
			unreachable, ok := errors.AsType[*UnreachableError](err)
			require.True(t, ok)
			require.Equal(t, test.problem, unreachable.Problem)
			require.NotContains(t, err.Error(), "password")
		})
	}
}

func TestInvalidAddressFailsBeforeSending(t *testing.T) {
	for _, base := range []string{"", "chatgpt.com", "ftp://backend.test", "http://", "http://a b", "://"} {
		never := roundTrip(func(*http.Request) (*http.Response, error) {
			t.Errorf("a request for %q", base)
			return nil, io.EOF
		})
		_, err := New(Options{BaseURL: base, Transport: never}).RateLimits(t.Context(), login)
		require.Equal(t, &UnreachableError{evidence.ProblemAddress}, err, base)
	}
}

func TestLoginThatNoHeaderCanHoldFailsBeforeSending(t *testing.T) {
	never := roundTrip(func(*http.Request) (*http.Response, error) {
		t.Error("a request")
		return nil, io.EOF
	})
	client := New(Options{BaseURL: "https://backend.test", Transport: never})
	for _, each := range []Login{
		{AccessToken: secret.New("a\nb"), AccountID: accountID},
		{AccessToken: login.AccessToken, AccountID: "a\x7f"},
	} {
		_, err := client.RateLimits(t.Context(), each)
		require.Equal(t, &UnreachableError{evidence.ProblemHeader}, err)
	}
}

func TestBodyThatBreaksOffIsNoAnswer(t *testing.T) {
	halfway := roundTrip(func(request *http.Request) (*http.Response, error) {
		body := io.MultiReader(strings.NewReader(`{"plan_type":"pro"}`), brokenReader{})
		return &http.Response{StatusCode: 200, Body: io.NopCloser(body), Request: request}, nil
	})
	_, err := New(Options{BaseURL: "https://backend.test", Transport: halfway}).RateLimits(t.Context(), login)
	require.Equal(t, &UnreachableError{evidence.ProblemConnectionBroken}, err)
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestCallersDeadlineEndsTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hanging := roundTrip(func(request *http.Request) (*http.Response, error) {
			<-request.Context().Done()
			return nil, request.Context().Err()
		})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		_, err := New(Options{BaseURL: "https://backend.test", Transport: hanging}).RateLimits(ctx, login)
		require.Equal(t, &UnreachableError{evidence.ProblemTimedOut}, err)
		require.Equal(t, 10*time.Second, time.Since(start))
	})
}

// A real server and net/http's own transport between the two.
func TestRateLimitsWorkOverHTTP(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Chatgpt-Account-Id") != accountID {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"plan_type": "plus"})
	}))
	defer server.Close()
	limits, err := New(Options{BaseURL: server.URL}).RateLimits(t.Context(), login)
	require.NoError(t, err)
	require.Equal(t, "plus", *limits.RateLimits.PlanType)
}
