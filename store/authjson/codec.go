// Package authjson reads and writes auth.json, the file that Codex keeps a login in.
package authjson

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/jwt"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// The members of auth.json, as Codex 0.171.0 writes them.
const (
	memberMode        = "auth_mode"
	memberAPIKey      = "OPENAI_API_KEY"
	memberTokens      = "tokens"
	memberIDToken     = "id_token"
	memberAccess      = "access_token"
	memberRefresh     = "refresh_token"
	memberAccountID   = "account_id"
	memberProvenance  = "oauth_provenance"
	memberIssuer      = "issuer"
	memberClientID    = "client_id"
	memberOwnerID     = "login_owner_id"
	memberLastRefresh = "last_refresh"
)

// SizeLimitBytes is far beyond any login; a larger file is something else.
const SizeLimitBytes = 1 << 20

// Decode reads an auth.json. What Codex would not accept is an
// [*persist.UnreadableError], even in a member that the mode does not need: then the
// whole file counts as absent. Unknown members are passed over.
func Decode(data []byte) (machine.Credential, error) {
	top, err := parseObject(data)
	if err != nil {
		return machine.Credential{}, err
	}
	var r reader
	mode, key := r.text(top, memberMode), r.text(top, memberAPIKey)
	tokens, refreshed := r.tokens(top), r.time(top, memberLastRefresh)
	if r.err != nil {
		return machine.Credential{}, r.err
	}
	switch method := methodOf(mode, key); {
	case method == machine.MethodAPIKey && key == nil:
		return machine.Credential{}, unreadable("there is no API key")
	case method == machine.MethodAPIKey:
		return machine.Credential{Method: method, APIKey: token(key)}, nil
	case method != machine.MethodTokens && method != machine.MethodExternal:
		return machine.Credential{}, unreadable("%s is unknown", memberMode)
	case tokens == nil:
		return machine.Credential{}, unreadable("there are no tokens")
	default:
		tokens.Method, tokens.APIKey, tokens.LastRefresh = method, token(key), refreshed
		return *tokens, nil
	}
}

// methodOf is Codex's rule for a file that does not say.
func methodOf(mode, key *string) machine.Method {
	switch {
	case mode != nil:
		return machine.Method(*mode)
	case key != nil:
		return machine.MethodAPIKey
	}
	return machine.MethodTokens
}

// Encode writes c as an auth.json: Codex's members in its order and layout, then
// the members of base that bezoar does not know, as they were spelled. base
// is the file that c takes the place of, nil to keep nothing. An error means
// that c cannot be stored: whatever is returned, Decode reads as c.
func Encode(c machine.Credential, base []byte) ([]byte, error) {
	var unknown, oldTokens object
	if base != nil {
		top, err := parseObject(base)
		if err != nil {
			return nil, fmt.Errorf("keep the unknown members of a login: %w", err)
		}
		unknown = top.without(memberMode, memberAPIKey, memberTokens, memberLastRefresh)
		oldTokens = within(top, memberTokens)
	}
	var top object
	top.add(memberMode, text(string(c.Method)))
	top.add(memberAPIKey, tokenText(c.APIKey))
	if c.Method != machine.MethodAPIKey {
		top.add(memberTokens, encodeTokens(c, oldTokens))
		if !c.LastRefresh.IsZero() {
			top.add(memberLastRefresh, text(c.LastRefresh.UTC().Format(time.RFC3339Nano)))
		}
	}
	data := append(top, unknown...).indented("")

	if back, err := Decode(data); err != nil {
		return nil, fmt.Errorf("login cannot be stored: %w", err)
	} else if !back.Equal(c) {
		return nil, errors.New("login cannot be stored: auth.json has no place for all of it")
	}
	return data, nil
}

func encodeTokens(c machine.Credential, old object) []byte {
	var tokens object
	tokens.add(memberIDToken, tokenText(c.IDToken))
	tokens.add(memberAccess, tokenText(c.AccessToken))
	tokens.add(memberRefresh, tokenText(c.RefreshToken))
	if c.AccountID == "" {
		tokens.add(memberAccountID, null)
	} else {
		tokens.add(memberAccountID, text(c.AccountID))
	}
	if c.Provenance != (machine.Provenance{}) {
		tokens.add(memberProvenance, encodeProvenance(c.Provenance, within(old, memberProvenance)))
	}
	if c.OwnerID != "" {
		tokens.add(memberOwnerID, text(c.OwnerID))
	}
	unknown := old.without(memberIDToken, memberAccess, memberRefresh, memberAccountID, memberProvenance, memberOwnerID)
	return append(tokens, unknown...).indented(indent)
}

