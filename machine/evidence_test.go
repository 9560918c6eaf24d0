package machine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
)

func TestEvidenceStaysUntilTheIssuerIsAskedAgain(t *testing.T) {
	answered := evidence.Repeated{Evidence: evidence.Evidence{Status: 400, Code: "invalid_request"}, Times: 3}
	state := run(t, machine.LoggedIn{At: at(0), Credential: login("a", "r")}, demand,
		machine.RefreshFailedTransient{At: at(0), Attempt: 1, Posted: true, Blocked: evidence.BlockIssuerUnavailable, Evidence: answered})
	require.Equal(t, answered, state.Evidence)

	state = runFrom(t, state, demand, machine.RefreshFailedTransient{At: at(0), Attempt: 2, Blocked: evidence.BlockRefreshElsewhere})
	require.Equal(t, answered, state.Evidence, "the issuer was not asked")

	state = runFrom(t, state, demand, machine.RefreshSucceeded{At: at(0), Attempt: 3, Credential: login("a2", "r2")})
	require.Zero(t, state.Evidence)
}

func TestEvidenceReachesAnotherProcess(t *testing.T) {
	held := expiring("r", -time.Minute)
	known := history.Deferral{NotBefore: noon.Add(time.Minute), Evidence: evidence.Repeated{Evidence: evidence.Evidence{Status: 410}, Times: 2}}
	event := refreshing(t, held).Preflight(machine.Stored{Credential: &held, History: history.TokenHistory{Deferral: known}}, noon)
	require.Equal(t, known.Evidence, event.(machine.RefreshFailedTransient).Evidence)
}
