//go:build !darwin

package keyring

import (
	"runtime"

	"github.com/zalando/go-keyring"

	"github.com/bezoar-auth/bezoar/store/record"
)

// credentialLimitBytes is CRED_MAX_CREDENTIAL_BLOB_SIZE, for the Credential Manager of Windows
// (learn.microsoft.com/windows/win32/api/wincred/ns-wincred-credentialw).
const credentialLimitBytes = 5 * 512

// systemRing is the keyring of the user who runs this process, and how many bytes an item
// of it takes. The Secret Service takes every login.
func systemRing() (ring Ring, limitBytes int) {
	if runtime.GOOS == "windows" {
		return library{}, credentialLimitBytes
	}
	return library{}, record.SizeLimitBytes
}

// library is the Secret Service, or the Credential Manager. There it keeps generic credentials
// that stay on this machine (CRED_PERSIST_LOCAL_MACHINE): a refresh token that roamed with
// its user would be spent on two machines.
type library struct{}

func (library) Get(service, account string) (string, error) { return keyring.Get(service, account) }
func (library) Set(service, account, secret string) error {
	return keyring.Set(service, account, secret)
}
func (library) Delete(service, account string) error { return keyring.Delete(service, account) }
