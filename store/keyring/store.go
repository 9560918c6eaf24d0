// Package keyring keeps a login where the system keeps passwords: the Secret
// Service, the Keychain of macOS, the Credential Manager of Windows. Service,
// account and value are Codex's, so that both find the same login, unless it is
// sealed. On Windows Codex has other names, and neither finds the other's.
// cmd/bezoar/docs/keyrings.md says what each system's keyring takes, costs and asks.
package keyring

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/authjson"
	"github.com/bezoar-auth/bezoar/store/bounded"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/record"
)

// Store is the [persist.Store] in a keyring. Each home has one item there. A login
// that is longer than an item may be is sealed in a file of the home, and the
// item holds the key (see pointer).
//
// A keyring can hang, ask its user something, or be missing. Whatever it does,
// every method answers within Options.Patience: then with an error that wraps a
// [*persist.UnavailableError]. No keyring can say in that time whether it will
// still do what it was asked: a write that ended so may yet take place, but not
// after another one, of any process that can lock a file of this home.
//
// Keyrings know no compare-and-swap either. Writers take turns by flock(2) on
// auth.keyring.lock, and Swap compares in its turn. A program that does not
// take that lock, as Codex, may have its login undone if it writes in
// the milliseconds between.
type Store struct {
	options Options
	home    string
	lock    *disk.RefreshLock
	gate    *bounded.Gate // one call at a time
}

// Options are the settings of a store. The zero value is fit for use.
type Options struct {
	Format     record.Format // of the record; the zero Format is [authjson.Format]
	Ring       Ring          // nil is the system's
	LimitBytes int           // of one item; 0 is what the system's takes
	Patience   time.Duration // how long the keyring may take for one call of a method; 0 is 2 s
	KeepFile   bool          // leave the file of the record alone: the caller removes it in its own time
	Log        *slog.Logger  // nil is slog.Default()
	Disk       disk.Disk     // where the home is
}

func (o Options) withDefaults() Options {
	if o.Format.File == "" {
		o.Format = authjson.Format
	}
	ring, limitBytes := systemRing()
	if o.Ring == nil {
		o.Ring = ring
	}
	if o.LimitBytes == 0 {
		o.LimitBytes = limitBytes
	}
	if o.Patience == 0 {
		o.Patience = 2 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// Open is the store of the home, in the keyring of the user who runs this. Nothing
// is read or written yet.
func Open(home string, options Options) *Store {
	options = options.withDefaults()
	options.Ring = guarded{options.Ring}
	return &Store{
		options: options, home: home, gate: bounded.NewGate(options.Patience),
		lock: options.Disk.NewRefreshLock(home, options.Log),
	}
}

// Load implements [persist.Store].
func (s *Store) Load(ctx context.Context) (persist.Record, error) {
	return calling(ctx, s, func(context.Context) (persist.Record, error) {
		found, err := s.read(s.item())
		return found.record, err
	})
}

// Stamp implements [persist.Store]. A keyring has no cheap mark of its items.
func (s *Store) Stamp(context.Context) (persist.Stamp, bool) { return persist.Stamp{}, false }

// Replace implements [persist.Store]. Unless Options.KeepFile is set, it removes
// the file of the record once the keyring has the login, as Codex does. It returns a
// [*persist.NotDurableError] if the login cannot be stored, and another error if
// it is none that the format has a place for.
func (s *Store) Replace(ctx context.Context, c machine.Credential) error {
	content, err := s.document(c, nil)
	if err != nil {
		return fmt.Errorf("encode a login: %w", err)
	}
	err = s.inTurn(ctx, func(ctx context.Context, turn turn) error {
		found, err := s.read(turn.item)
		if unavailable := new(persist.UnavailableError); errors.As(err, &unavailable) {
			return err
		}
		return s.put(ctx, turn, found.generation, content)
	})
	return undurable("store a login", err)
}

// Swap implements [persist.Store]. Its other errors are those of Replace.
func (s *Store) Swap(ctx context.Context, base persist.Revision, c machine.Credential) error {
	if _, err := s.document(c, nil); err != nil {
		return fmt.Errorf("encode a refreshed login: %w", err)
	}
	err := s.inTurn(ctx, func(ctx context.Context, turn turn) error {
		found, err := s.read(turn.item)
		if unavailable := new(persist.UnavailableError); errors.As(err, &unavailable) {
			return err
		}
		if err != nil || found.record.Revision != base {
			return persist.ErrConflict
		}
		content, err := s.document(c, found.content)
		if err != nil {
			return fmt.Errorf("encode a refreshed login: %w", err)
		}
		return s.put(ctx, turn, found.generation, content)
	})
	return undurable("store a refreshed login", err)
}

// Delete implements [persist.Store]. Unless Options.KeepFile is set, the file of
// the record goes as well. It returns a [*persist.NotDurableError] if the keyring does not
// forget the login.
func (s *Store) Delete(ctx context.Context) error {
	err := s.inTurn(ctx, func(_ context.Context, turn turn) error {
		s.options.Disk.Step("delete")
		if err := turn.item.delete(); err != nil {
			return err
		}
		s.tidy(turn, "")
		return nil
	})
	var missing *homeError
	if errors.As(err, &missing) {
		return nil // no login can be there
	}
	return undurable("remove a login", err)
}

// Lock implements [persist.Store], see [disk.RefreshLock]: whatever store the
// login of a home is in, its refreshes wait for each other.
func (s *Store) Lock(ctx context.Context) (unlock func(), err error) { return s.lock.Acquire(ctx) }

// calling calls the keyring, whose library knows no context, and waits for it no longer
// than Options.Patience. A call that hangs keeps one goroutine and no more; while it
// hangs, no caller waits.
func calling[T any](ctx context.Context, s *Store, do func(ctx context.Context) (T, error)) (T, error) {
	var none T
	if s.gate.Hung() {
		return none, &persist.UnavailableError{Err: errHung}
	}
	limited, cancel := context.WithTimeout(ctx, s.options.Patience)
	defer cancel()
	result, err := bounded.Call(limited, s.gate, do, nil)
	if _, ok := err.(*bounded.GaveUpError); !ok {
		return result, err
	}
	if err := ctx.Err(); err != nil {
		return none, &persist.UnavailableError{Err: fmt.Errorf("wait for the keyring: %w", err)}
	}
	return none, &persist.UnavailableError{Err: errHung}
}

// document is a login as it is written into a keyring, on one line as Codex writes it.
func (s *Store) document(c machine.Credential, base []byte) ([]byte, error) {
	content, err := s.options.Format.Encode(c, base)
	if err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	err = json.Compact(&compact, content)
	return compact.Bytes(), err
}

// homeError reports that there is no home.
type homeError struct{ home string }

func (e *homeError) Error() string { return fmt.Sprintf("home %s does not exist", e.home) }

// undurable is the error of a write for its caller.
func undurable(what string, err error) error {
	if err == nil || errors.Is(err, persist.ErrConflict) {
		return err
	}
	return &persist.NotDurableError{Err: fmt.Errorf("%s: %w", what, err)}
}

func (s *Store) path(name string) string { return filepath.Join(s.home, name) }

func (s *Store) homeExists() bool {
	info, err := os.Stat(s.home)
	return err == nil && info.IsDir() || err != nil && !errors.Is(err, fs.ErrNotExist)
}
