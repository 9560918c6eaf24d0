package keyring

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/zalando/go-keyring"
	"golang.org/x/sys/windows"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/storetest"
)

// credentials is the Credential Manager of the user who runs the test.
func credentials(t *testing.T) Ring {
	ring, _ := systemRing()
	if _, err := (guarded{ring}).Get(service, "none"); errors.Is(err, errNoSession) {
		t.Skip(err)
	}
	return ring
}

func TestTheCredentialManagerKeepsTheContract(t *testing.T) {
	ring := credentials(t)
	for name, limitBytes := range map[string]int{"InACredential": 0, "Sealed": sealAll} {
		t.Run(name, func(t *testing.T) {
			storetest.RunStore(t, func(t *testing.T) storetest.StoreSite {
				home := machinetest.Dir(t)
				t.Cleanup(func() { require.NoError(t, openQuiet(home, ring, 0).Delete(background)) })
				return &site{t: t, home: home, options: Options{Ring: ring, Patience: patience, LimitBytes: limitBytes}}
			})
		})
	}
}

func TestALoginThatIsTooLongForACredentialIsSealed(t *testing.T) {
	s := openQuiet(machinetest.Dir(t), credentials(t), 0)
	t.Cleanup(func() { require.NoError(t, s.Delete(background)) })
	for _, length := range []int{1, credentialLimitBytes, 64 << 10} {
		login := storetest.TokenSet(1)
		login.AccessToken = secret.New(strings.Repeat("x", length))
		require.NoError(t, s.Replace(background, login))
		record, err := s.Load(background)
		require.NoError(t, err)
		require.True(t, record.Credential.Equal(login))
		require.Equal(t, length >= credentialLimitBytes, len(sealedFiles(t, s.home)) == 1)
	}
}

func TestACredentialTakesItsLimitAndNoMore(t *testing.T) {
	ring, account := credentials(t), "cli|limit"
	t.Cleanup(func() { _ = ring.Delete(service, account) })
	value := strings.Repeat("x", credentialLimitBytes)
	require.NoError(t, ring.Set(service, account, value))
	require.Equal(t, value, must(ring.Get(service, account)))
	require.ErrorIs(t, ring.Set(service, account, value+"x"), keyring.ErrSetDataTooBig)
	require.NoError(t, ring.Delete(service, account))
	require.ErrorIs(t, ring.Delete(service, account), keyring.ErrNotFound)
	_, err := ring.Get(service, account)
	require.ErrorIs(t, err, keyring.ErrNotFound)
}

func TestTheCodesOfWindowsAreThose(t *testing.T) {
	require.Equal(t, windows.ERROR_NO_SUCH_LOGON_SESSION, noSuchLogonSession)
	require.Equal(t, windows.ERROR_NOT_FOUND, elementNotFound)
}
