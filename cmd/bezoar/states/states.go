// Package states writes STATES.md and the pictures of the README, and holds what
// only they and the tests of the promises need: the places at which a process may be
// killed, and the invariants.
package states

import (
	"errors"
	"os"
	"strings"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/diagram"
)

// File is a file of the source that is made from the machine.
type File struct{ Path, Text string }

// Files makes the page, the wide picture, and beside it the narrow one for phones. It
// returns an error if the table has a row that no sample leads into.
func Files(page, picture string) ([]File, error) {
	text, err := Page()
	if err != nil {
		return nil, err
	}
	transitions, err := Transitions()
	if err != nil {
		return nil, err
	}
	narrow := strings.TrimSuffix(picture, ".svg") + "-narrow.svg"
	return []File{
		{page, text},
		{picture, diagram.Picture(refreshing(transitions))},
		{narrow, diagram.NarrowPicture()},
	}, nil
}

// Write writes the file.
func (f File) Write() error { return os.WriteFile(f.Path, []byte(f.Text), 0o644) }

// Compare returns an error if the file says something else, or cannot be read.
func (f File) Compare() error {
	have, err := os.ReadFile(f.Path)
	if err != nil {
		return err
	}
	if string(have) != f.Text {
		return errors.New(f.Path + " is not what the machine says; run \"bezoar states\"")
	}
	return nil
}
