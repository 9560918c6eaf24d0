package record

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Reader reads members one by one and keeps the first problem. A member that is null is
// absent.
type Reader struct{ Err error }

// Fail keeps a problem, unless there is an earlier one.
func (r *Reader) Fail(format string, args ...any) {
	if r.Err == nil {
		r.Err = Unreadable(format, args...)
	}
}

// FailAsNewer is Fail for what a newer version of this program wrote.
func (r *Reader) FailAsNewer(format string, args ...any) {
	if r.Err == nil {
		r.Err = &persist.UnreadableError{Problem: fmt.Sprintf(format, args...), IsNewer: true}
	}
}

// Member is the value of a member, nil if it is absent. It fails if it is there twice.
func (r *Reader) Member(o Object, name string) []byte {
	raw, once := o.Unique(name)
	if !once {
		r.Fail("%s is there twice", name)
	}
	return raw
}

// Text is the text of a member, nil if it is absent.
func (r *Reader) Text(o Object, name string) *string {
	raw := r.Member(o, name)
	if raw == nil {
		return nil
	}
	text, ok := Unquote(raw)
	if !ok {
		r.Fail("%s is not a text", name)
	}
	return &text
}

// Optional is the text of a member, "" if it is absent.
func (r *Reader) Optional(o Object, name string) string {
	if text := r.Text(o, name); text != nil {
		return *text
	}
	return ""
}

// Token is the token that is a member, absent if the member is.
func (r *Reader) Token(o Object, name string) secret.Token { return TokenOf(r.Text(o, name)) }

// Required is a token, and fails if it is absent.
func (r *Reader) Required(o Object, name string) secret.Token {
	text := r.Text(o, name)
	if text == nil {
		r.Fail("there is no %s", name)
	}
	return TokenOf(text)
}

// TokenOf is the token of a text, absent for nil.
func TokenOf(text *string) secret.Token {
	if text == nil {
		return secret.Token{}
	}
	return secret.New(*text)
}

// TokenText is a token as the value of a member.
func TokenText(t secret.Token) []byte {
	if t.IsAbsent() {
		return Null
	}
	return Text(t.Reveal())
}

// Undated is the time of a member that says nothing which can be read as a time. The date
// of a refresh is advice and no reason to withhold a good token: a login of unknown age
// counts as an old one. So it is refreshed at its next use, which dates it, unless its
// access token says until when it is good.
var Undated = time.Unix(0, 0).UTC()

// Time reads a date as Codex and bezoar write it, and as other programs do: with a blank
// or lower-case letters, without a zone (then it is taken for UTC, and is wrong by a day at
// most), or in seconds or milliseconds since 1970. It is zero if the member is absent, and
// [Undated] if it is no time.
func (r *Reader) Time(o Object, name string) time.Time {
	raw := r.Member(o, name)
	if raw == nil {
		return time.Time{}
	}
	at, ok := numberedTime(raw)
	if !ok {
		said, _ := Unquote(raw)
		at, ok = writtenTime(strings.ToUpper(strings.TrimSpace(said)))
	}
	if year := at.UTC().Year(); !ok || year < 0 || year > 9999 { // TimeText has to write it with four digits
		return Undated
	}
	return at
}

// TimeText is a time as the value of a member.
func TimeText(at time.Time) []byte { return Text(at.UTC().Format(time.RFC3339Nano)) }

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
