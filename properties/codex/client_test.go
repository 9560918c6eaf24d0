package codex

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/properties/codextest"
	"github.com/bezoar-auth/bezoar/properties/programtest"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt/scripted"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

// A client from npm that is not ours. It wants the path of a codex, so it gets a program
// that hands its words on to bezoar.
func TestAISDKProviderDoesATurn(t *testing.T) {
	t.Parallel()
	installed := os.Getenv("BEZOAR_TEST_AI_SDK")
	if installed == "" {
		t.Skip("BEZOAR_TEST_AI_SDK names no folder where ai-sdk-provider-codex-cli is installed")
	}
	codex := codextest.Find(t, codextest.Newest)
	node, err := exec.LookPath("node")
	require.NoError(t, err)
	s := codextest.NewSite(t, issuer.Options{})
	s.Login(2 * time.Hour)
	program, err := programtest.Path()
	require.NoError(t, err)
	wrapper := filepath.Join(s.Work, "codex")
	words := fmt.Sprintf("#!/bin/sh\nshift # app-server\nexec %s app-server --backend '%s app-server' \"$@\"\n", program, codex)
	require.NoError(t, os.WriteFile(wrapper, []byte(words), 0o700))
	require.NoError(t, os.Symlink(filepath.Join(installed, "node_modules"), filepath.Join(s.Work, "node_modules")))
	script, err := os.ReadFile(filepath.Join("testdata", "ai-sdk.mjs"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(s.Work, "ai-sdk.mjs"), script, 0o600))
	turn := s.Command(node, "ai-sdk.mjs")
	turn.Env = append(turn.Env, "CODEX_UNDER_TEST="+wrapper)
	said, err := turn.CombinedOutput()
	require.NoError(t, err, string(said))
	require.Contains(t, string(said), scripted.Hello)
	requirePosts(t, s, 1)
	require.Empty(t, s.Requests(scripted.Request.IsAnonymous))
}
