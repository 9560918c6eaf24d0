package store

import (
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/claims"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// The members of auth.json, as Codex 0.169.0 writes them.
const (
	memberMode        = "auth_mode"
	memberAPIKey      = "OPENAI_API_KEY"
	memberTokens      = "tokens"
	memberIDToken     = "id_token"
	memberAccess      = "access_token"
	memberRefresh     = "refresh_token"
	memberAccountID   = "account_id"
	memberLastRefresh = "last_refresh"
)

// SizeLimitBytes is far beyond any login; a larger file is something else.
const SizeLimitBytes = 1 << 20

// Decode reads an auth.json. Whatever the reference would not accept is an
// [*UnreadableError], even in a member that the mode does not need: then the
// whole file counts as absent. Members that nobody knows are passed over.
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
	case method != machine.MethodChatGPT && method != machine.MethodExternal:
		return machine.Credential{}, unreadable("%s is unknown", memberMode)
	case tokens == nil:
		return machine.Credential{}, unreadable("there are no tokens")
	default:
		tokens.Method, tokens.APIKey, tokens.LastRefresh = method, token(key), refreshed
		return *tokens, nil
	}
}

// methodOf is the reference's rule for a file that does not say.
func methodOf(mode, key *string) machine.Method {
	switch {
	case mode != nil:
		return machine.Method(*mode)
	case key != nil:
		return machine.MethodAPIKey
	}
	return machine.MethodChatGPT
}

// Encode writes c as an auth.json: the reference's members in its order and
// layout, then those of base that nobody here knows, as they were spelled. base
// is the file that c takes the place of, nil to keep nothing. An error means
// that c cannot be stored: whatever is returned, Decode reads as c.
func Encode(c machine.Credential, base []byte) ([]byte, error) {
	var strangers, tokenStrangers object
	if base != nil {
		top, err := parseObject(base)
		if err != nil {
			return nil, fmt.Errorf("keep the unknown members of a login: %w", err)
		}
		strangers = top.without(memberMode, memberAPIKey, memberTokens, memberLastRefresh)
		tokenStrangers = tokensOf(top).without(memberIDToken, memberAccess, memberRefresh, memberAccountID)
	}
	var top object
	top.add(memberMode, text(string(c.Method)))
	top.add(memberAPIKey, tokenText(c.APIKey))
	if c.Method != machine.MethodAPIKey {
		top.add(memberTokens, encodeTokens(c, tokenStrangers))
		if !c.LastRefresh.IsZero() {
			top.add(memberLastRefresh, text(c.LastRefresh.UTC().Format(time.RFC3339Nano)))
		}
	}
	data := append(top, strangers...).indented("")

	if back, err := Decode(data); err != nil {
		return nil, fmt.Errorf("login cannot be stored: %w", err)
	} else if !back.Equal(c) {
		return nil, errors.New("login cannot be stored: auth.json has no place for all of it")
	}
	return data, nil
}

func encodeTokens(c machine.Credential, strangers object) []byte {
	var tokens object
	tokens.add(memberIDToken, tokenText(c.IDToken))
	tokens.add(memberAccess, tokenText(c.AccessToken))
	tokens.add(memberRefresh, tokenText(c.RefreshToken))
	if c.AccountID == "" {
		tokens.add(memberAccountID, null)
	} else {
		tokens.add(memberAccountID, text(c.AccountID))
	}
	return append(tokens, strangers...).indented(indent)
}

func tokensOf(top object) object {
	raw, _ := top.only(memberTokens) // twice is Decode's business
	tokens, _ := split(raw)          // so is another type
	return tokens
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
	raw, once := o.only(name)
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
		r.fail("%s is no text", name)
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
	}
	if account := r.text(tokens, memberAccountID); account != nil {
		c.AccountID = *account
	}
	if _, err := claims.Parse(c.IDToken); err != nil {
		r.fail("%s is %v", memberIDToken, err)
	}
	return &c
}

func (r *reader) required(tokens object, name string) secret.Token {
	text := r.text(tokens, name)
	if text == nil {
		r.fail("there is no %s", name)
	}
	return token(text)
}

// rfc3339 is stricter than package time, which also takes an hour of one digit,
// a comma before the fraction and any zone.
var rfc3339 = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[-0-9]{10}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[-+]([01][0-9]|2[0-3]):[0-5][0-9])$`)
})

func (r *reader) time(o object, name string) time.Time {
	text := r.text(o, name)
	if text == nil {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, *text)
	year := at.UTC().Year() // which Encode has to write with four digits
	if err != nil || !rfc3339().MatchString(*text) || year < 0 || year > 9999 {
		r.fail("%s is no time", name)
	}
	return at
}

func unreadable(format string, args ...any) error {
	return &UnreadableError{Problem: fmt.Sprintf(format, args...)}
}
