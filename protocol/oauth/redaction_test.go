package oauth_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

const sentinel = "S3NT1NEL+/value"

// Every call fails in every way, with an issuer that repeats the request: no secret of
// it is in a log, an error or a printed record.
func TestSecretsAreInNoLogOrError(t *testing.T) {
	var out bytes.Buffer
	i := issuer.New(issuer.Options{})
	o := options(i.Transport())
	o.Log = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	names := names
	names.TokenEndpoint += "?key=" + url.QueryEscape(sentinel)
	o.Profile.Endpoints.Revocation = issuerURL + "/oauth/revoke?key=" + url.QueryEscape(sentinel)
	client, token := oauth.New(o), secret.New(sentinel)
	calls := map[issuer.Call]func() error{
		issuer.Refresh: func() error { fmt.Fprintf(&out, "%+v", client.Refresh(t.Context(), names, token, "")); return nil },
		issuer.Exchange: func() error {
			_, err := client.Exchange(t.Context(), oauth.Code{Code: token, Verifier: token})
			return err
		},
		issuer.KeyExchange: func() error { _, err := client.ExchangeKey(t.Context(), token); return err },
		issuer.DevicePoll:  func() error { _, err := client.PollDevice(t.Context(), oauth.Device{ID: token}); return err },
		issuer.Revoke:      func() error { return client.Revoke(t.Context(), names, machine.Credential{RefreshToken: token}) },
	}
	echoes := []string{sentinel, `{"error":"` + sentinel + `"}`, `{"error_description":"` + sentinel + `"}`, `{"error":{"message":"x ` + sentinel + `"}}`}
	for call, do := range calls {
		for _, status := range []int{200, 302, 400, 401, 500} {
			for _, body := range echoes {
				i.Script(call, issuer.Step{Status: status, Body: body})
				fmt.Fprintf(&out, "%v %+v\n", do(), do())
			}
		}
		i.Script(call, issuer.Step{Drop: issuer.DropAnswer}, issuer.Step{Drop: issuer.DropHalf, Status: 200, Body: echoes[0]})
		fmt.Fprintf(&out, "%v %+v\n", do(), do())
	}
	fmt.Fprintf(&out, "%v %+v %#v", i.Requests(), i.Requests(), i.Requests())
	require.Contains(t, out.String(), "[secret]", "nothing was printed")
	for _, form := range []string{sentinel, url.QueryEscape(sentinel), hex.EncodeToString([]byte(sentinel)), "S3NT1NEL"} {
		require.False(t, bytes.Contains(out.Bytes(), []byte(form)), "a secret was printed as %q", form)
	}
}
