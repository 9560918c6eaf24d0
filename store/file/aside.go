package file

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/authjson"
	"github.com/bezoar-auth/bezoar/store/disk"
)

// asides bounds how many files that were no login are kept.
const asides = 100

// setAside keeps what is in the place of the login and is none, before a login or
// a logout takes it away: it may be a login that was damaged, or another file that
// a link leads to. It is an error if what is there may not be read, for then it
// may be a good one.
func (s *Store) setAside(where place) error {
	raw, info, err := where.readFile()
	if _, isUnavailable := errors.AsType[*persist.UnavailableError](err); isUnavailable {
		return err
	}
	if err != nil {
		return nil // there is nothing, or no file
	}
	_, err = where.decode(raw, info)
	if _, isUnreadable := errors.AsType[*persist.UnreadableError](err); !isUnreadable {
		return nil
	}
	aside, err := s.keepAside(where, raw)
	if err == nil && aside != "" {
		s.options.Log.Warn("what was stored is no login, and is kept", "file", aside)
	}
	return err
}

// keepAside copies it, so that it is in its place until a login is. It returns ""
// if there is a copy of it already.
func (s *Store) keepAside(where place, raw []byte) (aside string, err error) {
	for n := range asides {
		aside = filepath.Join(s.home, disk.UnreadableFile)
		if n > 0 {
			aside += fmt.Sprintf(".%d", n+1)
		}
		if there, _, err := disk.Read(aside, authjson.SizeLimitBytes); err == nil && bytes.Equal(there, raw) {
			return "", nil
		}
		if _, err := os.Lstat(aside); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if len(raw) > authjson.SizeLimitBytes { // and more of it was not read
			return aside, os.Rename(where.path, aside)
		}
		return aside, disk.Create(aside, raw, func(name string) { s.options.Step("aside: " + name) })
	}
	return "", fmt.Errorf("there are %d files %s already", asides, filepath.Join(s.home, disk.UnreadableFile))
}
