package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/record"
	"github.com/bezoar-auth/bezoar/store/system"
)

const (
	commitFile = "auth.keyring.lock"
	commitPoll = time.Millisecond
)

// turn is a writer's turn.
type turn struct {
	item  item
	alone bool // no other process writes, as far as this one sees
}

// inTurn lets do write. Its turn lasts as long as the keyring takes, also when the
// caller has left: what the keyring may still do comes before what the next writer
// asks for.
func (s *Store) inTurn(ctx context.Context, do func(context.Context, turn) error) error {
	_, err := calling(ctx, s, func(ctx context.Context) (struct{}, error) {
		if !s.homeExists() {
			return struct{}{}, &homeError{s.home}
		}
		lock, err := s.exclude(ctx)
		if err != nil {
			return struct{}{}, err
		}
		mine := turn{item: s.item(), alone: lock != nil}
		if lock != nil {
			defer lock.Close()
			mine.item.ring = inheriting(mine.item.ring, lock.Inheritance())
		}
		return struct{}{}, do(ctx, mine)
	})
	return err
}

// exclude keeps other processes from writing. Where no file can be locked, the write
// goes on without. Where another process has the lock, it does not: that process's
// keyring may hang. The wait leaves a part of the patience, so that the error says
// which of the two it is. The lock is nil where there is none to be had.
func (s *Store) exclude(ctx context.Context) (system.Lock, error) {
	ctx, cancel := context.WithTimeout(ctx, s.options.Patience*3/4)
	defer cancel()
	s.options.Disk.Step("lock")
	lock, err := s.options.Disk.TakeLock(ctx, s.path(commitFile), commitPoll)
	switch {
	case err == nil:
		return lock, nil
	case ctx.Err() != nil:
		return nil, &persist.UnavailableError{Err: fmt.Errorf("wait for another writer, whose keyring may be asking you something: %w", ctx.Err())}
	}
	s.options.Log.Warn("there is no lock to be had, writing to the keyring without", "error", err)
	return nil, nil
}

// put makes content the record. The set of the item commits it: before that a new
// sealed file counts for nothing, and after it the old one does. A set that failed may
// still take place, so the file that it would need stays until the next turn.
func (s *Store) put(ctx context.Context, turn turn, old string, content []byte) error {
	s.sweep(turn, old)
	value, generation, err := s.valueOf(turn.item, content)
	if err == nil {
		err = ctx.Err() // the caller has gone with the answer that nothing is written
	}
	if err != nil {
		return err
	}
	s.options.Disk.Step("set")
	if err := turn.item.set(value); err != nil {
		return err
	}
	s.tidy(turn, generation)
	return nil
}

// valueOf is what the keyring is to hold of a login.
func (s *Store) valueOf(place item, content []byte) (value, generation string, err error) {
	if len(content) <= s.options.LimitBytes {
		return string(content), "", nil
	}
	p := newPointer()
	sealed, err := p.seal(place.account, content)
	if err != nil {
		return "", "", fmt.Errorf("seal a login: %w", err)
	}
	if err := s.options.Disk.In("seal: ").Create(s.path(p.fileName()), sealed); err != nil {
		return "", "", fmt.Errorf("write a sealed login: %w", err)
	}
	value, err = p.value()
	return value, p.Generation, err
}

// tidy removes what had the login before. If it cannot, that does no harm to the new
// login.
func (s *Store) tidy(turn turn, generation string) {
	s.sweep(turn, generation)
	if s.options.KeepFile {
		return
	}
	if err := s.removeFile(); err != nil {
		s.options.Log.Warn("a login that the keyring has taken the place of cannot be removed", "error", err)
	}
}

// removeFile removes the file of the record, or keeps it under another name if it is no login:
// it may be one that was damaged.
func (s *Store) removeFile() error {
	path := s.path(s.options.Format.File)
	content, _, err := s.options.Disk.Read(path, record.SizeLimitBytes)
	if err == nil && len(bytes.TrimSpace(content)) > 0 {
		if _, err := s.options.Format.Decode(content); err != nil {
			return s.options.Disk.In("tidy: ").Rename(path, s.path(s.options.Format.Aside()))
		}
	}
	return s.options.Disk.In("tidy: ").Remove(path)
}

// sweep removes all sealed files but one. Without the lock it removes none: another
// process may be about to need one.
func (s *Store) sweep(turn turn, keep string) {
	if !turn.alone {
		return
	}
	files, _ := s.options.Disk.ReadFolder(s.home) // a home that cannot be read has none for us
	for _, each := range files {
		generation, sealed := strings.CutPrefix(each.Name(), sealedPrefix)
		if !sealed || generation == keep {
			continue
		}
		if err := s.options.Disk.In("sweep: ").Remove(s.path(each.Name())); err != nil {
			s.options.Log.Warn("a sealed file that is not needed any more cannot be removed", "error", err)
		}
	}
}

// Reserve implements [persist.Store]. A keyring cannot hold room: it must take an item
// of the size of a successor, beside the login, and remove it. If a successor may have
// to be sealed, Reserve also makes, syncs and removes a file.
func (s *Store) Reserve(ctx context.Context, c machine.Credential) (release func(), err error) {
	_, err = calling(ctx, s, func(context.Context) (struct{}, error) { return struct{}{}, s.reserve(c) })
	return func() {}, undurable("reserve room for a new login", err)
}

func (s *Store) reserve(c machine.Credential) error {
	if !s.homeExists() {
		return &homeError{s.home}
	}
	place := s.item()
	found, err := s.read(place)
	if unavailable := new(persist.UnavailableError); errors.As(err, &unavailable) {
		return err
	}
	if err != nil {
		found.content = nil // there is nothing more to keep
	}
	content, err := s.document(c, found.content)
	if err != nil {
		return err
	}
	if err := s.tryItem(place, len(content)); err != nil {
		return err
	}
	room := disk.Room(len(content))
	if len(room) <= s.options.LimitBytes {
		return nil
	}
	path := s.path(newPointer().fileName())
	if err := s.options.Disk.In("reserve: ").Create(path, room); err != nil {
		return err
	}
	return s.options.Disk.In("reserve: ").Remove(path)
}

// tryItem writes an item as long as a login, and removes it. The item has an account
// of its own: to write the login itself once more could undo a login that another
// program writes just then.
func (s *Store) tryItem(place item, size int) error {
	account := place.account + " room"
	s.options.Disk.Step("reserve: set")
	err := place.ring.Set(place.service, account, strings.Repeat(" ", min(size, s.options.LimitBytes)))
	if err == nil {
		s.options.Disk.Step("reserve: unset")
		err = place.ring.Delete(place.service, account)
	}
	if err != nil {
		return &persist.UnavailableError{Err: fmt.Errorf("try to write to the keyring: %w", err)}
	}
	return nil
}
