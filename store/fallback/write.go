package fallback

import (
	"context"
	"errors"
	"fmt"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

// Replace implements [persist.Store]: into the keyring, and if that fails into
// auth.json. Its errors are those of auth.json's store.
func (s *Store) Replace(ctx context.Context, c machine.Credential) error {
	defer s.inTurn(ctx)()
	err := s.removeVoid(ctx) // what counts afterwards is what the keyring has, at once
	if err == nil {
		s.sawKeyring(c)
		s.options.Disk.Step("replace: keyring")
		err = s.keyring.Replace(ctx, c)
	}
	if err == nil {
		return s.leaveFile(ctx)
	}
	s.options.Log.Warn("the keyring cannot be used, the login goes to auth.json", "error", err)
	return s.fallBack(ctx, c)
}

// races bounds how often two processes that change where the login is can undo each
// other's change, where nothing can be locked.
const races = 4

// fallBack makes the login in auth.json the one that counts. Another process may
// remove it to let the keyring's count, which is voided then: it tries again.
func (s *Store) fallBack(ctx context.Context, c machine.Credential) error {
	for range races {
		s.options.Disk.Step("replace: file")
		if err := s.file.Replace(ctx, c); err != nil {
			return err
		}
		if err := s.writeSource(); err != nil { // the login stands, for it is in auth.json
			s.options.Log.Warn("that the keyring's login is void cannot be written down", "error", err)
		}
		if _, err := s.file.Load(ctx); !errors.Is(err, persist.ErrNotFound) {
			break
		}
	}
	return nil
}

// leaveFile makes the keyring's login the one that counts. A process that cannot
// reach the keyring may void it meanwhile, if nothing can be locked: it tries again.
func (s *Store) leaveFile(ctx context.Context) error {
	for range races {
		s.options.Disk.Step("leave the file")
		if err := s.file.Delete(ctx); err != nil {
			return err
		}
		if mark, err := s.readSource(); mark == nil && err == nil {
			break
		}
		if err := s.removeSource(); err != nil {
			return &persist.NotDurableError{Err: err}
		}
	}
	_, err := s.file.Load(ctx)
	if err != nil && !errors.Is(err, persist.ErrNotFound) { // a folder, say, in the place of auth.json
		return &persist.NotDurableError{Err: fmt.Errorf("let the keyring's login count: %w", err)}
	}
	return nil
}

// Swap implements [persist.Store], in the place where the login is. If that is a
// keyring that cannot be used, Swap fails and does not go to auth.json: it could undo
// a login that it cannot see.
func (s *Store) Swap(ctx context.Context, base persist.Revision, c machine.Credential) error {
	defer s.inTurn(ctx)()
	inKeyring, err := s.loginInKeyring(ctx)
	if err != nil {
		return err
	}
	s.options.Disk.Step("swap")
	if inKeyring {
		s.sawKeyring(c)
		return s.keyring.Swap(ctx, base, c)
	}
	return s.file.Swap(ctx, base, c)
}

// Delete implements [persist.Store]. If the keyring cannot be reached, its login is
// void from now on, and the first process that reaches the keyring removes it.
func (s *Store) Delete(ctx context.Context) error {
	defer s.inTurn(ctx)()
	s.options.Disk.Step("delete: keyring")
	failure := s.keyring.Delete(ctx)
	if failure != nil {
		s.options.Log.Warn("the keyring cannot be used, what login it has is void but still there", "error", failure)
		if err := s.writeSource(); err != nil {
			return &persist.NotDurableError{Err: errors.Join(failure, err)}
		}
	}
	s.options.Disk.Step("delete: file")
	if err := s.file.Delete(ctx); err != nil || failure != nil {
		return err
	}
	if err := s.removeSource(); err != nil { // it does no harm
		s.options.Log.Warn("a note that is not needed any more cannot be removed", "error", err)
	}
	return nil
}

// tryRemoveVoid ends what auth.source is there for, with a keyring that answers: it
// removes a void login from the keyring, which a logout did not reach or which a login
// in auth.json has replaced. A login that is not void was put there by another program.
// It looks again in its turn, for a login may be under way. If another process has the
// turn, the next reader does it.
func (s *Store) tryRemoveVoid(ctx context.Context) {
	release, err := s.exclude(ctx, tryPatience)
	if err != nil {
		return
	}
	defer release()
	if err := s.removeVoid(ctx); err != nil {
		s.options.Log.Warn("that the keyring's login is void cannot be settled yet", "error", err)
	}
}

// removeVoid removes the keyring's login if it is void, and then auth.source.
func (s *Store) removeVoid(ctx context.Context) error {
	mark, err := s.readSource()
	if err != nil || mark == nil {
		return err
	}
	record, err := s.keyring.Load(ctx)
	unreadable := new(persist.UnreadableError)
	if err == nil && mark.voids(record.Credential) || errors.As(err, &unreadable) {
		s.options.Disk.Step("settle: keyring")
		err = s.keyring.Delete(ctx)
	}
	if err != nil && !errors.Is(err, persist.ErrNotFound) {
		return err
	}
	return s.removeSource()
}
