// Package secret holds the strings that open something. A [Token] cannot be
// printed: every verb, JSON and slog show a placeholder, and a reader who
// wants to know where secrets leave the program searches for Reveal.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// Token is one secret string: an access token, a refresh token, an ID token,
// an API key. The zero Token is absent, which differs from an empty one.
// A Token is a value and may be shared between goroutines.
//
// It keeps a pointer because fmt and slog do not call methods on unexported
// struct fields: there they print an address and not the secret.
type Token struct{ text *string }

// New returns text as a Token. New("") is an empty Token, not an absent one.
func New(text string) Token { return Token{&text} }

// Reveal returns the secret itself, "" for an absent Token. Call it only where
// the secret has to leave: the layer test lists the packages that may.
func (t Token) Reveal() string {
	if t.text == nil {
		return ""
	}
	return *t.text
}

// IsAbsent reports whether there is no token at all.
func (t Token) IsAbsent() bool { return t.text == nil }

// IsEmpty reports whether the token is absent or has no characters.
func (t Token) IsEmpty() bool { return t.text == nil || *t.text == "" }

// Equal reports whether both are absent or both hold the same text. Its time
// does not depend on where two texts of one length differ.
func (t Token) Equal(u Token) bool {
	if t.text == nil || u.text == nil {
		return t.text == u.text
	}
	return t.text == u.text || subtle.ConstantTimeCompare([]byte(*t.text), []byte(*u.text)) == 1
}

// Fingerprint names the token in logs, ledgers and pages. It is "" for an
// absent or empty token, which there is nothing to name of.
func (t Token) Fingerprint() Fingerprint { return t.Bind() }

// Bind is the fingerprint of the token together with the context it is used
// in. Parts are length-prefixed, so that moving a character from one part to
// the next gives another fingerprint.
func (t Token) Bind(context ...string) Fingerprint {
	if t.IsEmpty() {
		return ""
	}
	hash := sha256.New()
	for _, part := range append([]string{*t.text}, context...) {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		hash.Write(length[:])
		io.WriteString(hash, part)
	}
	return Fingerprint(hex.EncodeToString(hash.Sum(nil)[:fingerprintBytes]))
}

// Fingerprint identifies a token without revealing it: the first 128 bits of
// a SHA-256, in hexadecimal. Comparable; "" identifies nothing.
type Fingerprint string

const fingerprintBytes = 16

// Short is the form for people: the first eight digits.
func (f Fingerprint) Short() string {
	if len(f) <= 8 {
		return string(f)
	}
	return string(f[:8])
}

const (
	placeholder = "[secret]"
	absent      = "[none]"
)

// String returns a placeholder that says no more than whether there is a token.
func (t Token) String() string {
	if t.text == nil {
		return absent
	}
	return placeholder
}

// GoString is String, so that %#v does not follow the pointer.
func (t Token) GoString() string { return t.String() }

// Format writes the placeholder for every verb and flag.
func (t Token) Format(state fmt.State, _ rune) { io.WriteString(state, t.String()) }

// MarshalJSON writes the placeholder: a secret is encoded by the codecs alone.
func (t Token) MarshalJSON() ([]byte, error) { return json.Marshal(t.String()) }

// MarshalText writes the placeholder.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// LogValue is the placeholder as a slog value.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }
