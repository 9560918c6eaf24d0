// Package scenetest sets scenes for tests of commands: a home with a login, and a ledger
// that says what became of its refresh token.
package scenetest

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/store/file"
)

// Noon is when these tests look.
var Noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// Scene is a home with a login and a ledger.
type Scene struct {
	Home   string
	At     time.Time
	Issuer machine.Issuer
	Key    secret.Fingerprint // of the refresh token
	Access secret.Fingerprint

	t *testing.T
}

// New is a home whose access token is valid for so long from Noon on.
func New(t *testing.T, valid time.Duration) *Scene {
	return NewAt(t, Noon, valid, func(string) string { return "" })
}

// NewAt is New at another time, with an environment.
func NewAt(t *testing.T, at time.Time, valid time.Duration, getenv func(string) string) *Scene {
	home := t.TempDir()
	jwt := func(claims string) secret.Token {
		return secret.New("e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".unsigned")
	}
	c := machine.Credential{
		Method: machine.MethodTokens, IDToken: jwt(`{"email":"ada@example.com"}`),
		AccessToken:  jwt(fmt.Sprintf(`{"exp":%d}`, at.Add(valid).Unix())),
		RefreshToken: secret.New("the refresh token"), AccountID: "ada", LastRefresh: at.Add(-time.Hour),
	}
	require.NoError(t, file.Open(home, file.Options{}).Replace(context.Background(), c))
	loaded, err := config.Load(config.Flags{Home: home}, getenv)
	require.NoError(t, err)
	issuer := machine.Issuer{TokenEndpoint: loaded.TokenURL, ClientID: oauth.DefaultClientID}
	return &Scene{home, at, issuer, issuer.TokenID(c.RefreshToken), c.AccessToken.Fingerprint(), t}
}

// NoProcess is the number of none: Linux counts to four million.
const NoProcess = 1 << 30

// Note puts an entry about the refresh token into the ledger, of so long before its time.
func (s *Scene) Note(ago time.Duration, e persist.Entry) *Scene {
	e.At, e.TokenID, e.Access, e.PID = s.At.Add(-ago), s.Key, s.Access, cmp.Or(e.PID, 7)
	ledger := file.OpenLedger(s.Home, s.Issuer, file.LedgerOptions{})
	require.NoError(s.t, ledger.Append(context.Background(), e))
	return s
}

// Intend is a post whose outcome was not written down, for the first time or again.
func (s *Scene) Intend(ago time.Duration, times int) *Scene {
	ledger := file.OpenLedger(s.Home, s.Issuer, file.LedgerOptions{})
	intent := persist.Entry{Kind: persist.Intended, At: s.At.Add(-ago), TokenID: s.Key, Access: s.Access}
	require.NoError(s.t, ledger.Intend(context.Background(), intent, history.Doubt{Times: times - 1}))
	return s
}
