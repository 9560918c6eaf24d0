package mcp

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/resource"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

// logIn makes the account of the resource, with a login of this time.
func (w *world) logIn(at time.Time) {
	w.login = w.issuer.Login(issuer.Ada, at)
	file := resource.File{Server: w.address, Resource: w.address, Profile: map[string]any{"issuer": w.at, "client_id": "c"}}
	require.NoError(w.t, file.Write(w.folder()))
	text := fmt.Sprintf(`{"OPENAI_API_KEY":null,"tokens":{"id_token":%q,"access_token":%q,"refresh_token":%q,"account_id":%q},"last_refresh":%q}`,
		w.login.IDToken.Reveal(), w.login.AccessToken.Reveal(), w.login.RefreshToken.Reveal(), issuer.Ada.ID, at.UTC().Format(time.RFC3339))
	require.NoError(w.t, os.WriteFile(filepath.Join(w.folder(), "auth.json"), []byte(text), 0o600))
}

// kill has the gate refuse the access token of the login from now on.
func (w *world) kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead[w.login.AccessToken.Fingerprint()] = true
}
