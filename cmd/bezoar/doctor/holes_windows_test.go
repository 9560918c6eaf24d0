package doctor

import (
	"os"
	"path/filepath"
	"strings"
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

// The letters of rights are those of Microsoft's "ACE strings"; 0x... is a mask.
func TestDoctorTellsRightsThatOpenALogin(t *testing.T) {
	t.Parallel()
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	require.NoError(t, err)
	us, other := user.User.Sid.String(), "S-1-5-21-1-2-3-1004"
	for _, each := range []struct {
		entry          string // for another user
		inFile, inHome bool   // whether it opens a login
		why            string
	}{
		{"(A;;0x1;;;WHO)", true, true, "read, or list"},
		{"(A;;0x2;;;WHO)", true, true, "write, or make a file"},
		{"(A;;0x4;;;WHO)", true, true, "append, or make a folder"},
		{"(A;;0x40;;;WHO)", false, true, "delete a child: a file has none"},
		{"(A;;SD;;;WHO)", true, true, "delete"},
		{"(A;;WD;;;WHO)", true, true, "change the list"},
		{"(A;;WO;;;WHO)", true, true, "take the ownership"},
		{"(A;;GR;;;WHO)", true, true, "generic: read"},
		{"(A;;GW;;;WHO)", true, true, "generic: write"},
		{"(A;;GA;;;WHO)", true, true, "generic: all"},
		{"(A;;RC;;;WHO)", false, false, "see the list"},
		{"(A;;0x20;;;WHO)", false, false, "pass through a folder"},
		{"(A;;0x88;;;WHO)", false, false, "see attributes and extended ones"},
		{"(A;;0x110;;;WHO)", false, false, "change attributes and extended ones"},
		{"(A;;0x100000;;;WHO)", false, false, "wait for it"},
		{"(A;OIIO;FR;;;WHO)", false, true, "read what other programs make in the home: Codex, say"},
		{"(A;CIIO;FR;;;WHO)", false, false, "of folders below alone, which have lists of their own"},
		{"(A;OIIO;0x40;;;WHO)", false, false, "delete the children of files"},
		{"(D;;FA;;;WHO)", false, false, "forbids"},
		{"(A;OICIIO;FA;;;CO)", false, false, "the creator of a file has it"},
		{"", false, false, "nothing"},
	} {
		list := strings.ReplaceAll("O:"+us+"D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;"+us+")"+each.entry, "WHO", other)
		if !strings.Contains(each.entry, "IO;") { // which no file has
			require.Equal(t, each.inFile, len(strangersWith(t, list, false, false)) > 0, "in a file: %s", each.why)
		}
		require.Equal(t, each.inHome, len(strangersWith(t, list, true, false)) > 0, "in the home: %s", each.why)
	}
}

// The condition may hold (Microsoft's "Security Descriptor Definition Language for Conditional
// ACEs"): ACCESS_ALLOWED_CALLBACK_ACE_TYPE is 9. One that forbids, 1, or of an audit, 2, gives nothing.
func TestDoctorCountsARightThatHasACondition(t *testing.T) {
	t.Parallel()
	for kind, isRight := range map[uint8]bool{0: true, 1: false, 2: false, 9: true} {
		entry := &windows.ACCESS_ALLOWED_ACE{Header: windows.ACE_HEADER{AceType: kind}, Mask: windows.FILE_READ_DATA}
		require.Equal(t, isRight, opens(entry, false), kind)
		require.Equal(t, isRight, opens(entry, true), kind)
	}
}

// An owner may give itself every right, whatever the list says.
func TestDoctorNamesAnOwnerWhoIsAStranger(t *testing.T) {
	t.Parallel()
	const theirs, entry = "S-1-5-21-1-2-3-1004", "(A;;FA;;;S-1-5-21-1-2-3-1004)"
	owner := []stranger{{name: theirs, number: theirs, owns: true}}
	require.Equal(t, owner, strangersWith(t, "O:"+theirs+"D:P(A;;FA;;;SY)", false, false))
	require.Equal(t, owner, strangersWith(t, "O:"+theirs+"D:P(A;;FA;;;SY)"+entry, true, false), "named once")
	require.Empty(t, strangersWith(t, "O:"+theirs+"D:P(A;;FA;;;SY)"+entry, true, true), "an administrator looks at the home of another user")
	require.Empty(t, strangersWith(t, "O:BAD:P(A;;FA;;;SY)", true, false), "an administrator made it")
	require.Equal(t, []stranger{{name: "every user"}}, strangersWith(t, "O:BA", true, false), "no list")
}

func strangersWith(t *testing.T, list string, isFolder, byAdministrator bool) []stranger {
	descriptor, err := windows.SecurityDescriptorFromString(list)
	require.NoError(t, err)
	return strangersIn(descriptor, isFolder, byAdministrator)
}
