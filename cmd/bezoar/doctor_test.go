package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/store"
)

func TestDoctorNoticesLocksThatDoNotLock(t *testing.T) {
	p := &patient{config: config.Config{Home: t.TempDir()}}
	p.lock = func(context.Context, string, time.Duration) (func(), error) { return func() {}, nil }
	found := lockCheck(context.Background(), p)
	require.Equal(t, warning, found.Result)
	require.Equal(t, "two have the same lock at once", found.Found)

	p.lock = func(context.Context, string, time.Duration) (func(), error) {
		return nil, errors.New("not on this disk")
	}
	found = lockCheck(context.Background(), p)
	require.Equal(t, warning, found.Result)
	require.Equal(t, "this disk cannot lock: not on this disk", found.Found)

	left, err := os.ReadDir(p.config.Home)
	require.NoError(t, err)
	require.Empty(t, left)

	p.config.Home = filepath.Join(p.config.Home, "gone")
	require.Equal(t, failure, lockCheck(context.Background(), p).Result)
}

// lockedKeyring is a store that only says why it cannot be asked.
type lockedKeyring struct {
	store.Store
	err error
}

func (k lockedKeyring) Load(context.Context) (store.Record, error) { return store.Record{}, k.err }

func TestDoctorAsksTheKeyringThatIsInUse(t *testing.T) {
	locked := &store.UnavailableError{Err: errors.New("it is locked")}
	for name, each := range map[string]struct {
		kept config.CredentialStore
		err  error
		want result
	}{
		"file":                    {config.File, locked, skipped},
		"keyring, locked":         {config.Keyring, locked, failure},
		"auto, locked":            {config.Auto, locked, failure},
		"keyring, nobody":         {config.Keyring, store.ErrNotFound, ok},
		"keyring, something else": {config.Keyring, &store.UnreadableError{Problem: "no login"}, ok},
	} {
		t.Run(name, func(t *testing.T) {
			p := &patient{config: config.Config{CredentialStore: each.kept}, store: lockedKeyring{err: each.err}}
			found := keyringCheck(context.Background(), p)
			require.Equal(t, each.want, found.Result)
			require.Equal(t, each.want == failure, found.Remedy != nil, "what fails has a remedy")
		})
	}
}

func TestDoctorHasARemedyForEveryProblemOnTheWayToTheIssuer(t *testing.T) {
	for _, problem := range []machine.Problem{
		machine.ProblemTimedOut, machine.ProblemConnectionRefused, machine.ProblemConnectionBroken, machine.ProblemNameUnknown, machine.ProblemProxyUnreachable,
		machine.ProblemProxyRefused, machine.ProblemCertificate, machine.ProblemCAFileUnreadable, machine.ProblemAddress,
	} {
		require.NotEmpty(t, remedies[problem], problem)
	}
}
