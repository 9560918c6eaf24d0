package record

import (
	"fmt"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

// Format is how a login is written down.
type Format struct {
	File    string // the name of the file that holds it in its home
	Service string // what a keyring lists it under

	// Decode reads a record. It returns an [*persist.UnreadableError] if the data is no
	// login. It passes over members that it does not know.
	Decode func(data []byte) (machine.Credential, error)

	// Encode writes c, and the members of base that the format does not know, as they were
	// spelled. base is the record that c takes the place of, nil to keep nothing. An error
	// means that c cannot be stored: whatever is returned, Decode reads as c.
	Encode func(c machine.Credential, base []byte) ([]byte, error)
}

// Replaced is the record that another one takes the place of, whose unknown members go on;
// empty if base is nil.
func Replaced(base []byte) (Object, error) {
	if base == nil {
		return nil, nil
	}
	top, err := Parse(base)
	if err != nil {
		return nil, fmt.Errorf("keep the unknown members of a login: %w", err)
	}
	return top, nil
}

// Checked is the end of an Encode: data, if decode reads it as c, and else the error that c
// cannot be stored. where names the record in it.
func Checked(data []byte, c machine.Credential, decode func([]byte) (machine.Credential, error), where string) ([]byte, error) {
	back, err := decode(data)
	switch {
	case err != nil:
		return nil, fmt.Errorf("login cannot be stored: %w", err)
	case !back.Equal(c):
		return nil, fmt.Errorf("login cannot be stored: %s has no place for all of it", where)
	}
	return data, nil
}

// Aside is the name of the file that keeps what stood in the place of a record and was no
// login, when a login or a logout takes it away.
func (f Format) Aside() string { return f.File + ".unreadable" }

// SizeLimitBytes is far beyond any login; a larger record is something else.
const SizeLimitBytes = 1 << 20

// Unreadable is an [*persist.UnreadableError] that says what is wrong with a record. It
// must say nothing of the record's content.
func Unreadable(format string, args ...any) error {
	return &persist.UnreadableError{Problem: fmt.Sprintf(format, args...)}
}
