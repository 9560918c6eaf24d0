package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/file"
)

// noon is when these tests look.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// scene is a home with a login and a ledger.
type scene struct {
	t      *testing.T
	home   string
	at     time.Time
	issuer machine.Issuer
	key    secret.Fingerprint // of the refresh token
	access secret.Fingerprint
}

// newScene is a home whose access token is valid for so long from noon on.
func newScene(t *testing.T, valid time.Duration) *scene {
	return newSceneAt(t, noon, valid, func(string) string { return "" })
}

func newSceneAt(t *testing.T, at time.Time, valid time.Duration, getenv func(string) string) *scene {
	home := t.TempDir()
	jwt := func(claims string) secret.Token {
		return secret.New("e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".unsigned")
	}
	c := machine.Credential{
		Method: machine.MethodChatGPT, IDToken: jwt(`{"email":"ada@example.com"}`),
		AccessToken:  jwt(fmt.Sprintf(`{"exp":%d}`, at.Add(valid).Unix())),
		RefreshToken: secret.New("the refresh token"), AccountID: "ada", LastRefresh: at.Add(-time.Hour),
	}
	require.NoError(t, file.Open(home, file.Options{}).Replace(context.Background(), c))
	loaded, err := config.Load(config.Flags{Home: home}, getenv)
	require.NoError(t, err)
	issuer := issuerOf(loaded)
	return &scene{t, home, at, issuer, issuer.TokenID(c.RefreshToken), c.AccessToken.Fingerprint()}
}

// noProcess is the number of none: Linux counts to four million.
const noProcess = 1 << 30

// note puts an entry about the refresh token into the ledger, of so long before noon.
func (s *scene) note(ago time.Duration, e persist.Entry) *scene {
	e.At, e.TokenID, e.Access, e.PID = s.at.Add(-ago), s.key, s.access, cmp.Or(e.PID, 7)
	ledger := file.OpenLedger(s.home, s.issuer, file.LedgerOptions{})
	require.NoError(s.t, ledger.Append(context.Background(), e))
	return s
}

// intend is a post whose outcome was not written down, for the first time or again.
func (s *scene) intend(ago time.Duration, times int) *scene {
	ledger := file.OpenLedger(s.home, s.issuer, file.LedgerOptions{})
	intent := persist.Entry{Kind: persist.Intended, At: s.at.Add(-ago), TokenID: s.key, Access: s.access}
	require.NoError(s.t, ledger.Intend(context.Background(), intent, history.Doubt{Times: times - 1}))
	return s
}

// run runs a command on the home at noon.
func (s *scene) run(args ...string) (stdout string, code int) {
	var out, errs bytes.Buffer
	env := environment{bytes.NewReader(nil), &out, &errs, func(string) string { return "" }, func() time.Time { return noon }, newLogQueue(&errs)}
	code = run(env, append(args, "--home", s.home))
	require.Empty(s.t, errs.String())
	return out.String(), code
}

func TestStatusSaysInWordsWhatIsKnown(t *testing.T) {
	refused := func(reason history.Reason) persist.Entry { return persist.Entry{Kind: persist.Refused, Reason: reason} }
	later, newborn := noon.Add(10*time.Minute), newScene(t, -time.Hour)
	for name, each := range map[string]struct {
		scene *scene
		line  string
		code  int
	}{
		"fresh": {newScene(t, time.Hour),
			"Fresh since 11:00: the access token is good until 13:00. Nothing to do.", exitOK},
		"due": {newScene(t, time.Minute),
			"Stale since 11:56: the access token is good until 12:01:00, and the next use refreshes it. Nothing to do.", exitOK},
		"expired": {newScene(t, -time.Minute),
			"Stale since 11:54: the access token expired at 11:59:00, and the next use refreshes it. Next: bezoar token", exitOK},
		"expired before it came": {newborn.note(time.Minute, persist.Entry{Kind: persist.Rotated, NextID: newborn.key}),
			"Fresh since 11:00: the access token had expired when it came, by the clock of this machine, which may be wrong; it is used until 12:04. Next: bezoar doctor", exitOK},
		"reused": {newScene(t, time.Hour).note(2*time.Hour, refused(history.ReasonReused)),
			"Poisoned since 10:00: the issuer says this refresh token was already used. Next: bezoar login", exitLogin},
		"expired for good, yesterday": {newScene(t, time.Hour).note(24*time.Hour, refused(history.ReasonExpired)),
			"Poisoned since 2026-03-03 12:00: the issuer says this refresh token has expired. Next: bezoar login", exitLogin},
		"revoked": {newScene(t, -time.Hour).note(time.Minute, refused(history.ReasonRevoked)),
			"Poisoned since 11:59: the issuer says this refresh token was revoked. Next: bezoar login", exitLogin},
		"invalid grant": {newScene(t, -time.Hour).note(time.Minute, refused(history.ReasonInvalidGrant)),
			"Poisoned since 11:59: the issuer does not accept this refresh token any more. Next: bezoar login", exitLogin},
		"deferred": {newScene(t, -time.Hour).note(time.Minute, persist.Entry{Kind: persist.Deferred, NotBefore: later, Failures: 3}),
			"Stale since 11:00: the access token expired at 11:00, and the issuer is unavailable 3 times in a row. Next: wait until 12:10", exitWait},
		"deferred while it serves": {newScene(t, time.Minute).note(time.Minute, persist.Entry{Kind: persist.Deferred, NotBefore: later, Failures: 1}),
			"Stale since 11:56: the access token is good until 12:01:00, and the issuer is unavailable. Next: wait until 12:10", exitOK},
		"deferred once, and over": {newScene(t, -time.Hour).note(time.Hour, persist.Entry{Kind: persist.Deferred, NotBefore: noon.Add(-time.Second), Failures: 1}),
			"Stale since 11:00: the access token expired at 11:00, and the next use refreshes it. Next: bezoar token", exitOK},
		"granted and not stored": {newScene(t, -time.Hour).note(time.Minute, persist.Entry{Kind: persist.Rotated, NextID: "0123", Unsaved: true, PID: os.Getpid()}),
			fmt.Sprintf("Poisoned since 11:59: process %d has newer tokens in its memory and cannot store them; make room, and let it run until it has. Next: bezoar doctor", os.Getpid()), exitOperator},
		"a refresh token that came alone, and is not stored": {newScene(t, -time.Hour).note(time.Minute, persist.Entry{Kind: persist.Deferred, NextID: "0123", Unsaved: true, PID: os.Getpid()}),
			fmt.Sprintf("Poisoned since 11:59: process %d has newer tokens in its memory and cannot store them; make room, and let it run until it has. Next: bezoar doctor", os.Getpid()), exitOperator},
		"granted, not stored, and ended": {newScene(t, -time.Hour).note(time.Minute, persist.Entry{Kind: persist.Rotated, NextID: "0123", Unsaved: true, PID: noProcess}),
			"Poisoned since 11:59: " + because(history.ReasonSpent) + ". Next: bezoar login", exitLogin},
		"under way": {newScene(t, -time.Hour).intend(time.Second, 1),
			"Stale since 11:00: the access token expired at 11:00, and another process is asking for a new one. Next: wait until 12:00:01", exitWait},
		"in doubt while it serves": {newScene(t, time.Minute).intend(10*time.Minute, 1),
			"Stale since 11:56: the access token is good until 12:01:00, and the answer to the last refresh was lost, so that its refresh token may be spent. Next: wait until 12:01:00", exitOK},
		"in doubt twice": {newScene(t, -time.Hour).intend(20*time.Minute, 1).intend(10*time.Minute, 2),
			"Poisoned since 11:50: two refreshes with this refresh token had no outcome, so that it is taken for spent. Next: bezoar login", exitLogin},
	} {
		t.Run(name, func(t *testing.T) {
			line, code := each.scene.run("status")
			require.Equal(t, each.line+"\n", line)
			require.Equal(t, each.code, code)
		})
	}
}

// TestLooksChangeNothing compares all that a folder can tell, also the times of
// its files, before and after the commands that only look.
func TestLooksChangeNothing(t *testing.T) {
	s := newScene(t, -time.Hour).note(time.Hour, persist.Entry{Kind: persist.Intended}).note(time.Minute, persist.Entry{Kind: persist.Refused, Reason: history.ReasonReused})
	before := tree(t, s.home)
	for _, each := range []string{"status", "why", "log"} {
		s.run(each)
		s.run(each, "--json")
	}
	require.Equal(t, before, tree(t, s.home))
}

func tree(t *testing.T, folder string) []string {
	var all []string
	require.NoError(t, filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := os.Stat(path)
		require.NoError(t, err)
		all = append(all, fmt.Sprint(path, info.Mode(), info.Size(), info.ModTime()))
		return nil
	}))
	return all
}

