package file

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/bezoar-auth/bezoar/machine/persist"
)

// change is one write to the record.
type change struct {
	verb    string // in the names of its steps
	content []byte
	was     persist.Revision // of the file that it may take the place of; "" for any
}

// temp is a staged file beside the record: whole and synced before it takes the place
// of the record. Its name tells its owner and its content, so that after a crash the
// next process knows whether it holds the new content still, or the old one that it
// was exchanged for.
//
//	FILE.PID-STARTED-NAMESPACE.WAS.IS.RANDOM.tmp
type temp struct {
	change
	where place
	path  string
	file  *os.File // nil if it is not open
	owner owner
	held  bool // it is held for a swap
	keep  bool // not to be removed: it may be all that is left of a login
}

// mark is a revision, shortened for a file name.
func mark(r persist.Revision) persist.Revision { return r[:min(len(r), 16)] }

// is is the mark of the new content.
func (c change) is() persist.Revision { return mark(revisionOf(c.content)) }

const tempSuffix = ".tmp"

func (s *Store) name(where place, was, is persist.Revision) string {
	return where.folder + fmt.Sprintf("%s.%s.%s.%s.%d%s", where.name, s.owner(), mark(was), is, rand.Uint64(), tempSuffix)
}

// create makes the staged file of a change, with nothing in it yet.
func (s *Store) create(where place, c change) (*temp, error) {
	t := &temp{change: c, where: where, owner: s.owner(), path: s.name(where, c.was, c.is())}
	s.disk.Step(c.verb + ": create")
	file, err := s.disk.New(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("folder %s does not exist", filepath.Clean(where.folder))
	}
	t.file = file
	return t, err
}

// stage makes and fills the staged file of a change, or leaves none.
func (s *Store) stage(where place, c change) (*temp, error) {
	t, err := s.create(where, c)
	if err != nil {
		return nil, err
	}
	defer t.close()
	if err := s.fill(t); err != nil {
		s.disk.System().Remove(t.path)
		return nil, err
	}
	return t, nil
}

// fill writes and syncs the content, and prepares the file for the login's place. It
// dates the file (see dateAfter): the system's own times are too coarse for a stamp,
// and a new file may get the inode of the one before the last. Then it gives the file
// to the owner of the login, in this order, because root may have no right to date it
// afterwards. A system may refuse both; that is no reason to lose a login.
func (s *Store) fill(t *temp) error {
	s.disk.Step(t.verb + ": write")
	if _, err := t.file.WriteAt(t.content, 0); err != nil {
		return err
	}
	_ = s.disk.System().Date(t.file, t.path, s.dateAfter(t.where.path))
	s.disk.Bequeath(t.file, t.where.path)
	s.disk.Step(t.verb + ": sync")
	return s.disk.System().Sync(t.file)
}

// dateAfter is the date of what replaces a file: now, or a bit after that file, where the
// clock has not moved since. Many move once in a millisecond, that of Windows once in 16. A
// date that is further ahead comes from another clock, and means nothing.
func (s *Store) dateAfter(path string) time.Time {
	now := s.now()
	info, err := os.Stat(path)
	if err != nil {
		return now
	}
	if ahead := info.ModTime().Sub(now); ahead >= 0 && ahead < time.Second {
		return info.ModTime().Add(time.Microsecond)
	}
	return now
}

func (t *temp) close() {
	if t.file != nil {
		t.file.Close()
		t.file = nil
	}
}

// discard removes the file, if it is still there.
func (s *Store) discard(t *temp) {
	t.close()
	if t.keep || t.path == "" {
		return
	}
	s.disk.Step(t.verb + ": remove")
	if err := s.disk.System().Remove(t.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("a temporary file with a login cannot be removed", "error", err)
	}
}
