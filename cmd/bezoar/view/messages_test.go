package view

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/scenetest"
	"github.com/bezoar-auth/bezoar/machine/evidence"
)

func TestMessagesKnowEveryIssuerProblem(t *testing.T) {
	for _, problem := range evidence.Problems() {
		said := answered(evidence.Evidence{Status: 502, Problem: problem})
		require.NotEmpty(t, said, problem)
		require.NotContains(t, said, "could not be reached: ", "%s has no words of its own", problem)
	}
	require.Equal(t, "the issuer answered 400 invalid_request", answered(evidence.Evidence{Status: 400, Code: "invalid_request"}))
	require.Empty(t, answered(evidence.Evidence{}))
}

func TestWaitNeverEndsInThePast(t *testing.T) {
	for after, want := range map[time.Duration]string{
		-time.Second: "try again in a moment", 0: "try again in a moment", 900 * time.Millisecond: "try again in a moment",
		time.Second: "wait until 12:00:01", 1500 * time.Millisecond: "wait until 12:00:02", 10 * time.Minute: "wait until 12:10",
	} {
		require.Equal(t, want, waitUntil(scenetest.Noon.Add(after), scenetest.Noon), after)
	}
}
