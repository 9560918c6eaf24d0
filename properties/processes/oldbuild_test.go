package processes

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/properties/programtest"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/store/journal"
)

// earlierRevision is the build before each intent had an end of its own, before a
// late answer was heard and before the room for a successor was held. An editor may
// run it for weeks beside a newer one.
const earlierRevision = "fa95d26"

// earlierProgram builds it from the history of this clone.
func earlierProgram(t *testing.T) string {
	t.Helper()
	archive, err := exec.Command("git", "-C", filepath.Join("..", ".."), "archive", "--format=tar", earlierRevision).Output()
	if err != nil {
		t.Skipf("the history of this clone does not reach back to %s: %v", earlierRevision, err)
	}
	source, built := t.TempDir(), filepath.Join(t.TempDir(), "bezoar-earlier")
	untar := exec.Command("tar", "-x", "-C", source)
	untar.Stdin = strings.NewReader(string(archive))
	said, err := untar.CombinedOutput()
	require.NoError(t, err, string(said))
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", built, "./cmd/bezoar")
	build.Dir = source
	said, err = build.CombinedOutput()
	require.NoError(t, err, string(said))
	return built
}

// TestEarlierBuildSharesAHome lets both refresh, log in and out and die
// on one home, and demands of both what each promises alone.
func TestEarlierBuildSharesAHome(t *testing.T) {
	if !machinetest.Long() {
		t.Skip("the earlier build is made in the long form alone: BEZOAR_TEST_LONG=1")
	}
	earlier := earlierProgram(t)
	now, err := programtest.Path()
	require.NoError(t, err)
	for name, pair := range map[string]struct{ first, second string }{
		"the earlier one first": {earlier, now},
		"this one first":        {now, earlier},
	} {
		t.Run(name, func(t *testing.T) {
			t.Run("a verdict is respected", func(t *testing.T) { verdictIsRespected(t, pair.first, pair.second) })
			t.Run("an intent is respected", func(t *testing.T) { intentIsRespected(t, pair.first, pair.second) })
			t.Run("a rotation is adopted", func(t *testing.T) { rotationIsAdopted(t, pair.first, pair.second) })
			t.Run("a logout and a login are seen", func(t *testing.T) { wordIsSeen(t, pair.first, pair.second) })
		})
	}
	t.Run("both in a storm", func(t *testing.T) {
		s := newStorm(t)
		s.programs = []string{earlier, now}
		s.stops = 0 // the earlier one does not keep what the later one promises of that
		s.rage(t)
	})
}

// sharing is a home whose ledger only grows.
type sharing struct {
	*scene
	t     *testing.T
	lines []string // of the ledger, when it was looked at last
}

func share(t *testing.T, lifetime time.Duration) *sharing {
	i := issuer.New(issuer.Options{AccessLifetime: lifetime})
	return &sharing{scene: sceneOf(t, i, i), t: t}
}

func (s *sharing) environment() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.home, "BEZOAR_HOME=" + s.home, "BEZOAR_REFRESH_FLOOR=0",
		"BEZOAR_REFRESH_TOKEN_URL_OVERRIDE=" + s.url + "/oauth/token", "BEZOAR_LOGIN_ISSUER=" + s.url,
	}
}

// open starts a server that has shaken hands.
func (s *sharing) open(program string) *programtest.Server {
	s.t.Helper()
	server, err := programtest.Start("server", program, s.environment())
	require.NoError(s.t, err)
	s.t.Cleanup(server.Kill)
	require.NoError(s.t, server.Write(`{"id":0,"method":"initialize","params":{"clientInfo":{"name":"editor","version":"1"}}}`+"\n"))
	_, err = server.AnswerTo(0)
	require.NoError(s.t, err)
	return server
}

