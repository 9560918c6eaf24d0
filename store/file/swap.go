package file

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/record"
	"github.com/bezoar-auth/bezoar/store/system"
)

// write does a change. When it returns nil, the new content is on the disk. A crash at
// any moment leaves the old content or the new one.
func (s *Store) write(ctx context.Context, where place, c change) error {
	inPlace, err := where.mustKeepFile()
	if err == nil {
		err = where.takesFiles()
	}
	if err != nil {
		return err
	}
	stageInRoom := s.stage
	if c.was != "" {
		stageInRoom = s.stageInRoom
	}
	t, err := stageInRoom(where, c)
	if err != nil {
		return err
	}
	return s.put(ctx, t, inPlace)
}

// put brings a staged file to its place: by a move, or in place where nothing can be
// moved there. A refreshed login that cannot be put there at all stays staged, because
// the issuer gives it only once.
func (s *Store) put(ctx context.Context, t *temp, inPlace bool) (err error) {
	if !inPlace {
		err = s.move(ctx, t)
		inPlace = cannotMove(err)
	}
	if inPlace {
		if stuck := err; stuck == nil || immovable(stuck) || s.canWrite(t.where.path) == nil {
			err = s.putInPlace(ctx, t)
		}
	}
	if err == nil {
		t.keep = false
		s.discard(t)
		s.disk.Step(t.verb + ": sync folder")
		return s.disk.System().SyncFolder(t.where.folder)
	}
	return s.putAside(t, err)
}

// cannotMove reports that a staged file could not be moved, for a reason of the folder
// and not of the login.
func cannotMove(err error) bool {
	return err != nil && !errors.Is(err, persist.ErrConflict) && !errors.Is(err, fs.ErrNotExist)
}

// putAside ends a put that failed. After a conflict the next swap may use the room
// again, or release gives it back. After any other error the staged file keeps the
// login for the next swap or sweep.
func (s *Store) putAside(t *temp, err error) error {
	ours := t.was != "" && s.markOf(t.path) == t.is()
	if ours && cannotMove(err) {
		t.keep = true
		err = &stagedError{err}
	}
	if ours && (t.held || t.keep) && t.verb == "swap" {
		t.held = true
		s.rooms.keep(t)
		return err
	}
	s.discard(t)
	return err
}

// stagedError is the error of a write whose content is on the disk, in a staged file.
type stagedError struct{ error }

func (e *stagedError) Unwrap() error { return e.error }

func (s *Store) move(ctx context.Context, t *temp) error {
	defer s.lockCommit(ctx, t.where.path)()
	if t.was != "" {
		return s.exchange(t)
	}
	s.disk.Step(t.verb + ": rename")
	err := s.disk.System().Rename(t.path, t.where.path)
	if err == nil {
		t.path = ""
	}
	return err
}

// exchange puts the staged file in the place of the record that was read. A comparison
// and then a rename would lose a login that comes in between; so the two files change
// places, and confirm looks at what came out. Two processes that did this at once
// would each take the other's attempt for a login: lockCommit keeps them apart.
//
// Where the system or the disk has no exchange, or refuses it, the file is renamed after one
// more comparison, and a login that comes after that is lost, if its program takes no lock.
// That window is microseconds, and people make nearly all logins.
func (s *Store) exchange(t *temp) error {
	if s.markOf(t.where.path) != mark(t.was) {
		return persist.ErrConflict
	}
	s.disk.Step(t.verb + ": exchange")
	err := s.disk.System().Exchange(t.path, t.where.path)
	switch {
	case err == nil:
		return s.confirm(t)
	case errors.Is(err, fs.ErrNotExist):
		return t.gone(err)
	case immovable(err):
		return err
	}
	s.disk.Step(t.verb + ": rename")
	unchanged := func() bool { return s.markOf(t.where.path) == mark(t.was) }
	err = s.disk.System().RenameIf(t.path, t.where.path, unchanged)
	switch {
	case err == nil:
		t.path = ""
	case errors.Is(err, system.ErrChanged):
		return persist.ErrConflict
	}
	return err
}

// gone is a conflict, unless it is the staged file that is missing.
func (t *temp) gone(err error) error {
	if _, missing := os.Lstat(t.path); missing != nil {
		return err
	}
	return persist.ErrConflict
}

