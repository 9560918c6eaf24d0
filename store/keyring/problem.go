package keyring

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/zalando/go-keyring"
)

// Problem is why a keyring cannot be used, where its system says so, and what its user can
// do about it. No problem is one of the login, which is as it was.
type Problem struct{ Cause, Remedy string }

func (p *Problem) Error() string { return p.Cause + ": " + p.Remedy }

var (
	errHung = &Problem{"the keyring does not answer", "look for a window in which it asks you something"}

	errNoSession = &Problem{
		"this logon session has no Credential Manager, as in a service, in a scheduled task or over SSH with a key",
		"run bezoar where you have logged on with your password",
	}

	errKeychainLocked = &Problem{
		"the keychain is locked, and macOS has no desktop to ask at, as over SSH",
		"run security unlock-keychain",
	}
	errKeychainRefused = &Problem{"the keychain refused this program", "allow it when the keychain asks, with Always Allow"}
	errNoKeychain      = &Problem{"there is no keychain", "log in at the desktop once, or run security list-keychains and see that it has yours"}
)

// Codes of Windows that CredReadW, CredWriteW and CredDeleteW return
// (learn.microsoft.com/windows/win32/api/wincred/nf-wincred-credwritew). Network logons have
// no set of credentials. The library knows the second one in most places, but not when
// another program removes a credential just before it does.
const (
	noSuchLogonSession = syscall.Errno(1312) // ERROR_NO_SUCH_LOGON_SESSION
	elementNotFound    = syscall.Errno(1168) // ERROR_NOT_FOUND
)

// explained is the error of a ring, with the problem if it is a known one.
func explained(err error) error {
	switch {
	case errors.Is(err, noSuchLogonSession):
		return fmt.Errorf("%w (%w)", errNoSession, err)
	case errors.Is(err, elementNotFound):
		return keyring.ErrNotFound
	}
	return err
}
