package doctor

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/store/disk"
)

func TestDoctorNamesWhoElseIsInAnAccessList(t *testing.T) {
	t.Parallel()
	home := filepath.Join(t.TempDir(), "my home")
	require.NoError(t, disk.Here.MakeFolder(home))
	login := filepath.Join(home, "auth.json")
	require.NoError(t, disk.Here.Put(login, []byte("{}"), 0o600))
	p := &probe{config: config.Config{Home: home}}
	require.Equal(t, passed("only %s has access", thisUser()), permissionCheck(t.Context(), p))

	grant := func(list string) finding {
		descriptor, err := windows.SecurityDescriptorFromString(list)
		require.NoError(t, err)
		dacl, _, err := descriptor.DACL()
		require.NoError(t, err)
		require.NoError(t, windows.SetNamedSecurityInfo(login, windows.SE_FILE_OBJECT,
			windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, dacl, nil))
		return permissionCheck(t.Context(), p)
	}
	everyone, err := windows.StringToSid("S-1-1-0")
	require.NoError(t, err)
	open := grant("D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;OW)(A;;FR;;;WD)")
	require.Equal(t, resultWarn, open.Result)
	require.Equal(t, "others on this machine have access: auth.json is open to "+nameOf(everyone), open.Found)
	require.Equal(t, `icacls "`+login+`" /inheritance:r /grant:r `+cli.ShellWord(thisUser()+":F")+` /grant:r "*S-1-5-18:F" /grant:r "*S-1-5-32-544:F" /remove:g "*S-1-1-0"`, *open.Remedy)
	closed := grant("D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;OW)(A;;RC;;;WD)")
	require.Equal(t, resultOK, closed.Result, "who may see the list may read no login: %s", closed.Found)
	require.NoError(t, os.Remove(login))
}