// confirmations bounds how many logins may come while confirm puts one back.
const confirmations = 16

// confirm looks at what came out of an exchange. If it is not the record that was
// read, it is a login that came in between: confirm puts it back. Then the staged file
// must come out; if another file does, that login came even later, and so on. A
// process that dies here leaves a file for the sweep, which does the same.
func (s *Store) confirm(t *temp) error {
	put, out := t.is(), s.markOf(t.path)
	if out == mark(t.was) {
		return nil
	}
	for range confirmations {
		s.disk.Step(t.verb + ": exchange back")
		err := s.disk.System().Exchange(t.path, t.where.path)
		if errors.Is(err, fs.ErrNotExist) { // it is removed by now, and that came last
			return persist.ErrConflict
		}
		if err != nil {
			t.keep = true
			return err
		}
		back := s.markOf(t.path)
		if back == put {
			return persist.ErrConflict
		}
		put, out = out, back
	}
	t.keep = true
	return persist.ErrConflict
}

// markOf is the mark of a file; "" for a link or a file with a second name, which may
// not be taken away.
func (s *Store) markOf(path string) persist.Revision {
	content, info, err := readPlain(s.disk, path)
	if err != nil || s.disk.System().Names(path, info) > 1 {
		return ""
	}
	return mark(revisionOf(content))
}

// putInPlace writes the content of the staged file into the record's file. While that
// is incomplete, readers get the staged one: so its name has to be on the disk before.
func (s *Store) putInPlace(ctx context.Context, t *temp) error {
	s.disk.Step(t.verb + ": sync folder first")
	if err := s.disk.System().SyncFolder(t.where.folder); err != nil {
		return err
	}
	return s.overwrite(ctx, t)
}

// overwrite writes into a file that must stay the one it is.
func (s *Store) overwrite(ctx context.Context, t *temp) error {
	unlock, err := s.lockContent(ctx, t.where.path)
	if err != nil {
		return err
	}
	defer unlock()
	file, _, err := s.disk.Open(t.where.path, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) && t.was != "" {
		return persist.ErrConflict
	}
	if err != nil {
		return err
	}
	defer file.Close()
	s.disk.Step(t.verb + ": truncate") // before the comparison: where nothing can be locked, little may come between
	old, err := io.ReadAll(io.LimitReader(file, record.SizeLimitBytes+1))
	if err == nil && len(old) > record.SizeLimitBytes {
		err = disk.ErrTooLarge // and what is so large is no login
	}
	if err != nil {
		return err
	}
	if t.was != "" && mark(revisionOf(old)) != mark(t.was) {
		return persist.ErrConflict
	}
	err = s.rewrite(file, t.change)
	if err == nil || errors.Is(err, persist.ErrConflict) {
		return err
	}
	t.keep = s.rewrite(file, change{verb: t.verb + ": undo", content: old, was: t.was}) != nil
	return err
}

// rewrite reads back what it wrote, because two processes may write at once where
// nothing can be locked. A login that another process put there while this one stood
// still is the later one, and a conflict.
func (s *Store) rewrite(file *os.File, c change) error {
	date := s.dateAfter(file.Name())
	if err := file.Truncate(0); err != nil {
		return err
	}
	s.disk.Step(c.verb + ": write in place")
	info, err := file.Stat()
	if err == nil && info.Size() > 0 {
		if c.was != "" {
			return persist.ErrConflict
		}
		err = file.Truncate(0)
	}
	if err != nil {
		return err
	}
	if _, err := file.WriteAt(c.content, 0); err != nil {
		return err
	}
	_ = file.Chmod(0o600) // both fail on another user's file, which may be written all the same
	_ = s.disk.System().Date(file, file.Name(), date)
	s.disk.Step(c.verb + ": sync in place")
	if err := s.disk.System().Sync(file); err != nil {
		return err
	}
	written, err := io.ReadAll(io.NewSectionReader(file, 0, record.SizeLimitBytes+1))
	if err != nil || bytes.Equal(written, c.content) {
		return err
	}
	if _, err := s.format.Decode(written); err == nil {
		return persist.ErrConflict
	}
	return errors.New("another process wrote at the same time")
}
