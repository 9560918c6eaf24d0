package fallback

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/disk"
)

// source is the file auth.source: it says since when the login is in auth.json,
// or nowhere.
type source struct {
	FileSince time.Time `json:"file_since"`
}

const (
	sourceFile       = "auth.source"
	sourceLimitBytes = 4 << 10 // far more than is ever written there
)

// voids reports whether a login of the keyring counts for nothing. A refresh or a
// login with an issuer dates it with the clock of this machine. An API key has no
// date, and counts as older.
func (s source) voids(c machine.Credential) bool { return !c.LastRefresh.After(s.FileSince) }

// readSource returns nil if there is no such file. One that cannot be understood voids
// what it finds: a process wrote it because it could not use the keyring.
func (s *Store) readSource() (*source, error) {
	content, _, err := s.options.Disk.Read(s.path(sourceFile), sourceLimitBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil && !errors.Is(err, disk.ErrTooLarge) {
		return nil, &persist.UnavailableError{Err: fmt.Errorf("read where the login is: %w", err)}
	}
	read := new(source)
	if err := json.Unmarshal(content, read); err != nil || read.FileSince.IsZero() {
		return &source{FileSince: s.options.Now()}, nil
	}
	return read, nil
}

// writeSource voids what the keyring holds, and what it was asked to hold.
func (s *Store) writeSource() error {
	content, err := json.Marshal(source{FileSince: s.latest()})
	if err != nil {
		return err
	}
	next := s.path(sourceFile + ".next")
	if err := s.options.Disk.In("source: clear: ").Remove(next); err != nil {
		return err
	}
	if err := s.options.Disk.In("source: ").Create(next, content); err != nil {
		return err
	}
	return s.options.Disk.In("source: ").Rename(next, s.path(sourceFile))
}

// latest is now, or later if a login in the keyring is: clocks are set back.
func (s *Store) latest() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.options.Now(); now.After(s.newest) {
		return now
	}
	return s.newest
}

// sawKeyring remembers how late a login of the keyring is.
func (s *Store) sawKeyring(c machine.Credential) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.LastRefresh.After(s.newest) {
		s.newest = c.LastRefresh
	}
}

// removeSource lets what the keyring holds count again.
func (s *Store) removeSource() error {
	if err := s.options.Disk.In("source gone: ").Remove(s.path(sourceFile)); err != nil {
		return fmt.Errorf("let the keyring's login count: %w", err)
	}
	return nil
}

func (s *Store) path(name string) string { return filepath.Join(s.home, name) }
