package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
)

// ownerOf reports every file as ours: who may use it is said by its access list.
func ownerOf(string) (id int, ours bool) { return 0, true }

// holesIn looks for users in the access list of a file who are neither its owner, nor this
// user, nor those that no list keeps out. A list that cannot be read has none: other checks
// report more of such a file.
func holesIn(_, path string, info fs.FileInfo, _ fs.FileMode) []hole {
	descriptor, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION|windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return nil
	}
	inherits := ""
	if info.IsDir() {
		inherits = "(OI)(CI)"
	}
	others := strangersIn(descriptor)
	if len(others) == 0 {
		return nil
	}
	remedy := "icacls " + cli.ShellWord(path) + " /inheritance:r"
	for _, each := range []string{thisUser(), "*S-1-5-18", "*S-1-5-32-544"} { // SYSTEM, the administrators
		remedy += " /grant:r " + cli.ShellWord(each+":"+inherits+"F")
	}
	var names []string
	for _, each := range others {
		names = append(names, each.name)
		if each.number != "" { // what is not inherited stays without this
			remedy += " /remove:g " + cli.ShellWord("*"+each.number)
		}
	}
	return []hole{{filepath.Base(path) + " is open to " + strings.Join(names, " and "), remedy}}
}

// opening are the rights to read a file, to change it, or to give others the right.
const opening = windows.FILE_READ_DATA | windows.FILE_WRITE_DATA | windows.FILE_APPEND_DATA | windows.DELETE | windows.WRITE_DAC | windows.WRITE_OWNER |
	windows.GENERIC_READ | windows.GENERIC_WRITE | windows.GENERIC_ALL

// stranger is a user or a group that a login is not meant for; number is that of its SID, "" for
// all users of a file without a list.
type stranger struct{ name, number string }

// strangersIn are those in an access list.
func strangersIn(descriptor *windows.SECURITY_DESCRIPTOR) (all []stranger) {
	list, _, err := descriptor.DACL()
	if err != nil || list == nil {
		return []stranger{{"every user", ""}} // no list forbids nothing
	}
	for n := range uint32(list.AceCount) {
		var entry *windows.ACCESS_ALLOWED_ACE
		if windows.GetAce(list, n, &entry) != nil || entry.Header.AceType != windows.ACCESS_ALLOWED_ACE_TYPE ||
			entry.Header.AceFlags&windows.INHERIT_ONLY_ACE != 0 || entry.Mask&opening == 0 {
			continue
		}
		who := (*windows.SID)(unsafe.Pointer(&entry.SidStart))
		if each := (stranger{nameOf(who), who.String()}); !isMeant(who, descriptor) && !slices.Contains(all, each) {
			all = append(all, each)
		}
	}
	return all
}

// isMeant reports whether a login is meant for a user: its owner, this user, and those who may
// do everything.
func isMeant(who *windows.SID, descriptor *windows.SECURITY_DESCRIPTOR) bool {
	if owner, _, err := descriptor.Owner(); err == nil && who.Equals(owner) {
		return true
	}
	if us, err := windows.GetCurrentProcessToken().GetTokenUser(); err == nil && who.Equals(us.User.Sid) {
		return true
	}
	return slices.ContainsFunc([]windows.WELL_KNOWN_SID_TYPE{
		windows.WinLocalSystemSid, windows.WinBuiltinAdministratorsSid, windows.WinCreatorOwnerRightsSid,
	}, who.IsWellKnown)
}

// nameOf is the name of a user or a group, or its number.
func nameOf(who *windows.SID) string {
	name, domain, _, err := who.LookupAccount("")
	switch {
	case err != nil:
		return who.String()
	case domain == "":
		return name
	}
	return fmt.Sprintf(`%s\%s`, domain, name)
}

// holderOf is the name of who has a home.
func holderOf(string) string { return thisUser() }

func openFileLimit() (limit uint64, known bool) { return 0, false }

// The errors are in Microsoft's "System Error Codes".

// isFull reports whether the disk, or the quota of this user, is full.
func isFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) || errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED)
}

// isReadOnly reports whether the disk takes nothing.
func isReadOnly(err error) bool { return errors.Is(err, windows.ERROR_WRITE_PROTECT) }

// isOutOfFiles reports whether too many files are open.
func isOutOfFiles(err error) bool { return errors.Is(err, windows.ERROR_TOO_MANY_OPEN_FILES) }
