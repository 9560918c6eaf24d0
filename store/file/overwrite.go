package file

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/authjson"
	"github.com/bezoar-auth/bezoar/store/disk"
)

// putInPlace writes the content of the staged file into the one that is there.
// While it is incomplete, readers are given the staged one: its name has to be
// on the disk before.
func (s *Store) putInPlace(ctx context.Context, t *temp) error {
	s.options.Step(t.verb + ": sync folder first")
	if err := disk.SyncFolder(t.where.folder); err != nil {
		return err
	}
	return s.overwrite(ctx, t)
}

// overwrite writes into a file that has to stay the one it is.
func (s *Store) overwrite(ctx context.Context, t *temp) error {
	unlock, err := lockContent(ctx, t.where.path)
	if err != nil {
		return err
	}
	defer unlock()
	file, _, err := disk.Open(t.where.path, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) && t.was != "" {
		return persist.ErrConflict
	}
	if err != nil {
		return err
	}
	defer file.Close()
	s.options.Step(t.verb + ": truncate") // before the comparison: where nothing can be locked, little may come between
	old, err := io.ReadAll(io.LimitReader(file, authjson.SizeLimitBytes+1))
	if err == nil && len(old) > authjson.SizeLimitBytes {
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
	t.isKept = s.rewrite(file, change{verb: t.verb + ": undo", content: old, was: t.was}) != nil
	return err
}

// rewrite reads back what it wrote: where nothing can be locked, two may write at
// once. Then a login that another process put there while this one stood still is
// the later one, unless this is a login as well.
func (s *Store) rewrite(file *os.File, c change) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	s.options.Step(c.verb + ": write in place")
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
	_ = file.Chmod(0o600) // both fail on somebody else's file, which may be written all the same
	_ = os.Chtimes(file.Name(), time.Time{}, s.now())
	s.options.Step(c.verb + ": sync in place")
	if err := file.Sync(); err != nil {
		return err
	}
	written, err := io.ReadAll(io.NewSectionReader(file, 0, authjson.SizeLimitBytes+1))
	if err != nil || bytes.Equal(written, c.content) {
		return err
	}
	if _, err := authjson.Decode(written); err == nil {
		return persist.ErrConflict
	}
	return errors.New("somebody else wrote at the same time")
}
