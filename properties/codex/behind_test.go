package codex

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/properties/codextest"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt/scripted"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

const nineDays = 9 * 24 * time.Hour

// requireDone demands that a turn was done, and that no request to the model was anonymous.
func requireDone(t *testing.T, s *codextest.Site, turn codextest.Turn) {
	t.Helper()
	require.Equal(t, "completed", turn.Status, turn.Error)
	require.Equal(t, scripted.Hello, turn.Text)
	require.Empty(t, s.Requests(scripted.Request.IsAnonymous))
}

// requirePosts demands so many refreshes, each of them granted, and the last one saved.
func requirePosts(t *testing.T, s *codextest.Site, n int) {
	t.Helper()
	require.Equal(t, issuer.Counts{Posts: n, Grants: n}, s.Issuer.Counts())
	require.True(t, s.Issuer.IsAlive(s.Stored().RefreshToken), "what the issuer granted is lost")
}

// newest is the bearer of the newest request to the model.
func newest(s *codextest.Site) secret.Fingerprint {
	turns := s.Turns()
	return turns[len(turns)-1].Bearer
}

func TestExpiredLoginIsRefreshedBeforeATurn(t *testing.T) {
	codextest.Each(t, func(t *testing.T, codex string) {
		s := codextest.NewSite(t, issuer.Options{})
		s.Login(2 * time.Hour)
		c := s.StartFront(codex)
		requireDone(t, s, c.Turn(c.StartThread()))
		requirePosts(t, s, 1)
		turns := s.Turns()
		require.Len(t, turns, 1)
		require.Equal(t, s.Stored().AccessToken.Fingerprint(), turns[0].Bearer)
		require.Equal(t, issuer.Ada.ID, turns[0].Account)
		require.True(t, strings.HasPrefix(turns[0].UserAgent, "codextest/"), turns[0].UserAgent)
		c.EndInput()
		require.Equal(t, 0, c.ExitCode())
	})
}

func TestRejectedTokenCostsOneRefreshInTheSameTurn(t *testing.T) {
	codextest.Each(t, func(t *testing.T, codex string) {
		s := codextest.NewSite(t, issuer.Options{})
		login := s.Login(0)
		c := s.StartFront(codex)
		thread := c.StartThread()
		requireDone(t, s, c.Turn(thread))
		requirePosts(t, s, 0)
		s.Reject(login.AccessToken.Fingerprint())
		requireDone(t, s, c.Turn(thread))
		requirePosts(t, s, 1)
		require.Equal(t, s.Stored().AccessToken.Fingerprint(), newest(s))
		s.Reject(newest(s)) // within the floor of the first refresh
		requireDone(t, s, c.Turn(thread))
		requirePosts(t, s, 2)
	})
}

// The access token is good for seconds: bezoar rotates it unasked, and no request of the
// turns meets a refusal.
func TestRotationsAheadOfExpiryReachTheCodex(t *testing.T) {
	t.Parallel()
	s := codextest.NewSite(t, issuer.Options{AccessLifetime: 10 * time.Second})
	s.Login(0)
	c := s.StartFront(codextest.Find(t, codextest.Newest))
	thread := c.StartThread()
	for s.Issuer.Counts().Grants < 3 {
		requireDone(t, s, c.Turn(thread))
	}
	for _, each := range s.Turns() {
		require.Equal(t, 200, each.Status)
	}
	counts := s.Issuer.Counts()
	require.Equal(t, counts.Posts, counts.Grants)
	require.Zero(t, counts.Replays)
}

// spend spends the refresh token of a login elsewhere, so that it is dead.
func spend(t *testing.T, s *codextest.Site, login machine.Credential) {
	t.Helper()
	names := machine.Issuer{TokenEndpoint: s.TokenURL(), ClientID: oauth.DefaultClientID}
	_, isIssued := oauth.New(oauth.Options{}).Refresh(t.Context(), names, login.RefreshToken, endpoint.CauseOld).(endpoint.Issued)
	require.True(t, isIssued)
}

const loginAgain = "Next: bezoar login"

