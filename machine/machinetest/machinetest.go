// Package machinetest has what the tests of all packages make logins of: tokens,
// JSON Web Tokens, logins and folders, and the one way to ask for the long form of
// the tests. Nothing of the program imports it.
package machinetest

import (
	"encoding/base64"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Dawn is when most tests begin.
var Dawn = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// Long reports whether the tests shall run in their full sizes, as CI does: the
// environment has BEZOAR_TEST_LONG. Without it every test is as small as it can be
// and still find a planted fault.
func Long() bool { return os.Getenv("BEZOAR_TEST_LONG") != "" }

// JWT is a JSON Web Token with these claims, a JSON object, and no signature.
func JWT(claims string) secret.Token {
	part := base64.RawURLEncoding.EncodeToString
	return secret.New(part([]byte(`{"alg":"none"}`)) + "." + part([]byte(claims)) + ".unsigned")
}

// Expiring is a JWT of a subject that expires at that time.
func Expiring(subject string, at time.Time) secret.Token {
	return JWT(fmt.Sprintf(`{"sub":%q,"exp":%d}`, subject, at.Unix()))
}

// Login is the login of an account that an issuer's token response makes at that time.
func Login(account string, response endpoint.TokenResponse, at time.Time) machine.Credential {
	return machine.Credential{
		Method: machine.MethodTokens, IDToken: response.IDToken, AccessToken: response.AccessToken,
		RefreshToken: response.RefreshToken, AccountID: account, LastRefresh: at.UTC(),
	}
}

// Key is a login with an API key.
func Key(key string) machine.Credential {
	return machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New(key)}
}

// Dir is a folder that is removed at the end of the test, in memory where the system
// has such a place: a file there is synced at once.
func Dir(t testing.TB) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		return t.TempDir() // Wine would show the /dev/shm beneath it
	}
	dir, err := os.MkdirTemp("/dev/shm", "bezoar-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
