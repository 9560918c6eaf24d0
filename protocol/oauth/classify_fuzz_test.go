package oauth_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

// FuzzClassify holds whatever an issuer, or a proxy in its place, may say: no
// panic, no verdict without a code that is one at this status, and no grant
// without a success.
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
		case machine.Issued:
			valid := json.Valid([]byte(strings.TrimPrefix(strings.TrimSpace(body), "\uFEFF")))
			if status/100 != 2 || !valid && !strings.Contains(body, "access_token=") || answer.Response.AccessToken.IsAbsent() {
				t.Fatalf("a grant of status %d from %q", status, body)
			}
		case machine.Refused:
			if status != http.StatusUnauthorized && !mayRefuse(status, codesIn(body)) {
				t.Fatalf("%q of status %d from %q", answer.Reason, status, body)
			}
		case machine.Unavailable:
			if answer.RetryAfter < 0 {
				t.Fatalf("a wait of %v from %q and %q", answer.RetryAfter, retryAfter, date)
			}
		default:
			t.Fatalf("%T", answer)
		}
	})
}

// mayRefuse is the second opinion: the codes that are a verdict at any status
// but 401, and those that are one at 400 alone, for which a 200 may stand.
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
