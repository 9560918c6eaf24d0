package oauth

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// reply is what an issuer answered.
type reply struct {
	status int
	header http.Header
	body   []byte          // as much of it as could be read
	cut    machine.Problem // why that is not all of it; "" if it is, or was longer than the limit
}

func (r reply) isSuccess() bool { return r.status/100 == 2 }

// unreadable is the error for a successful answer that lacks what was asked for.
func (r reply) unreadable() error {
	if r.cut != "" {
		return &UnreachableError{Problem: r.cut, Sent: true}
	}
	return ErrUnreadable
}

// members is a decoded JSON object whose values are only looked at one by one,
// so that a surprising type in one of them does not hide the others. It is nil
// if the body was no object.
type members map[string]json.RawMessage

func decode(body []byte) members {
	var m members
	if json.Unmarshal(body, &m) != nil {
		return nil
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
func (m members) object(name string) members { return decode(m[name]) }

// token is the member if it is a token: a string with at least one character
// (RFC 6749 appendix A.12). Anything else is absent.
func (m members) token(name string) secret.Token {
	if text, _ := m.text(name); text != "" {
		return secret.New(text)
	}
	return secret.Token{}
}

// grant reads a successful answer. All of its tokens are optional, as in the
// reference. A member that is there and no token is left out if something came
// with it that must not get lost; alone, it makes the answer unreadable.
func (m members) grant() (machine.Grant, bool) {
	grant := machine.Grant{
		IDToken:      m.token("id_token"),
		AccessToken:  m.token("access_token"),
		RefreshToken: m.token("refresh_token"),
	}
	if !grant.AccessToken.IsAbsent() || !grant.RefreshToken.IsAbsent() {
		return grant, true
	}
	isBroken := m.has("access_token") || m.has("refresh_token") || m.has("id_token") && grant.IDToken.IsAbsent()
	return grant, m != nil && !isBroken && m.code() == ""
}

// code is the error code in any of its places: error (RFC 6749 section 5.2),
// error.code or code.
func (m members) code() string {
	if code, ok := m.text("error"); ok {
		return code
	}
	if code, ok := m.object("error").text("code"); ok {
		return code
	}
	code, _ := m.text("code")
	return code
}

// detail is what an issuer says of its refusal, for a person: its description,
// its message, its code, or else what it sent, unless that is an object: it may
// hold anything, tokens too.
func (r reply) detail() string {
	said := decode(r.body)
	page := string(r.body)
	if said != nil {
		page = ""
	}
	description, _ := said.text("error_description")
	message, _ := said.object("error").text("message")
	for _, candidate := range []string{description, message, said.code(), page} {
		if candidate = strings.TrimSpace(candidate); candidate != "" {
			return candidate
		}
	}
	return "unknown error"
}