func encodeProvenance(p machine.Provenance, old object) []byte {
	var provenance object
	provenance.add(memberIssuer, text(p.Issuer))
	provenance.add(memberClientID, text(p.ClientID))
	return append(provenance, old.without(memberIssuer, memberClientID)...).indented(indent + indent)
}

// within is the object that is a member of o, empty if there is none. If it is
// there twice, or of another type, that is Decode's business.
func within(o object, name string) object {
	raw, _ := o.unique(name)
	inner, _ := split(raw)
	return inner
}

func token(text *string) secret.Token {
	if text == nil {
		return secret.Token{}
	}
	return secret.New(*text)
}

func tokenText(t secret.Token) []byte {
	if t.IsAbsent() {
		return null
	}
	return text(t.Reveal())
}

// reader reads members one by one and keeps the first problem. A member that
// is null is absent.
type reader struct{ err error }

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = unreadable(format, args...)
	}
}

func (r *reader) member(o object, name string) []byte {
	raw, once := o.unique(name)
	if !once {
		r.fail("%s is there twice", name)
	}
	return raw
}

func (r *reader) text(o object, name string) *string {
	raw := r.member(o, name)
	if raw == nil {
		return nil
	}
	text, ok := unquote(raw)
	if !ok {
		r.fail("%s is not a text", name)
	}
	return &text
}

func (r *reader) tokens(top object) *machine.Credential {
	raw := r.member(top, memberTokens)
	if raw == nil {
		return nil
	}
	tokens, ok := split(raw)
	if !ok {
		r.fail("%s is no object", memberTokens)
		return nil
	}
	c := machine.Credential{
		IDToken:      r.required(tokens, memberIDToken),
		AccessToken:  r.required(tokens, memberAccess),
		RefreshToken: r.required(tokens, memberRefresh),
		AccountID:    r.optional(tokens, memberAccountID),
		Provenance:   r.provenance(tokens),
		OwnerID:      r.optional(tokens, memberOwnerID),
	}
	if _, err := jwt.Parse(c.IDToken, jwt.Paths{}); err != nil {
		r.fail("%s is %v", memberIDToken, err)
	}
	return &c
}

// provenance is all or nothing: a refresh token must not go to a place that was
// guessed from half of it.
func (r *reader) provenance(tokens object) machine.Provenance {
	raw := r.member(tokens, memberProvenance)
	if raw == nil {
		return machine.Provenance{}
	}
	said, ok := split(raw)
	if !ok {
		r.fail("%s is no object", memberProvenance)
	}
	p := machine.Provenance{Issuer: r.optional(said, memberIssuer), ClientID: r.optional(said, memberClientID)}
	if p.Issuer == "" || p.ClientID == "" {
		r.fail("%s is incomplete", memberProvenance)
	}
	return p
}

// optional is the text of a member, "" if it is absent.
func (r *reader) optional(o object, name string) string {
	if text := r.text(o, name); text != nil {
		return *text
	}
	return ""
}

func (r *reader) required(tokens object, name string) secret.Token {
	text := r.text(tokens, name)
	if text == nil {
		r.fail("there is no %s", name)
	}
	return token(text)
}

// Undated is the last refresh of a record whose own last_refresh says nothing
// that can be read as a time. The date is advice and no reason to withhold a good
// token: a login of unknown age counts as an old one. So it is refreshed at its
// next use, which dates it, unless its access token says until when it is good.
// (A record without a last_refresh has none: that is how Codex marks a login that
// is not complete.)
var Undated = time.Unix(0, 0).UTC()

// time reads a date as Codex writes it, and as other programs do: with a blank or
// lower-case letters, without a zone (then it is taken for UTC, and is wrong by a
// day at most of eight), or in seconds or milliseconds since 1970.
func (r *reader) time(o object, name string) time.Time {
	raw := r.member(o, name)
	if raw == nil {
		return time.Time{}
	}
	at, ok := numberedTime(raw)
	if !ok {
		said, _ := unquote(raw)
		at, ok = writtenTime(strings.ToUpper(strings.TrimSpace(said)))
	}
	if year := at.UTC().Year(); !ok || year < 0 || year > 9999 { // Encode has to write it with four digits
		return Undated
	}
	return at
}

func numberedTime(raw []byte) (time.Time, bool) {
	const millisecondsFrom = 1e11 // in seconds, that is the year 5138
	n, err := strconv.ParseFloat(string(raw), 64)
	switch {
	case err != nil || n < 0 || n >= 1e15:
		return time.Time{}, false
	case n >= millisecondsFrom:
		return time.UnixMilli(int64(n)).UTC(), true
	}
	return time.Unix(int64(n), 0).UTC(), true
}

func writtenTime(said string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", time.DateTime} {
		if at, err := time.Parse(layout, said); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

func unreadable(format string, args ...any) error {
	return &persist.UnreadableError{Problem: fmt.Sprintf(format, args...)}
}
