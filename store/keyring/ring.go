package keyring

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/zalando/go-keyring"

	"github.com/bezoar-auth/bezoar/machine/persist"
)

// Ring is a keyring, as package github.com/zalando/go-keyring has it. Its ErrNotFound
// says that there is no such item, any other error that the keyring cannot tell, and a
// [*Problem] why. A Store makes one call at a time. No error may hold a secret.
type Ring interface {
	Get(service, account string) (secret string, err error)
	Set(service, account, secret string) error
	Delete(service, account string) error
}

// guarded turns the panics of a ring into errors: the libraries trust what a bus
// answers. It does not catch panics of this program. What is known of an error, it adds.
type guarded struct{ ring Ring }

var errBrokeOff = errors.New("the keyring's library broke off")

// ended makes the error of a call, also of one that panics. It is deferred.
func ended(err *error) {
	if recover() != nil {
		*err = errBrokeOff
	}
	*err = explained(*err)
}

func (g guarded) Get(service, account string) (secret string, err error) {
	defer ended(&err)
	return g.ring.Get(service, account)
}

func (g guarded) Set(service, account, secret string) (err error) {
	defer ended(&err)
	return g.ring.Set(service, account, secret)
}

func (g guarded) Delete(service, account string) (err error) {
	defer ended(&err)
	return g.ring.Delete(service, account)
}

// heir is a ring whose changes are processes that may outlive this one. Each inherits the
// lock of the writer's turn: so the turn lasts as long as the change may take place.
type heir interface{ inheriting(turn *os.File) Ring }

func inheriting(ring Ring, turn *os.File) Ring {
	if g, ok := ring.(guarded); ok {
		return guarded{inheriting(g.ring, turn)}
	}
	if h, ok := ring.(heir); ok && turn != nil {
		return h.inheriting(turn)
	}
	return ring
}

// item is the place of one home in a keyring.
type item struct {
	ring    Ring
	service string
	account string
}

// item finds the home's item by the real path of the home, as Codex does.
func (s *Store) item() item {
	home := s.home
	if absolute, err := filepath.Abs(home); err == nil {
		home = absolute
	}
	if canonical, err := filepath.EvalSymlinks(home); err == nil {
		home = canonical
	}
	sum := sha256.Sum256([]byte(home))
	return item{ring: s.options.Ring, service: s.options.Format.Service, account: "cli|" + hex.EncodeToString(sum[:])[:16]}
}

// get returns [persist.ErrNotFound] only if the keyring itself says so.
func (i item) get() (string, error) {
	value, err := i.ring.Get(i.service, i.account)
	switch {
	case errors.Is(err, keyring.ErrNotFound):
		return "", persist.ErrNotFound
	case err != nil:
		return "", &persist.UnavailableError{Err: fmt.Errorf("read from the keyring: %w", err)}
	}
	return value, nil
}

// set reads back what it wrote: of several items with these attributes, some of
// another program, a keyring may answer with another one.
func (i item) set(value string) error {
	if err := i.ring.Set(i.service, i.account, value); err != nil {
		return &persist.UnavailableError{Err: fmt.Errorf("write to the keyring: %w", err)}
	}
	if back, err := i.get(); err != nil || back != value {
		return errors.Join(errors.New("the keyring does not give back what was written"), err)
	}
	return nil
}

// itemsLimit is how many items of the same name are removed.
const itemsLimit = 16

// delete goes on until there is no item left: an older one would otherwise take the
// place of the one that is removed, and bring back its login.
func (i item) delete() error {
	for range itemsLimit {
		err := i.ring.Delete(i.service, i.account)
		if errors.Is(err, keyring.ErrNotFound) {
			return nil
		}
		if err != nil {
			return &persist.UnavailableError{Err: fmt.Errorf("remove from the keyring: %w", err)}
		}
	}
	return &persist.UnavailableError{Err: errors.New("the keyring does not forget what is removed")}
}