func TestPoisonedLoginCostsOnePostAndNoAnonymousRequest(t *testing.T) {
	codextest.Each(t, func(t *testing.T, codex string) {
		s := codextest.NewSite(t, issuer.Options{})
		login := s.Login(0)
		spend(t, s, login)
		before := s.Issuer.Counts().Posts
		c := s.StartFront(codex)
		thread := c.StartThread()
		s.Reject(login.AccessToken.Fingerprint())
		turn := c.Turn(thread)
		require.Equal(t, "failed", turn.Status)
		require.NotContains(t, turn.Error, "auth refresh request failed")
		require.Contains(t, turn.Error, loginAgain)

		refused := c.Answer(c.SendTurn(thread))
		require.NotNil(t, refused.Error, refused.Line)
		require.Contains(t, refused.Error.Message, loginAgain)
		require.Equal(t, 1, s.Issuer.Counts().Posts-before)
		require.Empty(t, s.Requests(scripted.Request.IsAnonymous))

		asked := len(s.Turns())
		s.Login(0) // another program
		requireDone(t, s, c.Turn(thread))
		require.Len(t, s.Turns(), asked+1)
		require.Equal(t, s.Stored().AccessToken.Fingerprint(), newest(s))
		require.Equal(t, 1, s.Issuer.Counts().Posts-before)
	})
}

func TestKeyLoginElsewhereIsTheNextTurns(t *testing.T) {
	codextest.Each(t, func(t *testing.T, codex string) {
		s := codextest.NewSite(t, issuer.Options{})
		s.Login(0)
		c := s.StartFront(codex)
		thread := c.StartThread()
		requireDone(t, s, c.Turn(thread))
		login := s.Bezoar("login", "--with-api-key")
		login.Stdin = strings.NewReader(codextest.Key.Reveal())
		said, err := login.CombinedOutput()
		require.NoError(t, err, string(said))
		requireDone(t, s, c.Turn(thread))
		turns := s.Turns()
		require.Equal(t, "api.openai.com", turns[len(turns)-1].Host)
		require.Equal(t, codextest.Key.Fingerprint(), newest(s))
		c.Call("account/logout", nil, nil) // a key is good for ever: no other login takes its place
		s.Login(0)
		requireDone(t, s, c.Turn(thread))
		require.Equal(t, s.Stored().AccessToken.Fingerprint(), newest(s))
	})
}

func TestApprovalPassesWithItsID(t *testing.T) {
	codextest.Each(t, func(t *testing.T, codex string) {
		s := codextest.NewSite(t, issuer.Options{})
		s.Login(0)
		c := s.StartFront(codex)
		thread := c.StartThread()
		s.Script(scripted.Step{Command: "touch approved"})
		turn := c.SendTurn(thread)
		asked := c.Await("item/commandExecution/requestApproval", nil)
		require.Equal(t, json.RawMessage("0"), asked.ID)
		require.NoFileExists(t, filepath.Join(s.Work, "approved"))
		c.Reply(asked, map[string]string{"decision": "accept"})
		resolved := c.Await("serverRequest/resolved", nil)
		require.Contains(t, resolved.Line, `"requestId":0`)
		requireDone(t, s, c.EndOfTurn(turn))
		require.FileExists(t, filepath.Join(s.Work, "approved"))
	})
}

func TestLogoutLetsNoTurnGoOutAnonymously(t *testing.T) {
	codextest.Each(t, func(t *testing.T, codex string) {
		s := codextest.NewSite(t, issuer.Options{})
		login := s.Login(0)
		c := s.StartFront(codex)
		thread := c.StartThread()
		requireDone(t, s, c.Turn(thread))
		c.Call("account/logout", nil, nil)
		require.NoFileExists(t, filepath.Join(s.Home, "auth.json"))
		require.False(t, s.Issuer.IsAlive(login.RefreshToken))
		refused := c.Answer(c.SendTurn(thread))
		require.NotNil(t, refused.Error, refused.Line)
		require.Contains(t, refused.Error.Message, loginAgain)
		require.Len(t, s.Turns(), 1)
	})
}
