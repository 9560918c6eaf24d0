package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/disk"
)

// Reserve implements [persist.Store]. It makes and syncs a file beside the login, the
// room. The next Swap writes the successor into the room. Reserve proves that the room
// can take the place of the login.
func (s *Store) Reserve(_ context.Context, c machine.Credential) (release func(), err error) {
	where, err := s.find()
	if err == nil {
		err = where.checkSuccessor()
	}
	var room *temp
	if err == nil {
		room, err = s.reserve(where, c)
	}
	if err != nil {
		return nil, undurable(where, err)
	}
	s.rooms.keep(room)
	return func() {
		if s.rooms.takeUnused(room) {
			s.discard(room)
		}
	}, nil
}

// checkSuccessor returns [persist.ErrConflict] if a crashed writer left a successor of
// the login in place, which a sweep is about to put there. Only a process that goes on
// without the lock meets that.
func (p place) checkSuccessor() error {
	beside := p.leftovers()
	found, _ := p.read() // nothing there has no successor
	for _, each := range beside {
		_, err := p.format.Decode(each.content)
		if err == nil && each.whole() && each.was == mark(revisionOf(found.raw)) {
			return persist.ErrConflict
		}
	}
	return nil
}

func (s *Store) reserve(where place, c machine.Credential) (*temp, error) {
	inPlace, err := where.mustKeepFile()
	if err == nil {
		err = where.takesFiles()
	}
	if err == nil && inPlace {
		err = s.canWrite(where.path)
	}
	if err != nil {
		return nil, err
	}
	found, _ := where.read() // without a login there is nothing more to keep
	content, err := where.format.Encode(c, found.content)
	if err != nil {
		return nil, err
	}
	room, err := s.create(where, change{verb: "reserve", content: disk.Room(len(content))})
	if err != nil {
		return nil, err
	}
	room.held = true
	if err = s.fill(room); err == nil && !inPlace {
		err = s.prove(room)
	}
	if err != nil {
		s.discard(room)
		return nil, err
	}
	return room, nil
}

// prove lets the room take the place of another file of the same owner, in the ways of
// [Store.move]. A folder may accept new files and refuse to have them replaced: an
// append-only folder, a sticky one of another user, a file system or a sandbox that
// refuses. Then the login must be one that can be written in place.
func (s *Store) prove(room *temp) error {
	probe, err := s.create(room.where, change{verb: "reserve probe"})
	if err != nil {
		return err
	}
	s.disk.Bequeath(probe.file, room.where.path)
	probe.file.Close()
	probe.file = nil
	s.disk.Step("reserve: exchange")
	if err = s.disk.System().Exchange(room.path, probe.path); err == nil {
		room.path, probe.path = probe.path, room.path
	} else {
		s.disk.Step("reserve: rename")
		if err = s.disk.System().Rename(room.path, probe.path); err == nil {
			room.path, probe.path = probe.path, ""
		}
	}
	s.discard(probe)
	if err != nil && s.canWrite(room.where.path) == nil {
		return nil
	}
	return err
}

func (s *Store) canWrite(path string) error {
	file, _, err := s.disk.Open(path, os.O_WRONLY)
	if err != nil {
		return err
	}
	return file.Close()
}

// stageInRoom stages a change in the room that is held for it, or in a new file if
// there is none. It first gives the file the name that says what the file will hold,
// so that a new login on the disk differs from the one it replaces at any moment.
func (s *Store) stageInRoom(where place, c change) (*temp, error) {
	room := s.rooms.take(where)
	if room == nil {
		return s.stage(where, c)
	}
	room.change = c
	path := s.name(where, c.was, c.is())
	s.disk.Step(c.verb + ": name")
	err := s.rewriteRoom(room, path)
	if err != nil {
		s.rooms.keep(room)
		return nil, err
	}
	room.close()
	return room, nil
}

func (s *Store) rewriteRoom(room *temp, path string) error {
	if !s.disk.System().MovesOpen() {
		room.close()
	}
	if err := s.disk.System().Rename(room.path, path); err != nil {
		return err
	}
	room.path = path
	if room.file == nil {
		file, _, err := s.disk.Open(path, os.O_WRONLY)
		if err != nil {
			return err
		}
		room.file = file
	}
	s.disk.Step(room.verb + ": shorten")
	if err := room.file.Truncate(int64(len(room.content))); err != nil {
		return fmt.Errorf("shorten %s: %w", filepath.Base(path), err)
	}
	return s.fill(room)
}

// rooms are the files that this process holds for its next swap.
type rooms struct {
	mu   sync.Mutex
	free []*temp
}

// keep holds a room for the next swap.
func (r *rooms) keep(room *temp) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free = append(r.free, room)
}

// take returns the room beside the login at this place, nil if none is held there.
func (r *rooms) take(where place) *temp {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := slices.IndexFunc(r.free, func(room *temp) bool { return room.where == where })
	if at < 0 {
		return nil
	}
	room := r.free[at]
	r.free = slices.Delete(r.free, at, at+1)
	return room
}

// takeUnused takes the room back if it can be discarded: no swap uses it, and it does
// not keep a login.
func (r *rooms) takeUnused(room *temp) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := slices.Index(r.free, room)
	if at < 0 || room.keep {
		return false
	}
	r.free = slices.Delete(r.free, at, at+1)
	return true
}

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
	inPlace, err := where.mustKeepFile()
	if err == nil {
		err = where.takesFiles()
	}
	if err == nil && inPlace {
		err = s.canWrite(where.path)
	}
	if err == nil {
		err = s.disk.System().HasRoom(where.folder, disk.RoomMargin)
	}
	return undurable(where, err)
}

// Probe implements [persist.Prober]. It sees a journal that takes no entry, and a folder
// that takes no intent; also behind links that lead nowhere.
func (l *Ledger) Probe(context.Context) error {
	path := l.journal.path
	file, _, err := l.disk.Open(path, os.O_WRONLY|os.O_APPEND)
	switch {
	case err == nil:
		file.Close()
	case errors.Is(err, fs.ErrNotExist):
		if path, err = behindLinks(path); err == nil {
			err = l.disk.System().HasRoom(filepath.Dir(path), disk.RoomMargin)
		}
	}
	if _, missing := os.Lstat(l.intents); err == nil && missing == nil {
		err = l.disk.System().HasRoom(l.intents, disk.RoomMargin)
	}
	if err != nil {
		return &persist.NotDurableError{Err: err}
	}
	return nil
}