// asks asks for the token, and demands a refresh or does not.
func (s *sharing) asks(server *programtest.Server, id int, demands bool) string {
	s.t.Helper()
	require.NoError(s.t, server.Write(fmt.Sprintf(`{"id":%d,"method":"getAuthStatus","params":{"includeToken":true,"refreshToken":%v}}`+"\n", id, demands)))
	line, err := server.AnswerTo(id)
	require.NoError(s.t, err, server.Stderr.String())
	s.lookAtLedger()
	return line
}

// lookAtLedger demands that no line that was there is gone, and that this build
// can read each.
func (s *sharing) lookAtLedger() {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.home, "auth.ledger"))
	if err != nil {
		return // there is none yet
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	require.GreaterOrEqual(s.t, len(lines), len(s.lines))
	require.Equal(s.t, strings.Join(s.lines, "\n"), strings.Join(lines[:len(s.lines)], "\n"))
	s.lines = lines
	entries, err := journal.Newest(s.ledger().Entries(), 1<<20)
	require.NoError(s.t, err)
	require.Len(s.t, entries, len(lines))
}

func verdictIsRespected(t *testing.T, first, second string) {
	s := share(t, time.Hour)
	s.issuer.Revoke(s.old.RefreshToken)
	a, b := s.open(first), s.open(second) // both hold the login
	require.Contains(t, s.asks(a, 1, true), `"authToken":null`)
	for id := range 3 {
		require.Contains(t, s.asks(b, id+1, true), `"authToken":null`)
	}
	require.Contains(t, s.asks(s.open(second), 1, true), `"authToken":null`)
	require.Equal(t, 1, s.issuer.Counts().Posts)
}

func intentIsRespected(t *testing.T, first, second string) {
	s := share(t, time.Hour)
	s.issuer.Script(issuer.Refresh, issuer.Step{Before: issuer.Pause{Until: t.Context().Done()}})
	a, b := s.open(first), s.open(second)
	require.NoError(t, a.Write(`{"id":1,"method":"getAuthStatus","params":{"includeToken":true,"refreshToken":true}}`+"\n"))
	require.NoError(t, programtest.Eventually(func() error {
		if s.issuer.Counts().Posts == 0 {
			return fmt.Errorf("nothing is posted")
		}
		return nil
	}))
	a.Kill()
	require.NotContains(t, s.asks(b, 1, true), `"authToken":null`, "the access token is good")
	require.NotContains(t, s.asks(s.open(second), 1, true), `"authToken":null`)
	require.Equal(t, 1, s.issuer.Counts().Posts, "the token may be spent")
}

func rotationIsAdopted(t *testing.T, first, second string) {
	s := share(t, time.Hour)
	a, b := s.open(first), s.open(second)
	require.NotContains(t, s.asks(a, 1, true), `"authToken":null`)
	got := s.asks(b, 1, true)
	require.Contains(t, got, s.stored(t).AccessToken.Reveal()[:40])
	require.Equal(t, 1, s.issuer.Counts().Posts)
	for id := 2; id < 8; id++ { // by turns
		before := s.issuer.Counts()
		s.asks([]*programtest.Server{a, b}[id%2], id, true)
		require.LessOrEqual(t, s.issuer.Counts().Posts, before.Posts+1)
	}
	require.Zero(t, s.issuer.Counts().Replays)
	require.True(t, s.issuer.IsAlive(s.stored(t).RefreshToken))
}

func wordIsSeen(t *testing.T, first, second string) {
	s := share(t, time.Hour)
	b := s.open(second)
	run := func(input string, args ...string) {
		t.Helper()
		command := exec.Command(first, args...)
		command.Env, command.Stdin = s.environment(), strings.NewReader(input)
		said, err := command.CombinedOutput()
		require.NoError(t, err, string(said))
	}
	run("", "logout")
	require.Contains(t, s.asks(b, 1, true), `"authMethod":null`)
	require.Zero(t, s.issuer.Counts().Posts)
	run("sk-of-the-other\n", "login", "--with-api-key")
	require.Contains(t, s.asks(b, 2, false), `"authMethod":"apikey"`)
	require.True(t, s.hasEntry(t, persist.Logout, s.names.TokenID(s.old.RefreshToken)))
}
