package machine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/history"
)

func TestSnapshotOfAPoisonedLoginHasNoToken(t *testing.T) {
	held := expiring("r", time.Hour)
	poisoned := run(t, machine.LoggedIn{At: at(0), Credential: held}, demand,
		machine.RefreshFailedPermanent{At: at(0), Attempt: 1, Verdict: verdict(held, history.ReasonReused)}).Snapshot()
	require.Equal(t, machine.Poisoned, poisoned.Phase())
	for _, each := range []machine.Snapshot{poisoned, poisoned.Unrejected()} {
		require.True(t, each.Token().IsAbsent())
		require.True(t, each.TokenAt(noon).IsAbsent())
		require.Equal(t, machine.MethodTokens, each.Method(), "the method stays visible")
	}
}

func TestUnrejectedLeavesTheSnapshotAsItWas(t *testing.T) {
	held := expiring("r", time.Hour)
	rejected := run(t, machine.LoggedIn{At: at(0), Credential: held},
		machine.TokenRejected{At: at(time.Minute), Access: held.AccessToken.Fingerprint()}).Snapshot()
	require.True(t, rejected.Rejected())
	require.Equal(t, held.AccessToken, rejected.Unrejected().Token())
	require.True(t, rejected.Rejected(), "all callers share it")
	require.True(t, rejected.Token().IsAbsent())
}

func TestSameLoginHasTheSameRefreshToken(t *testing.T) {
	of := func(c machine.Credential) machine.Snapshot {
		return run(t, machine.CredentialLoaded{At: at(0), Credential: c}).Snapshot()
	}
	held, rotated := login("a", "r"), login("a", "r2")
	require.True(t, of(held).SameLogin(of(held)))
	require.False(t, of(held).SameLogin(of(rotated)), "though no snapshot has it")
}
