package view

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/scenetest"
	"github.com/bezoar-auth/bezoar/machine"
)

func TestARefusedTokenIsNotSaidToBeWell(t *testing.T) {
	known, next := PageWords{}.Refused(machine.Snapshot{}, nil, scenetest.Noon.Add(3*time.Second))
	require.Equal(t, "The server refuses the access token that was new a moment ago.", known)
	require.Contains(t, next, "try again")
	require.Contains(t, next, "bezoar login")
}
