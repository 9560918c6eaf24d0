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

// holesIn looks for users in the access list of a file that it is not meant for. A list that
// cannot be read has none: other checks report more of such a file.
func holesIn(_, path string, info fs.FileInfo, _ fs.FileMode) []hole {
	descriptor, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION|windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return nil
	}
	inherits := ""
	if info.IsDir() {
		inherits = "(OI)(CI)"
	}
	others := strangersIn(descriptor, info.IsDir(), windows.GetCurrentProcessToken().IsElevated())
	if len(others) == 0 {
		return nil
	}
	remedy, us := "icacls "+cli.ShellWord(path), thisUser()
	if slices.ContainsFunc(others, func(each stranger) bool { return each.owns }) {
		remedy += " /setowner " + cli.ShellWord(us) + cli.AndThen + remedy
	}
	remedy += " /inheritance:r"
	for _, each := range []string{us, "*S-1-5-18", "*S-1-5-32-544"} { // SYSTEM, the administrators
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

// The rights that let a user read a login, or put another one in its place (Microsoft's "File
// access rights constants"). Those to see dates, attributes and the list itself do neither,
// nor does that to pass through a folder; with those to change attributes or to wait for a
// file a user can be in the way, and no more.
const (
	opening = windows.FILE_READ_DATA | // read a file; in a folder, list what there is to attack
		windows.FILE_WRITE_DATA | // change a file; make one in a folder
		windows.FILE_APPEND_DATA | // write behind a file's end, as into the ledger; make a folder in a folder
		windows.DELETE | // remove or rename it, so that another can have its name
		windows.WRITE_DAC | windows.WRITE_OWNER | // give oneself every other right
		windows.GENERIC_READ | windows.GENERIC_WRITE | windows.GENERIC_ALL // of entries that a program wrote unmapped
	openingFolder = opening |
		fileDeleteChild // remove or rename each file in it, whatever the list of the file says
)

const fileDeleteChild = 0x40 // FILE_DELETE_CHILD of winnt.h

// stranger is a user or a group that a login is not meant for; number is that of its SID, "" for
// all users of a file without a list.
type stranger struct {
	name, number string
	owns         bool // the file, and may so give itself every right
}

// strangersIn are those in an access list, and the owner if that is one. An administrator with
// all rights looks at the homes of others: what is there is meant for its owner.
func strangersIn(descriptor *windows.SECURITY_DESCRIPTOR, isFolder, byAdministrator bool) (all []stranger) {
	isMeantToo := func(*windows.SID) bool { return false }
	if owner, _, err := descriptor.Owner(); err == nil && owner != nil {
		if byAdministrator {
			isMeantToo = owner.Equals
		} else if !isMeant(owner) {
			all = append(all, stranger{nameOf(owner), owner.String(), true})
		}
	}
	list, _, err := descriptor.DACL()
	if err != nil || list == nil {
		return []stranger{{name: "every user"}} // no list forbids nothing
	}
	for n := range uint32(list.AceCount) {
		var entry *windows.ACCESS_ALLOWED_ACE
		if windows.GetAce(list, n, &entry) != nil || !opens(entry, isFolder) {
			continue
		}
		who := (*windows.SID)(unsafe.Pointer(&entry.SidStart))
		isKnown := func(each stranger) bool { return each.number == who.String() }
		if !isMeant(who) && !isMeantToo(who) && !slices.ContainsFunc(all, isKnown) {
			all = append(all, stranger{nameOf(who), who.String(), false})
		}
	}
	return all
}

// opens reports whether an entry gives a right that opens a file, or those that another
// program makes in a folder: what bezoar makes takes nothing from the folder. A condition
// that an entry has may hold.
func opens(entry *windows.ACCESS_ALLOWED_ACE, isFolder bool) bool {
	const conditional = 9 // ACCESS_ALLOWED_CALLBACK_ACE_TYPE, which begins like the other
	if entry.Header.AceType != windows.ACCESS_ALLOWED_ACE_TYPE && entry.Header.AceType != conditional {
		return false
	}
	if !isFolder {
		return entry.Mask&opening != 0
	}
	isHere := entry.Header.AceFlags&windows.INHERIT_ONLY_ACE == 0
	isOfFiles := entry.Header.AceFlags&windows.OBJECT_INHERIT_ACE != 0
	return isHere && entry.Mask&openingFolder != 0 || isOfFiles && entry.Mask&opening != 0
}

// isMeant reports whether a login is meant for a user: this user, and those who may do
// everything.
func isMeant(who *windows.SID) bool {
	us, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err == nil && who.Equals(us.User.Sid) {
		return true
	}
	return slices.ContainsFunc([]windows.WELL_KNOWN_SID_TYPE{
		windows.WinLocalSystemSid, windows.WinBuiltinAdministratorsSid,
		windows.WinCreatorOwnerSid, windows.WinCreatorOwnerRightsSid, // the owner, who is looked at apart
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
