package codex

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/properties/codextest"
	"github.com/bezoar-auth/bezoar/properties/programtest"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt/scripted"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/store/file"
)

// Two clients, each with a codex of its own, on one home: a refresh of one is that of both.
// Runs of codex exec have a published home beside it, and get each token too.
func TestTwoFrontsAndAnExecShareEachRefresh(t *testing.T) {
	t.Parallel()
	codex := codextest.Find(t, codextest.Newest)
	s := codextest.NewSite(t, issuer.Options{})
	s.Login(nineDays)
	published := publish(t, s)
	clients := []*codextest.Client{s.StartFront(codex), s.StartFront(codex)}
	threads := []string{clients[0].StartThread(), clients[1].StartThread()}
	for round := range 3 {
		first, second := clients[0].SendTurn(threads[0]), clients[1].SendTurn(threads[1])
		requireDone(t, s, clients[0].EndOfTurn(first))
		requireDone(t, s, clients[1].EndOfTurn(second))
		awaitPublished(t, s, published)
		run := s.Command(codex, "exec", "--skip-git-repo-check", "hello")
		run.Env = append(run.Env, "CODEX_HOME="+published)
		said, err := run.CombinedOutput()
		require.NoError(t, err, string(said))
		require.Contains(t, string(said), scripted.Hello)
		require.Equal(t, s.Stored().AccessToken.Fingerprint(), newest(s))
		requirePosts(t, s, round+1)
		s.Reject(newest(s))
	}
}

// publish publishes the home to another one until the test ends.
func publish(t *testing.T, s *codextest.Site) (home string) {
	home = t.TempDir()
	config, err := os.ReadFile(filepath.Join(s.Home, "config.toml"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(home, "config.toml"), config, 0o600))
	publisher := s.Bezoar("publish", home)
	said := new(programtest.Buffer)
	publisher.Stdout, publisher.Stderr = said, said
	require.NoError(t, publisher.Start())
	t.Cleanup(func() {
		_ = publisher.Process.Kill() // it may have ended
		_ = publisher.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	return home
}

// awaitPublished waits until a published home has the access token of the site.
func awaitPublished(t *testing.T, s *codextest.Site, home string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, programtest.Eventually(func() error {
		record, err := file.Open(home, file.Options{}).Load(ctx)
		if err == nil && !record.Credential.AccessToken.Equal(s.Stored().AccessToken) {
			err = errors.New("it has another token")
		}
		return err
	}))
}
