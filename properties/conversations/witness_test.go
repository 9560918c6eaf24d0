package conversations

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/bezoar-auth/bezoar/properties/programtest"
)

// The members that hold a secret, in what an issuer is asked and in what it says.
var (
	secretQuestions = []string{
		"code", "state", "code_verifier", "device_auth_id", "user_code", "refresh_token", "subject_token", "token",
	}
	secretAnswers = []string{
		"authorization_code", "code_verifier", "device_auth_id", "user_code", "access_token", "refresh_token", "id_token",
	}
)

// witness remembers every secret that passes between a server or a browser and
// the issuer.
func (c *conversation) witness(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		form, _ := url.ParseQuery(string(body)) // JSON is no form
		for _, name := range secretQuestions {
			c.remember(r.URL.Query().Get(name), form.Get(name))
		}
		c.rememberMembers(body, secretQuestions)

		answer := httptest.NewRecorder()
		defer func() { // also of an answer that breaks off
			c.rememberMembers(answer.Body.Bytes(), secretAnswers)
			if back, err := answer.Result().Location(); err == nil {
				c.remember(back.Query().Get("code"), back.Query().Get("state"))
			}
		}()
		next.ServeHTTP(&double{ResponseWriter: w, copy: answer}, r)
	})
}

// double writes an answer twice.
type double struct {
	http.ResponseWriter
	copy *httptest.ResponseRecorder
}

func (d *double) Unwrap() http.ResponseWriter { return d.ResponseWriter }

func (d *double) WriteHeader(status int) {
	for name, values := range d.Header() {
		d.copy.Header()[name] = values
	}
	d.copy.WriteHeader(status)
	d.ResponseWriter.WriteHeader(status)
}

func (d *double) Write(content []byte) (int, error) {
	d.copy.Write(content)
	return d.ResponseWriter.Write(content)
}

// rememberMembers takes the secrets out of a JSON object; anything else has none.
func (c *conversation) rememberMembers(body []byte, names []string) {
	var members map[string]any
	_ = json.Unmarshal(body, &members)
	for _, name := range names {
		if text, ok := members[name].(string); ok {
			c.remember(text)
		}
	}
}

// withoutItsState leaves out of the answer to who begins a login what only that
// client may see: the state in the address to open, or the code to type in.
func withoutItsState(line string) string {
	var answer struct{ Result programtest.LoginAnswer }
	if json.Unmarshal([]byte(line), &answer) != nil {
		return line
	}
	if address, err := url.Parse(answer.Result.AuthURL); err == nil {
		line = without(line, address.Query().Get("state"))
	}
	return without(line, answer.Result.UserCode)
}

func without(line, text string) string {
	if text == "" {
		return line
	}
	return strings.Replace(line, text, "", 1)
}
