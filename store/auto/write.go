package auto

import (
	"context"
	"errors"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/store"
)

// Replace implements [store.Store]: into the keyring, and if that fails into
// auth.json. Its errors are those of auth.json's store.
func (s *Store) Replace(ctx context.Context, c machine.Credential) error {
	defer s.inTurn(ctx)()
	s.options.Step("replace: keyring")
	err := s.keyring.Replace(ctx, c)
	if err == nil {
		return s.leaveFile(ctx)
	}
	s.options.Log.Warn("the keyring cannot be used, the login goes to auth.json", "error", err)
	s.options.Step("replace: file")
	if err := s.file.Replace(ctx, c); err != nil {
		return err
	}
	if err := s.writeSource(); err != nil { // the login stands, for it is in auth.json
		s.options.Log.Warn("that the keyring's login is void cannot be written down", "error", err)
	}
	return nil
}

// leaveFile makes the keyring's login the one that counts.
func (s *Store) leaveFile(ctx context.Context) error {
	if err := s.removeSource(); err != nil {
		return &store.NotDurableError{Err: err}
	}
	s.options.Step("leave the file")
	return s.file.Delete(ctx)
}

// Swap implements [store.Store], where the login is. A keyring that cannot be
// used then is an error, and no reason to go elsewhere: nobody could tell what
// login would be undone.
func (s *Store) Swap(ctx context.Context, base store.Revision, c machine.Credential) error {
	defer s.inTurn(ctx)()
	place, err := s.place(ctx)
	if err != nil {
		return err
	}
	s.options.Step("swap")
	return place.Swap(ctx, base, c)
}

// Delete implements [store.Store]. A keyring that cannot be reached does not
// keep anybody logged in: its login is void from now on, and removed when it
// answers again.
func (s *Store) Delete(ctx context.Context) error {
	defer s.inTurn(ctx)()
	s.options.Step("delete: keyring")
	failure := s.keyring.Delete(ctx)
	if failure != nil {
		s.options.Log.Warn("the keyring cannot be used, what login it has is void but still there", "error", failure)
		if err := s.writeSource(); err != nil {
			return &store.NotDurableError{Err: errors.Join(failure, err)}
		}
	}
	s.options.Step("delete: file")
	if err := s.file.Delete(ctx); err != nil || failure != nil {
		return err
	}
	if err := s.removeSource(); err != nil { // it does no harm
		s.options.Log.Warn("a note that nobody needs cannot be removed", "error", err)
	}
	return nil
}

// finish does what was left of a logout, or of a login that went to auth.json
// and is gone from there. It looks again in its turn: a login may be under way.
func (s *Store) finish(ctx context.Context) {
	defer s.inTurn(ctx)()
	mark, err := s.readSource()
	if err != nil || mark == nil {
		return
	}
	record, err := s.keyring.Load(ctx)
	switch unreadable := new(store.UnreadableError); {
	case err == nil && mark.isVoid(record.Credential), errors.As(err, &unreadable):
		s.options.Step("finish: keyring")
		err = s.keyring.Delete(ctx)
	case errors.Is(err, store.ErrNotFound):
		err = nil
	case err == nil:
		return // somebody logged in there meanwhile
	}
	if err == nil {
		err = s.removeSource()
	}
	if err != nil {
		s.options.Log.Warn("a logout that did not reach the keyring cannot be finished yet", "error", err)
	}
}
