package systemtest

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
)

// RequireForOwnerAlone demands that no user but its owner, and who may do everything, can
// read or change a file, or list a folder.
func RequireForOwnerAlone(t testing.TB, path string) {
	t.Helper()
	descriptor, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION|windows.OWNER_SECURITY_INFORMATION)
	require.NoError(t, err)
	owner, _, err := descriptor.Owner()
	require.NoError(t, err)
	list, _, err := descriptor.DACL()
	require.NoError(t, err)
	require.NotNil(t, list, "%s has no access list, and every user may do everything", path)
	for n := range uint32(list.AceCount) {
		var entry *windows.ACCESS_ALLOWED_ACE
		require.NoError(t, windows.GetAce(list, n, &entry))
		if entry.Header.AceType != windows.ACCESS_ALLOWED_ACE_TYPE {
			continue
		}
		who := (*windows.SID)(unsafe.Pointer(&entry.SidStart))
		ofSystem := who.IsWellKnown(windows.WinLocalSystemSid) || who.IsWellKnown(windows.WinBuiltinAdministratorsSid)
		require.True(t, ofSystem || who.Equals(owner), "%s is not for its owner alone: %s", path, descriptor)
	}
}
