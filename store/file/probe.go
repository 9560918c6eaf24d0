package file

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/disk"
)

var (
	_ persist.Prober = (*Store)(nil)
	_ persist.Prober = (*Ledger)(nil)
)

// Probe implements [persist.Prober]. It sees a folder that takes no files, a file that
// must be written in place and cannot be, and a disk that is full or read-only.
func (s *Store) Probe(context.Context) error {
	where, err := s.find()
	if err != nil {
		return undurable(where, err)
	}
	inPlace, err := where.mustStay()
	if err == nil {
		err = where.takesFiles()
	}
	if err == nil && inPlace {
		err = canWrite(where.path)
	}
	if err == nil {
		err = canMakeFile(where.folder)
	}
	return undurable(where, err)
}

// Probe implements [persist.Prober]. It sees a journal that takes no entry, and a folder
// that takes no intent.
func (l *Ledger) Probe(context.Context) error {
	path := l.journal.path
	file, _, err := disk.Open(path, os.O_WRONLY|os.O_APPEND)
	switch {
	case err == nil:
		file.Close()
	case errors.Is(err, fs.ErrNotExist):
		err = canMakeFile(filepath.Dir(path))
	}
	if _, missing := os.Stat(l.intents); err == nil && missing == nil {
		err = canMakeFile(l.intents)
	}
	if err != nil {
		return &persist.NotDurableError{Err: err}
	}
	return nil
}
