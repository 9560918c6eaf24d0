package keyring

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/zalando/go-keyring"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/storetest"
)

var (
	background = context.Background()
	oldLogin   = storetest.TokenSet(1)
	newLogin   = storetest.TokenSet(22)
)

// vault is a keyring that a test steers.
type vault struct {
	before func(verb string) error // called first; what it returns is all that happens

	mu    sync.Mutex // guards what follows
	items map[string][]string
}

func (v *vault) do(verb, service, account string, change func(key string) error) error {
	if v.before != nil {
		if err := v.before(verb); err != nil {
			return err
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.items == nil {
		v.items = map[string][]string{}
	}
	return change(service + "/" + account)
}

func (v *vault) Get(service, account string) (value string, err error) {
	err = v.do("get", service, account, func(key string) error {
		if len(v.items[key]) == 0 {
			return keyring.ErrNotFound
		}
		value = v.items[key][0]
		return nil
	})
	return value, err
}

func (v *vault) Set(service, account, value string) error {
	return v.do("set", service, account, func(key string) error {
		v.items[key] = []string{value}
		return nil
	})
}

func (v *vault) Delete(service, account string) error {
	return v.do("delete", service, account, func(key string) error {
		if len(v.items[key]) == 0 {
			return keyring.ErrNotFound
		}
		v.items[key] = v.items[key][1:]
		return nil
	})
}

// whenAsked fails every call of these verbs.
func whenAsked(err error, verbs ...string) func(string) error {
	return func(verb string) error {
		for _, each := range verbs {
			if each == verb {
				return err
			}
		}
		return nil
	}
}

var errLocked = errors.New("failed to unlock correct collection")

const (
	authFile = "auth.json"
	service  = "Codex Auth"
)

// document is a login as the keyring of a home has it.
func document(c machine.Credential, base []byte) ([]byte, error) {
	return openQuiet("", new(vault), 0).document(c, base)
}

// sealAll is a limit that no login keeps.
const sealAll = 100

// patience is for tests whose keyring does not hang: the disk may be slow.
const patience = time.Minute

func openQuiet(home string, ring Ring, limitBytes int) *Store {
	return Open(home, Options{Ring: ring, LimitBytes: limitBytes, Patience: patience, Log: slog.New(slog.DiscardHandler)})
}

// openImpatient is a store as the program opens it, for tests in virtual time.
func openImpatient(home string, ring Ring, limitBytes int) *Store {
	return Open(home, Options{Ring: ring, LimitBytes: limitBytes, Log: slog.New(slog.DiscardHandler)})
}

// stored says which login a store has.
func stored(t *testing.T, s *Store) string {
	t.Helper()
	record, err := s.Load(background)
	for name, login := range map[string]machine.Credential{"old": oldLogin, "new": newLogin} {
		if record.Credential.Equal(login) {
			return name
		}
	}
	require.ErrorIs(t, err, persist.ErrNotFound)
	return "none"
}

func revisionIn(t *testing.T, s *Store) persist.Revision {
	t.Helper()
	record, err := s.Load(background)
	require.NoError(t, err)
	return record.Revision
}

func requireUnavailable(t *testing.T, err error, says string) {
	t.Helper()
	unavailable := new(persist.UnavailableError)
	require.ErrorAs(t, err, &unavailable)
	require.ErrorContains(t, err, says)
	require.NotErrorIs(t, err, persist.ErrNotFound)
}

func sealedFiles(t *testing.T, home string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(home, sealedPrefix+"*"))
	require.NoError(t, err)
	return files
}

// reserve holds room for as long as it takes.
func reserve(ctx context.Context, s *Store, c machine.Credential) error {
	release, err := s.Reserve(ctx, c)
	if err == nil {
		release()
	}
	return err
}
