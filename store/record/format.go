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
