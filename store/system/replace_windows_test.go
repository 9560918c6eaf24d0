package system_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/store/system"
)

func TestAFileThatIsSharedForItIsReplacedAtOnce(t *testing.T) {
	machinetest.SkipUnderWine(t, machinetest.LacksReplace)
	path := filepath.Join(t.TempDir(), "auth.json")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
	require.NoError(t, os.WriteFile(path+".tmp", []byte("new"), 0o600))
	release := hold(t, path, sharedAsUsual|windows.FILE_SHARE_DELETE)
	defer release()
	reader, err := system.Here.Open(path, os.O_RDONLY)
	require.NoError(t, err)
	defer reader.Close()
	require.NoError(t, system.Here.Rename(path+".tmp", path))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "new", string(content))
	old := make([]byte, 3)
	_, err = reader.Read(old)
	require.NoError(t, err)
	require.Equal(t, "old", string(old), "who has it open keeps the old one")
}
