package keyring

import (
	"errors"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

// In a service or over SSH, Windows has no credentials for this process, and will have none.
func TestASessionWithoutCredentialsIsNamedAndLosesNothing(t *testing.T) {
	ring := new(vault)
	s := openQuiet(machinetest.Dir(t), ring, sealAll)
	require.NoError(t, s.Replace(background, oldLogin))
	ring.before = whenAsked(noSuchLogonSession, "get", "set", "delete")
	for name, call := range calls(s) {
		err := call(background)
		requireUnavailable(t, err, errNoSession.Remedy)
		problem, ok := errors.AsType[*Problem](err)
		require.True(t, ok, name)
		require.Equal(t, errNoSession, problem)
		require.NotContains(t, err.Error(), "\n")
	}
	ring.before = nil
	require.Equal(t, "old", stored(t, s))
}

func TestACredentialThatGoesMeanwhileIsNotFound(t *testing.T) {
	s := openQuiet(machinetest.Dir(t), &vault{before: func(string) error { return elementNotFound }}, 0)
	_, err := s.Load(background)
	require.ErrorIs(t, err, persist.ErrNotFound)
	require.NoError(t, s.Delete(background))
	other := openQuiet(machinetest.Dir(t), &vault{before: func(string) error { return syscall.EIO }}, 0)
	_, err = other.Load(background)
	requireUnavailable(t, err, syscall.EIO.Error())
}
