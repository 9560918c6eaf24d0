package oauth_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

// FuzzLoginAnswers holds whatever an issuer may say to a login: no panic, and
// what is returned without an error is whole.
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
		client := oauth.New(oauth.Options{LoginIssuer: "https://issuer.test", Transport: saying{status, body}})
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

// saying is an issuer that says one thing only.
type saying struct {
	status int
	body   string
}

func (s saying) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: s.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(s.body))}, nil
}
