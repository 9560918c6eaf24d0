package view

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
)

func TestPublishedHomeWithoutALoginSaysWhereToLogIn(t *testing.T) {
	home, from := t.TempDir(), t.TempDir()
	MarkPublished(home, from)
	require.NoFileExists(t, filepath.Join(home, PublishLock), "only a publisher makes it")
	require.NoError(t, os.WriteFile(filepath.Join(home, PublishLock), nil, 0o600))
	require.Empty(t, MarkedFrom(home))
	MarkPublished(home, from)
	v := View{State: machine.New(machine.Policy{}).Snapshot()}
	v.publishedFrom = publishedFrom(home, v.State)
	require.Equal(t, from, v.publishedFrom)
	require.Contains(t, v.Clause(), "not logged in; bezoar publish, from "+from+", puts a token here")
	require.Equal(t, "bezoar login --home "+from, v.NextStep())
	MarkPublished(home, "")
	require.Empty(t, publishedFrom(home, v.State))
}
