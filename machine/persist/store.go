package persist

import (
	"context"
	"errors"
	"fmt"

	"github.com/bezoar-auth/bezoar/machine"
)

// Store holds one credential, which other programs read and write as well. All
// methods may be called concurrently, also by several processes. ctx bounds
// waiting; a write that has begun is finished.
//
// What is durable when: a write has reached the disk, under its final name, when
// the method returns nil. When it returns an error the old record is still
// there, whole. A reader sees the old record or the new one and nothing else.
//
// What a conflict is: Swap replaces the record with the revision base and no other. That
// comparison, not the lock, is what keeps a late refresh from undoing a login.
//
// What the lock does and does not promise: it keeps polite processes from
// doing the same work twice. It may be lost (a network disk, a stopped process),
// other programs need not take it, and Replace and Delete do not: a login or a
// logout never waits for a refresh.
type Store interface {
	// Load reads the record. It returns [ErrNotFound] if there is none, an
	// [*UnreadableError] if it is no login (log it and treat it as none: a login
	// replaces it), an [*UnavailableError] if that is unknown (treat what is in
	// memory as current, and never as signed out).
	Load(ctx context.Context) (Record, error)

	// Stamp is a cheap mark of the record: while it is equal, so is the record.
	// It is false if the backend cannot tell, and then only Load can.
	Stamp(ctx context.Context) (Stamp, bool)

	// Replace writes c whatever is there: a login. Members that the codec does not
	// know do not survive. What is no login is set aside before it goes; it may be
	// one that was damaged. What may not be read is not replaced.
	Replace(ctx context.Context, c machine.Credential) error

	// Swap writes c if the record still has the revision base: a refresh of what
	// was read. Members that the codec does not know are kept. It returns a
	// [ErrConflict] if the record is another one or gone; then read again.
	Swap(ctx context.Context, base Revision, c machine.Credential) error

	// Delete removes the record. It is no error if there is none. It sets aside
	// what Replace does.
	Delete(ctx context.Context) error

	// Reserve proves that a successor of c can be stored and put in place of the
	// record, and holds the room for it until release is called: the next Swap of
	// this Store writes into it. It returns a [*NotDurableError] if it cannot; then
	// do not spend the refresh token, for its successor would be lost. A
	// [ErrConflict] says that a successor of the record is there and not yet in
	// its place: read again. Call release exactly once, after the Swap or instead
	// of it. Room that a failed Swap has filled stays for the next one.
	Reserve(ctx context.Context, c machine.Credential) (release func(), err error)

	// Lock waits until no other polite process refreshes, or until ctx ends
	// (then its error is returned, and nothing may be posted). Locks of one
	// process exclude each other too. Call unlock exactly once.
	Lock(ctx context.Context) (unlock func(), err error)
}

// Prober is a Store that can tell without a trace on the disk why no successor of
// its record could be stored: a [*NotDurableError] that says what Reserve would say.
// A Ledger can be one too: it says what Intend would say, or the entry after it. It may
// miss what only a try can show, and never objects where Reserve would not.
type Prober interface {
	Probe(ctx context.Context) error
}

// Record is a credential as it is stored.
type Record struct {
	Credential machine.Credential
	Revision   Revision
}

// Revision identifies the content of a record. It is comparable; two records
// with one revision are the same bytes.
type Revision string

// Stamp is a backend's cheap mark of its record. It is comparable; the zero
// Stamp says that there is none.
type Stamp struct {
	Inode    uint64
	Size     int64
	Modified int64 // nanoseconds
	Changed  int64 // nanoseconds, or a counter
}

// ErrNotFound reports that there is no record: there is no login.
var ErrNotFound = errors.New("no stored login")

// UnreadableError reports a record that is no login: not JSON, a wrong type, a
// folder in its place. It names what is wrong with it and never its content.
type UnreadableError struct {
	Place        string // where it is, "" if that cannot be said in a path
	Problem      string
	BlocksWrites bool // no login can be stored until a person has moved it away
	IsNewer      bool // a newer version of this program wrote it, and can read it
}

func (e *UnreadableError) Error() string {
	if e.Place == "" {
		return "stored login is unreadable: " + e.Problem
	}
	return e.Place + " is not a login: " + e.Problem
}

// UnavailableError reports that the store could not be asked: a permission, a
// failing disk, a locked keyring. It says nothing about who is logged in.
type UnavailableError struct {
	Err error
}

func (e *UnavailableError) Error() string { return fmt.Sprintf("store is unavailable: %v", e.Err) }
func (e *UnavailableError) Unwrap() error { return e.Err }

// ErrConflict reports that the record is not the one that was to be replaced.
var ErrConflict = errors.New("another process changed the stored login")

// UnknownError reports that a write has not ended in time: it may yet take place, and it
// may not. Look again later, and tell it as unknown until then.
type UnknownError struct {
	Err error
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("it is not known whether the login is stored: %v (bezoar status tells later)", e.Err)
}
func (e *UnknownError) Unwrap() error { return e.Err }

// NotDurableError reports that the store cannot take a new record now: it is
// read-only, full or gone. Tell the administrator; the old record is untouched.
type NotDurableError struct {
	Err error
	// Staged says that the new record has reached the disk, beside the old one.
	// The next Swap of this Store puts it in place, or, once this process has
	// ended, the next process that takes the lock.
	Staged bool
}

func (e *NotDurableError) Error() string { return e.Err.Error() }
func (e *NotDurableError) Unwrap() error { return e.Err }
