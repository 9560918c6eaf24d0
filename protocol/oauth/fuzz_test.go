package oauth_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// FuzzClassify classifies any answer of an issuer or a proxy: no panic, no refusal
// without a code that is one at this status, and no token response without a success.
func FuzzClassify(f *testing.F) {
	for _, body := range []string{
		"", "null", "{}", "error=invalid_grant", "access_token=a", "\uFEFF{}", `{"ok":false}`, "[]", `"invalid_grant"`, "<html>", `{"error":"invalid_grant"}`, `{"error":{"code":"refresh_token_reused"}}`,
		`{"code":"refresh_token_expired"}`, `{"error":{"code":1},"code":"REFRESH_TOKEN_INVALIDATED"}`, `{"error":"bad_refresh_token"}`,
		`{"error":{"code":"refresh_token_reused"},"code":"invalid_grant"}`, `{"access_token":"a","refresh_token":"r"}`, `{"access_token":null,"id_token":3}`, `{"error":"invalid_grant","error":"x"}`,
	} {
		for _, status := range []int{200, 302, 400, 401, 403, 429, 500} {
			f.Add(status, body, "120", "")
		}
	}
	f.Add(503, "", "Wed, 25 Nov 2026 12:00:00 GMT", "Wed, 25 Nov 2026 11:00:00 GMT")
	f.Fuzz(func(t *testing.T, status int, body, retryAfter, date string) {
		header := http.Header{"Retry-After": {retryAfter}, "Date": {date}}
		switch answer := oauth.Classify(status, header, []byte(body), noon).(type) {
		case endpoint.Issued:
			valid := json.Valid([]byte(strings.TrimPrefix(strings.TrimSpace(body), "\uFEFF")))
			if status/100 != 2 || !valid && !strings.Contains(body, "access_token=") || answer.Response.AccessToken.IsAbsent() {
				t.Fatalf("a grant of status %d from %q", status, body)
			}
		case endpoint.Refused:
			if status != http.StatusUnauthorized && !mayRefuse(status, codesIn(body)) {
				t.Fatalf("%q of status %d from %q", answer.Reason, status, body)
			}
		case endpoint.Unavailable:
			if answer.RetryAfter < 0 {
				t.Fatalf("a wait of %v from %q and %q", answer.RetryAfter, retryAfter, date)
			}
		default:
			t.Fatalf("%T", answer)
		}
	})
}

// mayRefuse is the second implementation: the codes that refuse at any status but 401,
// and those that refuse at 400 only, for which a 200 may stand.
func mayRefuse(status int, codes []string) bool {
	for _, code := range codes {
		switch code {
		case "refresh_token_expired", "refresh_token_reused", "refresh_token_invalidated":
			return true
		case "invalid_grant", "bad_refresh_token", "invalid_refresh_token":
			if status == http.StatusBadRequest || status == http.StatusForbidden || status/100 == 2 {
				return true
			}
		}
	}
	return false
}

// codesIn are all the texts in a body at the places where a code may be.
func codesIn(body string) []string {
	var said map[string]any
	if json.Unmarshal([]byte(strings.TrimPrefix(strings.TrimSpace(body), "\uFEFF")), &said) != nil {
		form, _ := url.ParseQuery(body)
		var codes []string
		for _, code := range slices.Concat(form["error"], form["code"]) {
			codes = append(codes, strings.ToLower(code))
		}
		return codes
	}
	places := []any{said["error"], said["code"]}
	if inner, ok := said["error"].(map[string]any); ok {
		places = append(places, inner["code"])
	}
	var codes []string
	for _, place := range places {
		if code, ok := place.(string); ok {
			codes = append(codes, strings.ToLower(code))
		}
	}
	return codes
}

// FuzzLoginAnswers gives the calls of a login any answer: no panic, and a result without
// an error is complete.
func FuzzLoginAnswers(f *testing.F) {
	for _, body := range []string{
		"", "null", "[]", "<html>", `{"error":"authorization_pending"}`, `{"error":"slow_down"}`, `{"error":{"code":"expired_token"}}`,
		`{"device_auth_id":"d","user_code":"u","interval":"5"}`, `{"device_auth_id":"d","usercode":"u","interval":-1}`,
		`{"device_auth_id":"d","usercode":"u","interval":99999999999999999999}`, `{"authorization_code":"c","code_verifier":"v"}`,
		`{"id_token":"i","access_token":"a","refresh_token":"r"}`, `{"access_token":"k"}`, `{"access_token":7}`,
	} {
		for _, status := range []int{200, 400, 403, 404, 429, 500} {
			f.Add(status, body)
		}
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		client := oauth.New(oauth.Options{Profile: profile.CodexAt("https://issuer.test"), Transport: saying{status, body}})
		if device, err := client.StartDevice(t.Context()); err == nil {
			whole := !device.ID.IsAbsent() && device.UserCode != "" && device.Interval >= 0 && device.Interval <= time.Hour
			demand(t, whole, "a device login of %d %q", status, body)
		}
		answer, err := client.PollDevice(t.Context(), oauth.Device{ID: secret.New("d"), UserCode: "u"})
		switch answer := answer.(type) {
		case oauth.DeviceApproved:
			demand(t, !answer.Code.Code.IsAbsent() && !answer.Code.Verifier.IsAbsent(), "an approval of %d %q", status, body)
		case oauth.DevicePending:
			demand(t, answer.RetryAfter >= 0, "a wait of %d %q", status, body)
		default:
			demand(t, err != nil, "neither an answer nor an error of %d %q", status, body)
		}
		if grant, err := client.Exchange(t.Context(), oauth.Code{Code: secret.New("c")}); err == nil {
			whole := !grant.IDToken.IsAbsent() && !grant.AccessToken.IsAbsent() && !grant.RefreshToken.IsAbsent()
			demand(t, whole, "a grant of %d %q", status, body)
		}
		if key, err := client.ExchangeKey(t.Context(), secret.New("i")); err == nil {
			demand(t, !key.IsEmpty(), "a key of %d %q", status, body)
		}
	})
}

func demand(t *testing.T, holds bool, format string, args ...any) {
	if !holds {
		t.Fatalf(format, args...)
	}
}

// saying is an issuer with one answer to everything.
type saying struct {
	status int
	body   string
}

func (s saying) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: s.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(s.body))}, nil
}
