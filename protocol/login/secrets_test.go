package login

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

// TestBrowserLoginLeaksNoSecret runs logins with every outcome, also with an
// issuer that repeats the request, and searches all output for the secrets of the login:
// states, codes, verifiers and tokens.
func TestBrowserLoginLeaksNoSecret(t *testing.T) {
	const (
		code  = "SENTINEL-code-in-the-callback"
		grant = `{"id_token":"%s","access_token":"SENTINEL-access","refresh_token":"SENTINEL-refresh"}`
	)
	echo := issuer.Step{Status: 400, Body: `{"error":"invalid_grant","error_description":"unknown code ` + code + `"}`}
	idToken := machinetest.JWT(`{"https://api.openai.com/auth":{"chatgpt_account_id":"acct"}}`).Reveal()
	good := issuer.Step{Status: 200, Body: fmt.Sprintf(grant, idToken)}
	for name, prepare := range map[string]func(*world){
		"exchange refused": func(w *world) { w.issuer.Script(issuer.Exchange, echo) },
		"exchange dropped": func(w *world) { w.issuer.Script(issuer.Exchange, issuer.Step{Drop: issuer.DropAnswer}) },
		"no ID token": func(w *world) {
			w.issuer.Script(issuer.Exchange, issuer.Step{Status: 200, Body: fmt.Sprintf(grant, "SENTINEL")})
		},
		"key exchange fails": func(w *world) {
			w.issuer.Script(issuer.Exchange, good)
			w.issuer.Script(issuer.KeyExchange, issuer.Step{Status: 401, Body: idToken})
		},
		"saved": func(w *world) {
			w.issuer.Script(issuer.Exchange, good)
			w.issuer.Script(issuer.KeyExchange, issuer.Step{Status: 200, Body: `{"access_token":"SENTINEL-key"}`})
		},
		"not saved":    func(w *world) { w.issuer.Script(issuer.Exchange, good); w.disk.err = errDiskFull },
		"unknown code": func(w *world) {},
		"workspace forbidden": func(w *world) {
			w.issuer.Script(issuer.Exchange, good)
			w.manager.options.Restriction.Workspaces = []string{issuer.Ada.ID}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				prepare(w)
				attempt, back := w.started()
				var said strings.Builder
				see := func(got reply) { fmt.Fprintln(&said, got.status, got.header, got.body) }
				see(w.visit(back, "code", code, "state", "SENTINEL-state"))
				see(w.visit(back, "code", code))
				if got, err := w.ask(http.MethodGet, successAddress, nil); err == nil {
					see(got)
				}
				err := attempt.Wait()
				fmt.Fprintf(&said, "%v %+v %#v %s %v %+v", err, err, err, w.log, attempt.ID, w.manager.options.Restriction.Workspaces)

				exchange := w.issuer.Requests(issuer.Exchange)[0].Body.Reveal()
				for _, sent := range append(strings.Split(exchange, "&"), "state="+back.Query().Get("state"), "id_token="+idToken) {
					name, value, _ := strings.Cut(sent, "=")
					if name == "code" || name == "code_verifier" || name == "state" || name == "id_token" {
						require.NotContains(t, said.String(), value, name)
					}
				}
				require.NotContains(t, said.String(), "SENTINEL")
			})
		})
	}
}

func TestDeviceLoginLeaksNoSecret(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.issuer.Script(issuer.UserCode, issuer.Step{Status: 200,
			Body: `{"device_auth_id":"SENTINEL-device","user_code":"SENTINEL-user","interval":"1"}`})
		w.issuer.Script(issuer.DevicePoll, issuer.Step{Status: 403, Body: "SENTINEL"}, issuer.Step{Drop: issuer.DropAnswer},
			issuer.Step{Status: 200, Body: `{"authorization_code":"SENTINEL-code","code_verifier":"SENTINEL-verifier"}`})
		w.issuer.Script(issuer.Exchange, issuer.Step{Status: 400, Body: "no SENTINEL-code with SENTINEL-verifier"})
		attempt, _ := w.startedDevice("")
		err := attempt.Wait()
		require.ErrorContains(t, err, "400 Bad Request: no ")
		require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", err, err, err, w.log), "SENTINEL")
	})
}
