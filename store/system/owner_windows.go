package system

import (
	"os"
	"path/filepath"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"
)

// user is who this process runs as.
var user = sync.OnceValues(func() (*windows.SID, error) {
	found, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, err
	}
	return found.User.Sid, nil
})

// forOwner is the access list of a new file or folder, in place of a mode: its owner has all
// rights, and nothing comes from the folder above (P, in "Security Descriptor String
// Format"). SYSTEM and the administrators have them too, as in every user's profile, and as
// OpenSSH wants it of its keys: backups and scanners run as SYSTEM, and an administrator may
// take any file, as root may. inherits is what a folder passes on to what is made in it.
func forOwner(path, inherits string) (*windows.SecurityAttributes, error) {
	owner, err := heirOf(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	list := "D:P"
	for _, each := range []string{"SY", "BA", owner.String()} {
		list += "(A;" + inherits + ";FA;;;" + each + ")"
	}
	descriptor, err := windows.SecurityDescriptorFromString(list)
	if err != nil {
		return nil, err
	}
	return &windows.SecurityAttributes{
		Length: uint32(unsafe.Sizeof(windows.SecurityAttributes{})), SecurityDescriptor: descriptor,
	}, nil
}

// heirOf is whose a new file in a folder is: this user's. An administrator with all rights
// makes it for the user whose folder it is, who could not read it otherwise.
func heirOf(folder string) (*windows.SID, error) {
	if windows.GetCurrentProcessToken().IsElevated() {
		found, err := windows.GetNamedSecurityInfo(folder, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
		if err == nil {
			owner, _, err := found.Owner()
			if err == nil && !owner.IsWellKnown(windows.WinBuiltinAdministratorsSid) && !owner.IsWellKnown(windows.WinLocalSystemSid) {
				return owner, nil
			}
		}
	}
	return user()
}

// IsOwn leaves it to the write itself to say that a file may not be changed.
func (here) IsOwn(os.FileInfo) bool { return true }

// MustEntrust is false: the access list of a new file names the owner of its folder already.
func (here) MustEntrust(string) bool { return false }

// Entrust has nothing to give away.
func (here) Entrust(*os.File, string) bool { return false }
