package oauth

import (
	"encoding/json"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// members are the members of an answer. Each value is decoded on its own, so that a
// wrong type in one of them does not hide the others.
type members map[string]json.RawMessage

// add adds a member. Of two with one name the later counts, unless it is null or empty:
// a token is not lost to a null that follows it.
func (m members) add(name string, value json.RawMessage) {
	if _, known := m[name]; known && (string(value) == "null" || string(value) == `""`) {
		return
	}
	m[name] = value
}

// decodeForm reads a form (RFC 6749 appendix B). Any text could be one, so that it
// has to have a member of an answer.
func decodeForm(text string) members {
	if strings.ContainsAny(text, " \t\r\n<>") {
		return nil
	}
	form, err := url.ParseQuery(text)
	if err != nil || !form.Has("access_token") && !form.Has("refresh_token") && !form.Has("error") {
		return nil
	}
	m := members{}
	for name, values := range form {
		for _, value := range values {
			quoted, _ := json.Marshal(value)
			m.add(name, quoted)
		}
	}
	return m
}

func (m members) has(name string) bool {
	value, ok := m[name]
	return ok && string(value) != "null"
}

// text is the member if it is a string.
func (m members) text(name string) (string, bool) {
	var value string
	if !m.has(name) || json.Unmarshal(m[name], &value) != nil {
		return "", false
	}
	return value, true
}

// object is the member if it is an object, else one without members.
func (m members) object(name string) members { return decodeObject(m[name]) }

// token is the member if it is a token: a string with at least one character
// (RFC 6749 appendix A.12). Anything else is absent.
func (m members) token(name string) secret.Token {
	if text, _ := m.text(name); text != "" {
		return secret.New(text)
	}
	return secret.Token{}
}

// accessToken is the access token if it can be used as one.
func (m members) accessToken() secret.Token {
	if token := m.token("access_token"); isUsable(token.Reveal()) {
		return token
	}
	return secret.Token{}
}

// isUsable reports whether a text can be sent as a bearer token (b64token, RFC 6750
// section 2.1) and is none of the words that programs write where they have no
// token. An error text in its place has blanks.
func isUsable(text string) bool {
	end := strings.TrimRight(text, "=")
	foreign := func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune("-._~+/", r)
	}
	return end != "" && !strings.ContainsFunc(end, foreign) && !slices.Contains(noTokens, strings.ToLower(text))
}

var noTokens = []string{"null", "nil", "none", "undefined", "error", "false", "true", "expired", "invalid", "invalid_token", "invalid_grant"}

// tokenResponse is the token response in the members (RFC 6749 section 5.1). All tokens
// are optional, as in Codex. The caller decides what one without a usable access token is.
func (m members) tokenResponse() endpoint.TokenResponse {
	return endpoint.TokenResponse{
		IDToken:      m.token("id_token"),
		AccessToken:  m.accessToken(),
		RefreshToken: m.refreshToken(),
		Lifetime:     m.lifetime(),
		Scope:        m.brief("scope"),
		TokenType:    m.brief("token_type"),
	}
}

// longestTextBytes is more than the scopes of any login.
const longestTextBytes = 8 << 10

// brief is the member if it is a text of visible characters (RFC 6749 appendix A) that is
// not too long; else "".
func (m members) brief(name string) string {
	text, _ := m.text(name)
	if len(text) > longestTextBytes || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return ""
	}
	return text
}

// refreshToken is the refresh token, unless it is one of the words that programs write
// where they have none: the old one goes on then.
func (m members) refreshToken() secret.Token {
	if token := m.token("refresh_token"); !slices.Contains(noTokens, strings.ToLower(token.Reveal())) {
		return token
	}
	return secret.Token{}
}

// refreshTokenOnly is what remains of an answer without an access token: its refresh token, if it
// has a new one, for the old one may be spent. A repeated old one is not new.
func (m members) refreshTokenOnly(spent secret.Token) endpoint.TokenResponse {
	token := m.refreshToken()
	unfit := func(r rune) bool { return r <= ' ' || r > '~' }
	if strings.ContainsFunc(token.Reveal(), unfit) || token.Equal(spent) {
		return endpoint.TokenResponse{}
	}
	return endpoint.TokenResponse{RefreshToken: token}
}

// garbled reports whether a token is there and is no string.
func (m members) garbled() bool {
	for _, name := range []string{"access_token", "refresh_token"} {
		if _, ok := m.text(name); m.has(name) && !ok {
			return true
		}
	}
	return false
}

// longestLifetime is longer than any token lives, and no overflow.
const longestLifetime = 100 * 365 * 24 * time.Hour

// lifetime is expires_in (RFC 6749 section 5.1), which some issuers write as a string;
// zero for a value that is no lifetime.
func (m members) lifetime() time.Duration {
	text, ok := m.text("expires_in")
	if !ok {
		text = string(m["expires_in"])
	}
	seconds, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(seconds > 0) || seconds > longestLifetime.Seconds() {
		return 0
	}
	return time.Duration(math.Round(seconds * float64(time.Second)))
}

// saysError reports whether the answer says that it is an error, at whatever status:
// RFC 6749 section 5.2, and Slack's ok.
func (m members) saysError() bool {
	for _, name := range []string{"ok", "success"} {
		if string(m[name]) == "false" {
			return true
		}
	}
	switch string(m["error"]) {
	case "", "null", "false", `""`, "{}":
		return false
	}
	return true
}

// code is the error code in any of its places: error (RFC 6749 section 5.2),
// error.code or code; in lower case.
func (m members) code() string {
	code, ok := m.text("error")
	if !ok {
		if code, ok = m.object("error").text("code"); !ok {
			code, _ = m.text("code")
		}
	}
	return strings.ToLower(code)
}
