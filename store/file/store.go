// Package file keeps a login in a folder as Codex does, in one file, and refreshes
// take turns at auth.lock. Beside the login it keeps bezoar's own ledger.
// cmd/bezoar/docs/home.md lists the files and the locks.
package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/authjson"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/record"
)

// Store is the [persist.Store] in a folder, one file. A write puts a
// new file in the place of the old one, so that a reader sees the one or the
// other. Symbolic links are followed; a file that has a second hard link or is
// a mount point stays the file it is and is written in place (see overwrite).
type Store struct {
	log    *slog.Logger
	disk   disk.Disk
	now    func() time.Time
	format record.Format
	home   string
	owner  func() owner // of the staged files of this process
	lock   *disk.RefreshLock
	rooms  rooms
}

// Options are settings of a store. The zero value is fit for use.
type Options struct {
	Format record.Format // of the record, and the name of its file; the zero Format is [authjson.Format]

	Log  *slog.Logger     // nil is slog.Default()
	Disk disk.Disk        // where the home is
	Now  func() time.Time // the clock that files are dated with, and the age of staged ones is measured with; nil is time.Now
}

// Open returns the store in the folder home. It reads and writes nothing yet. The
// store never makes home: a login can be stored once the folder exists.
func Open(home string, options Options) *Store {
	if options.Log == nil {
		options.Log = slog.Default()
	}
	if options.Format.File == "" {
		options.Format = authjson.Format
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Store{
		log: options.Log, disk: options.Disk, now: options.Now, format: options.Format,
		home: home, owner: thisOwner(options.Disk.System()), lock: options.Disk.NewRefreshLock(home, options.Log),
	}
}

// path is where the record is, or a link to it.
func (s *Store) path() string { return filepath.Join(s.home, s.format.File) }

// Load implements [persist.Store]. A file with nothing in it is no login.
func (s *Store) Load(context.Context) (persist.Record, error) {
	where, err := s.find()
	if err != nil {
		return persist.Record{}, &persist.UnavailableError{Err: fmt.Errorf("%s: %w", where.path, err)}
	}
	found, err := where.read()
	return found.record, err
}

// Stamp implements [persist.Store]. It costs one stat.
func (s *Store) Stamp(context.Context) (persist.Stamp, bool) {
	stamp, err := s.disk.System().Stamp(s.path())
	return persist.Stamp(stamp), err == nil || errors.Is(err, fs.ErrNotExist)
}

// Replace implements [persist.Store]. It returns a [*persist.NotDurableError] if the
// login cannot be written, and another error if the format has no place for such a
// login.
func (s *Store) Replace(ctx context.Context, c machine.Credential) error {
	content, err := s.format.Encode(c, nil)
	if err != nil {
		return fmt.Errorf("encode a login: %w", err)
	}
	where, err := s.find()
	if err == nil {
		s.sweep(ctx, where)
		err = s.setAside(where)
	}
	if err == nil {
		err = s.write(ctx, where, change{verb: "replace", content: content})
	}
	return undurable(where, err)
}

// swaps is how often a swap starts again because the file changed and its content did
// not: it got another name, or another process wrote the same once more.
const swaps = 3

// Swap implements [persist.Store]. Its other errors are those of Load, and of
// Replace.
func (s *Store) Swap(ctx context.Context, base persist.Revision, c machine.Credential) (err error) {
	for range swaps {
		err = s.swapOnce(ctx, base, c)
		if !errors.Is(err, persist.ErrConflict) {
			return err
		}
	}
	return err
}

func (s *Store) swapOnce(ctx context.Context, base persist.Revision, c machine.Credential) error {
	where, err := s.find()
	if err != nil {
		return undurable(where, err)
	}
	found, err := where.read()
	if unavailable := new(persist.UnavailableError); errors.As(err, &unavailable) {
		return err
	}
	if err != nil || found.record.Revision != base {
		return persist.ErrConflict
	}
	content, err := s.format.Encode(c, found.content)
	if err != nil {
		return fmt.Errorf("encode a refreshed login: %w", err)
	}
	err = s.write(ctx, where, change{verb: "swap", content: content, was: revisionOf(found.raw)})
	return undurable(where, err)
}

// emptyRecord is the content of a file that must stay when its login goes. It is not
// empty: an empty file is one that a process is writing a login to.
var emptyRecord = []byte("\n")

// Delete implements [persist.Store]. A file that must be written in place is emptied
// in place: every home that shares it is logged out as well, and shares the next
// login.
func (s *Store) Delete(ctx context.Context) error {
	where, err := s.find()
	if err == nil {
		s.sweep(ctx, where)
		err = s.setAside(where)
	}
	if err == nil {
		err = s.remove(ctx, where)
	}
	return undurable(where, err)
}

func (s *Store) remove(ctx context.Context, where place) error {
	inPlace, err := where.mustKeepFile()
	if noFile := new(disk.NotAFileError); errors.As(err, &noFile) {
		return nil // it is no login
	}
	if errors.Is(err, ErrReplaced) {
		err = nil // what is left here can be emptied all the same
	}
	if err == nil && !inPlace {
		unlock := s.lockCommit(ctx, where.path)
		s.disk.Step("delete: remove")
		err = s.disk.System().Remove(where.path)
		unlock()
		inPlace = immovable(err) || errors.Is(err, syscall.EPERM) && s.canWrite(where.path) == nil
	}
	switch {
	case inPlace:
		return s.overwrite(ctx, &temp{where: where, change: change{verb: "delete", content: emptyRecord}})
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	s.disk.Step("delete: sync folder")
	return s.disk.System().SyncFolder(where.folder)
}

// undurable is the error of a write for its caller: it names the file of the login,
// and no temporary file.
func undurable(where place, err error) error {
	if err == nil || errors.Is(err, persist.ErrConflict) {
		return err
	}
	if unread, ok := errors.AsType[*persist.UnavailableError](err); ok {
		return &persist.NotDurableError{Err: unread.Err} // which names the file
	}
	_, staged := errors.AsType[*stagedError](err)
	return &persist.NotDurableError{Err: fmt.Errorf("%s cannot be written: %w", where.path, plain(err)), Staged: staged}
}

// plain is a file system's error without its paths.
func plain(err error) error {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		return of.Err
	}
	if of, ok := errors.AsType[*os.LinkError](err); ok {
		return of.Err
	}
	return err
}

// asides bounds how many unreadable files are kept.
const asides = 100

// setAside keeps what stands in the place of the login and is no login, before a login
// or a logout takes it away: it may be a damaged login, or another file that a link
// leads to. It returns an error if the file may not be read, for then it may be a good
// login.
func (s *Store) setAside(where place) error {
	raw, info, err := where.readFile()
	if _, unavailable := errors.AsType[*persist.UnavailableError](err); unavailable {
		return err
	}
	if err != nil {
		return nil // there is nothing, or no file
	}
	_, err = where.decode(raw, info)
	if _, unreadable := errors.AsType[*persist.UnreadableError](err); !unreadable {
		return nil
	}
	aside, err := s.keepAside(where, raw)
	if err == nil && aside != "" {
		s.log.Warn("what was stored is no login, and is kept", "file", aside)
	}
	return err
}

// keepAside copies the file, so that it stays in its place until a login replaces it.
// It returns "" if there is a copy of it already.
func (s *Store) keepAside(where place, raw []byte) (aside string, err error) {
	for n := range asides {
		aside = filepath.Join(s.home, s.format.Aside())
		if n > 0 {
			aside += fmt.Sprintf(".%d", n+1)
		}
		if there, _, err := s.disk.Read(aside, record.SizeLimitBytes); err == nil && bytes.Equal(there, raw) {
			return "", nil
		}
		if _, err := os.Lstat(aside); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if len(raw) > record.SizeLimitBytes { // and more of it was not read
			return aside, s.disk.System().Rename(where.path, aside)
		}
		return aside, s.disk.In("aside: ").Create(aside, raw)
	}
	return "", fmt.Errorf("there are %d files %s already", asides, filepath.Join(s.home, s.format.Aside()))
}