// TestStatusAgreesWithAnEngine starts one on the same home, which is told nothing
// but to look.
func TestStatusAgreesWithAnEngine(t *testing.T) {
	for name, s := range map[string]*scene{
		"fresh":    newScene(t, time.Hour),
		"stale":    newScene(t, -time.Hour),
		"poisoned": newScene(t, time.Hour).note(time.Hour, persist.Entry{Kind: persist.Refused, Reason: history.ReasonReused}),
	} {
		t.Run(name, func(t *testing.T) {
			loaded, err := config.Load(config.Flags{Home: s.home}, func(string) string { return "" })
			require.NoError(t, err)
			options := engineOptions(loaded, nil, quiet)
			options.Now = func() time.Time { return noon }
			auth := engine.Start(options)
			defer auth.Close(context.Background())
			<-auth.Ready()
			v := view{config: loaded, at: noon}
			v.look(quiet)
			require.Equal(t, auth.Snapshot().Assess(noon), v.state.Assess(noon))
			require.Equal(t, name, map[machine.Phase]string{machine.Fresh: "fresh", machine.Stale: "stale", machine.Poisoned: "poisoned"}[v.state.Phase])
		})
	}
}

func TestStoryTellsRepetitionsInOneSentence(t *testing.T) {
	s := newScene(t, -time.Hour)
	s.note(3*time.Hour, persist.Entry{Kind: persist.Login, Method: machine.MethodChatGPT})
	for i := range 3 {
		ago := time.Duration(30-10*i) * time.Minute
		s.note(ago+time.Second, persist.Entry{Kind: persist.Intended, Cause: machine.CauseExpiring})
		s.note(ago, persist.Entry{Kind: persist.Deferred, Cause: machine.CauseExpiring, NotBefore: noon.Add(5 * time.Minute), Failures: i + 1})
	}
	s.note(time.Second, persist.Entry{Kind: persist.Intended, Cause: machine.CauseDemanded})
	story, _ := s.run("why")
	key := s.key.Short()
	require.Equal(t, fmt.Sprintf(`09:00:00  Logged in with ChatGPT, refresh token %[1]s (process 7).
11:50:00  Refresh token %[1]s was sent because the access token was at its end; the issuer was unavailable, 3 times since 11:30:00 (process 7). No attempt was to follow before 12:05:00.
11:59:59  Refresh token %[1]s was about to be sent because a client demanded it; the outcome was not recorded (process 7 may still wait for the answer).

Stale since 11:00: the access token expired at 11:00, and the issuer is unavailable 3 times in a row.

Next: wait until 12:05
`, key), story)
}

