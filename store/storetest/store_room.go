package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

func reserveChangesNothing(t *testing.T, site StoreSite) {
	s, reader := site.Open(), site.Open()
	reserve(t, s, loginOf(site, 1))()
	requireNoLogin(t, reader)
	require.NoError(t, s.Replace(background, loginOf(site, 1)))
	before, stamp := requireStored(t, s, loginOf(site, 1)), stampOf(t, site, s)
	release := reserve(t, s, loginOf(site, 1))
	require.Equal(t, before, requireStored(t, reader, loginOf(site, 1)))
	requireUnchanged(t, stamp, stampOf(t, site, reader), "a reservation is no change")
	release()
	require.Equal(t, before, requireStored(t, reader, loginOf(site, 1)))
	require.NoError(t, s.Swap(background, before, loginOf(site, 2)))
}

// swapsIntoTheRoom swaps as a refresh does: into the room that is held, once more
// after a conflict, and then without one.
func swapsIntoTheRoom(t *testing.T, site StoreSite) {
	s, other := site.Open(), site.Open()
	require.NoError(t, s.Replace(background, loginOf(site, 1)))
	base := requireStored(t, s, loginOf(site, 1))
	release := reserve(t, s, loginOf(site, 1))
	require.NoError(t, other.Replace(background, loginOf(site, 100)), "a login does not wait")
	requireConflict(t, s.Swap(background, base, loginOf(site, 2)))
	base = requireStored(t, s, loginOf(site, 100))
	require.NoError(t, s.Swap(background, base, loginOf(site, 3)))
	base = requireStored(t, other, loginOf(site, 3))
	release()
	require.Equal(t, base, requireStored(t, other, loginOf(site, 3)), "to release it undoes nothing")
	require.NoError(t, s.Swap(background, base, loginOf(site, 4)))
	requireStored(t, other, loginOf(site, 4))

	release = reserve(t, s, loginOf(site, 4))
	require.NoError(t, other.Delete(background))
	requireConflict(t, s.Swap(background, base, loginOf(site, 5)))
	release()
	requireNoLogin(t, other)
}

// reserve returns what gives the room back.
func reserve(t require.TestingT, s persist.Store, c machine.Credential) (release func()) {
	release, err := s.Reserve(background, c)
	require.NoError(t, err)
	return release
}
