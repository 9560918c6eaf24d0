//go:build unix

package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/store/file"
)

// diskProblems are what this system says of a disk, and the remedies.
var diskProblems = map[error]string{
	syscall.ENOSPC: "make room on the disk",
	syscall.EDQUOT: "make room on the disk",
	syscall.EROFS:  "for writing",
	syscall.EACCES: "may write to",
	syscall.EPERM:  "may write to",
	syscall.EMFILE: "ulimit -n",
}

// What root made in the home of a user without a name, as a container may have one, is
// found, and the remedy can be typed.
func TestWhatRootMadeIsGivenToTheOwnerOfTheHome(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root makes files for others")
	}
	const nameless = 987654
	home := t.TempDir()
	intents := filepath.Join(home, file.IntentsName)
	require.NoError(t, os.Mkdir(intents, 0o700))
	require.NoError(t, os.Chmod(home, 0o700))
	require.NoError(t, os.Chown(home, nameless, nameless))
	found := permissionCheck(t.Context(), &probe{config: config.Config{Home: home}})
	require.Contains(t, found.Found, file.IntentsName+" belongs to ")
	require.Equal(t, fmt.Sprintf("chown %d %s", nameless, intents), *found.Remedy)
}
