package file

import (
	"context"

	"github.com/bezoar-auth/bezoar/store"
)

var _ store.Prober = (*Store)(nil)

// Probe implements [store.Prober]. It sees a folder that takes no files, a file that
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
