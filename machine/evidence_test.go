package machine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
)

func TestEqualEvidenceIsCountedOverAllProcesses(t *testing.T) {
	refused := machine.Evidence{Status: 403, Code: "forbidden"}
	away := machine.Evidence{Problem: machine.ProblemNameUnknown}
	require.Equal(t, machine.Repeated{Evidence: refused, Times: 1}, refused.After())
	require.Equal(t, machine.Repeated{Evidence: refused, Times: 1}, refused.After(machine.Repeated{Evidence: away, Times: 7}))
	require.Equal(t, machine.Repeated{Evidence: refused, Times: 5},
		refused.After(machine.Repeated{Evidence: refused, Times: 2}, machine.Repeated{Evidence: refused, Times: 4}))
}

func TestAStateKeepsItsEvidenceUntilTheIssuerIsAskedAgain(t *testing.T) {
	evidence := machine.Repeated{Evidence: machine.Evidence{Status: 400, Code: "invalid_request"}, Times: 3}
	state := run(t, machine.LoggedIn{At: at(0), Credential: login("a", "r")}, demand,
		machine.RefreshFailedTransient{At: at(0), Attempt: 1, Posted: true, Blocked: machine.BlockIssuerUnavailable, Evidence: evidence})
	require.Equal(t, evidence, state.Evidence)

	state = runFrom(t, state, demand, machine.RefreshFailedTransient{At: at(0), Attempt: 2, Blocked: machine.BlockRefreshElsewhere})
	require.Equal(t, evidence, state.Evidence, "nobody was asked")

	state = runFrom(t, state, demand, machine.RefreshSucceeded{At: at(0), Attempt: 3, Credential: login("a2", "r2")})
	require.Zero(t, state.Evidence)
}

func TestAnotherProcessLearnsWhatTheIssuerAnswered(t *testing.T) {
	held := expiring("r", -time.Minute)
	known := machine.Deferral{NotBefore: noon.Add(time.Minute), Evidence: machine.Repeated{Evidence: machine.Evidence{Status: 410}, Times: 2}}
	event := refreshing(t, held).Preflight(machine.Stored{Credential: &held, History: machine.TokenHistory{Deferral: known}}, noon)
	require.Equal(t, known.Evidence, event.(machine.RefreshFailedTransient).Evidence)
}

func TestACodeIsAShortWordOrNothing(t *testing.T) {
	for _, code := range []string{"", "invalid_grant", "AADSTS90009", "a.b-c", strings.Repeat("x", 48)} {
		require.Equal(t, code, machine.CleanCode(code))
	}
	for _, text := range []string{"two words", "a\u202eb", "<script>", "ungültig", "a\n", strings.Repeat("x", 49), "\xff"} {
		require.Empty(t, machine.CleanCode(text), "%q", text)
	}
}

func TestForgedEvidenceIsCleaned(t *testing.T) {
	forged := machine.Repeated{Evidence: machine.Evidence{Status: -1, Code: "\x1b[31m", Problem: "it\u202es mine"}, Times: -4}
	require.Zero(t, forged.Clean())
	sound := machine.Repeated{Evidence: machine.Evidence{Status: 503, Code: "busy", Problem: machine.ProblemPage}, Times: 4}
	require.Equal(t, sound, sound.Clean())
}

func TestAProblemReadsAsWords(t *testing.T) {
	require.EqualError(t, machine.ProblemCertificate, "certificate not trusted")
	for _, problem := range machine.Problems() {
		require.Regexp(t, `^[a-z]+(_[a-z]+)*$`, string(problem))
	}
}
