package file

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/bezoar-auth/bezoar/store/authjson"
	"github.com/bezoar-auth/bezoar/store/disk"
)

// sweep clears up what those left who died in a write. It never touches the
// files of those who live.
func (s *Store) sweep(ctx context.Context, where place) {
	for _, each := range where.leftovers() {
		if each.isAbandoned(s.owner(), s.now()) {
			s.recover(ctx, each)
		}
	}
}

// recover ends a write whose process died, as that process would have: then
// neither the tokens that an issuer just gave nor the login that was displaced
// by them is lost. A leftover of any other kind is removed. What cannot be put in
// place now is left for the next sweep.
func (s *Store) recover(ctx context.Context, l leftover) {
	t, ok := s.claim(l)
	if !ok {
		return
	}
	raw, _, err := readPlain(t.where.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !l.isNeeded(raw) {
		s.discard(t)
		return
	}
	if err == nil {
		t.was = revisionOf(raw)
		err = s.finish(ctx, t)
	}
	if err != nil {
		_ = os.Rename(t.path, l.path)
		s.options.Log.Warn("a login whose write a crash cut short cannot be written", "error", err)
		return
	}
	s.options.Log.Warn("a login whose write a crash cut short is written now")
}

func (s *Store) finish(ctx context.Context, t *temp) error {
	inPlace, err := t.where.mustStay()
	if err == nil {
		err = s.sync(t) // who died may have done so before this
	}
	if err == nil {
		err = s.put(ctx, t, inPlace)
	}
	return err
}

// claim makes the file ours: of several who find it, one gets it.
func (s *Store) claim(l leftover) (*temp, bool) {
	t := l.temp
	t.verb, t.owner, t.path = "sweep", s.owner(), s.name(l.where, l.was, l.named)
	s.options.Step("sweep: claim")
	return &t, os.Rename(l.path, t.path) == nil
}

// isNeeded reports whether the write would have gone on, raw being what the
// file holds now.
func (l *leftover) isNeeded(raw []byte) bool {
	if _, err := authjson.Decode(l.content); err != nil {
		return false
	}
	if _, isCutShort := l.completes(raw); isCutShort {
		return true
	}
	if l.was == "" { // a login, whose user has seen it fail
		return false
	}
	now := mark(revisionOf(raw))
	isUntried := l.isWhole() && now == l.was
	isDisplaced := !l.isWhole() && l.is() != l.was && now == l.named
	return isUntried || isDisplaced
}

func (s *Store) sync(t *temp) error {
	file, _, err := disk.Open(t.path, os.O_RDWR)
	if err != nil {
		return err
	}
	defer file.Close()
	s.options.Step(t.verb + ": sync")
	return file.Sync()
}
