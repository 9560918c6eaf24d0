package evidence_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/evidence"
)

func TestEvidenceIsCountedOverProcesses(t *testing.T) {
	refused := evidence.Evidence{Status: 403, Code: "forbidden"}
	away := evidence.Evidence{Problem: evidence.ProblemNameUnknown}
	require.Equal(t, evidence.Repeated{Evidence: refused, Times: 1}, refused.After())
	require.Equal(t, evidence.Repeated{Evidence: refused, Times: 1}, refused.After(evidence.Repeated{Evidence: away, Times: 7}))
	require.Equal(t, evidence.Repeated{Evidence: refused, Times: 5},
		refused.After(evidence.Repeated{Evidence: refused, Times: 2}, evidence.Repeated{Evidence: refused, Times: 4}))
}

func TestCodeIsAShortWordOrNothing(t *testing.T) {
	for _, code := range []string{"", "invalid_grant", "AADSTS90009", "a.b-c", strings.Repeat("x", 48)} {
		require.Equal(t, code, evidence.CleanCode(code))
	}
	for _, text := range []string{"two words", "a\u202eb", "<script>", "ungültig", "a\n", strings.Repeat("x", 49), "\xff"} {
		require.Empty(t, evidence.CleanCode(text), "%q", text)
	}
}

func TestEvidenceThatIsForgedIsCleaned(t *testing.T) {
	forged := evidence.Repeated{Evidence: evidence.Evidence{Status: -1, Code: "\x1b[31m", Problem: "it\u202es mine"}, Times: -4}
	require.Zero(t, forged.Clean())
	sound := evidence.Repeated{Evidence: evidence.Evidence{Status: 503, Code: "busy", Problem: evidence.ProblemPage}, Times: 4}
	require.Equal(t, sound, sound.Clean())
}

func TestProblemReadsAsWords(t *testing.T) {
	require.EqualError(t, evidence.ProblemCertificate, "certificate not trusted")
	for _, problem := range evidence.Problems() {
		require.Regexp(t, `^[a-z]+(_[a-z]+)*$`, string(problem))
	}
}