func TestStoryTellsOfRotationsInARowFromTheFirstToTheLast(t *testing.T) {
	s := newScene(t, time.Hour)
	s.note(3*time.Hour, persist.Entry{Kind: persist.Login, Method: machine.MethodChatGPT})
	token := func(n int) secret.Fingerprint { return s.issuer.TokenID(secret.New(fmt.Sprint("refresh-", n))) }
	for i := range 3 {
		s.note(time.Duration(30-10*i)*time.Minute, persist.Entry{Kind: persist.Rotated, NextID: token(i), Cause: machine.CauseExpiring})
		s.key = token(i)
	}
	s.note(time.Minute, persist.Entry{Kind: persist.Rotated, NextID: s.key})
	s.key = token(9)
	s.note(time.Second, persist.Entry{Kind: persist.Rotated})
	story, _ := s.run("why")
	first := s.issuer.TokenID(secret.New("the refresh token")).Short()
	require.Contains(t, story, fmt.Sprintf("refreshed 4 times since 11:30:00; refresh token %s is now %s (process 7).\n", first, token(2).Short()))
	require.Contains(t, story, fmt.Sprintf("refreshed; refresh token %s has no successor: it was dropped", token(9).Short()))
}

// An issuer, or who writes the file, decides what an account is called.
func TestTheNameOfALoginIsLegible(t *testing.T) {
	named := machine.State{Account: machine.Account{Email: "ada\u202e@example.com", PlanType: "plus\x1b[2J"}}
	require.Equal(t, "as ada @example.com (plus [2J)", name(named))
	named.Account.PlanType = ""
	require.Equal(t, "as ada @example.com", name(named))
}
