package account

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/scenetest"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/view"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/engine/enginetest"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// tested are the commands that these tests run.
func tested() []cli.Command {
	return []cli.Command{Status, Why, Log, Token}
}

// runOn runs a command on the home of a scene, at noon.
func runOn(t *testing.T, s *scenetest.Scene, args ...string) (stdout string, code int) {
	var out, errs bytes.Buffer
	env := cli.Environment{Stdin: bytes.NewReader(nil), Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }, Now: func() time.Time { return scenetest.Noon }, Log: cli.NewLogQueue(&errs)}
	code = cli.Commands(tested).Run(env, append(args, "--home", s.Home))
	require.Empty(t, errs.String())
	return out.String(), code
}

func TestStatusSaysInWordsWhatIsKnown(t *testing.T) {
	refused := func(reason history.Reason) persist.Entry { return persist.Entry{Kind: persist.Refused, Reason: reason} }
	later, newborn := scenetest.Noon.Add(10*time.Minute), scenetest.New(t, -time.Hour)
	for name, each := range map[string]struct {
		scene *scenetest.Scene
		line  string
		code  int
	}{
		"fresh": {scenetest.New(t, time.Hour),
			"Fresh since 11:00: the access token is valid until 13:00. Nothing to do.", cli.ExitOK},
		"due": {scenetest.New(t, time.Minute),
			"Stale since 11:56: the access token is valid until 12:01:00, and the next use refreshes it. Nothing to do.", cli.ExitOK},
		"expired": {scenetest.New(t, -time.Minute),
			"Stale since 11:54: the access token expired at 11:59:00, and the next use refreshes it. Next: bezoar token", cli.ExitOK},
		"expired before it came": {newborn.Note(time.Minute, persist.Entry{Kind: persist.Rotated, NextID: newborn.Key}),
			"Fresh since 11:00: the access token had already expired when it was issued, by the clock of this machine, which may be wrong; it is used until 12:04. Next: bezoar doctor", cli.ExitOK},
		"reused": {scenetest.New(t, time.Hour).Note(2*time.Hour, refused(history.ReasonReused)),
			"Poisoned since 10:00: the issuer says this refresh token was already used. Next: bezoar login", cli.ExitLogin},
		"expired for good, yesterday": {scenetest.New(t, time.Hour).Note(24*time.Hour, refused(history.ReasonExpired)),
			"Poisoned since 2026-03-03 12:00: the issuer says this refresh token has expired. Next: bezoar login", cli.ExitLogin},
		"revoked": {scenetest.New(t, -time.Hour).Note(time.Minute, refused(history.ReasonRevoked)),
			"Poisoned since 11:59: the issuer says this refresh token was revoked. Next: bezoar login", cli.ExitLogin},
		"invalid grant": {scenetest.New(t, -time.Hour).Note(time.Minute, refused(history.ReasonInvalidGrant)),
			"Poisoned since 11:59: the issuer no longer accepts this refresh token. Next: bezoar login", cli.ExitLogin},
		"deferred": {scenetest.New(t, -time.Hour).Note(time.Minute, persist.Entry{Kind: persist.Deferred, NotBefore: later, Failures: 3}),
			"Stale since 11:00: the access token expired at 11:00, and the issuer is unavailable 3 times in a row. Next: wait until 12:10", cli.ExitWait},
		"deferred while it serves": {scenetest.New(t, time.Minute).Note(time.Minute, persist.Entry{Kind: persist.Deferred, NotBefore: later, Failures: 1}),
			"Stale since 11:56: the access token is valid until 12:01:00, and the issuer is unavailable. Next: wait until 12:10", cli.ExitOK},
		"deferred once, and over": {scenetest.New(t, -time.Hour).Note(time.Hour, persist.Entry{Kind: persist.Deferred, NotBefore: scenetest.Noon.Add(-time.Second), Failures: 1}),
			"Stale since 11:00: the access token expired at 11:00, and the next use refreshes it. Next: bezoar token", cli.ExitOK},
		"granted and not stored": {scenetest.New(t, -time.Hour).Note(time.Minute, persist.Entry{Kind: persist.Rotated, NextID: "0123", Unsaved: true, PID: os.Getpid()}),
			fmt.Sprintf("Poisoned since 11:59: process %d has newer tokens in its memory and cannot store them; make room on the disk, and let the process run until it has stored them. Next: bezoar doctor", os.Getpid()), cli.ExitOperator},
		"a refresh token that came alone, and is not stored": {scenetest.New(t, -time.Hour).Note(time.Minute, persist.Entry{Kind: persist.Deferred, NextID: "0123", Unsaved: true, PID: os.Getpid()}),
			fmt.Sprintf("Poisoned since 11:59: process %d has newer tokens in its memory and cannot store them; make room on the disk, and let the process run until it has stored them. Next: bezoar doctor", os.Getpid()), cli.ExitOperator},
		"granted, not stored, and ended": {scenetest.New(t, -time.Hour).Note(time.Minute, persist.Entry{Kind: persist.Rotated, NextID: "0123", Unsaved: true, PID: scenetest.NoProcess}),
			"Poisoned since 11:59: " + view.Because(history.ReasonSpent) + ". Next: bezoar login", cli.ExitLogin},
		"under way": {scenetest.New(t, -time.Hour).Intend(time.Second, 1),
			"Stale since 11:00: the access token expired at 11:00, and another process is refreshing it. Next: wait until 12:00:01", cli.ExitWait},
		"in doubt while it serves": {scenetest.New(t, time.Minute).Intend(10*time.Minute, 1),
			"Stale since 11:56: the access token is valid until 12:01:00, and the answer to the last refresh was lost, so the refresh token may be spent. Next: wait until 12:01:00", cli.ExitOK},
		"in doubt and expired": {scenetest.New(t, -time.Hour).Intend(10*time.Minute, 1),
			"Stale since 11:00: the access token expired at 11:00, and the outcome of a refresh is not known, so the refresh token may be spent; the next use tries it once more. Next: bezoar token", cli.ExitOK},
		"in doubt and not due": {scenetest.New(t, time.Hour).Intend(10*time.Minute, 1),
			"Fresh since 11:00: the access token is valid until 13:00, and the outcome of a refresh is not known, so the refresh token may be spent. Nothing to do.", cli.ExitOK},
		"refused after a doubt": {scenetest.New(t, -time.Hour).Note(10*time.Minute, persist.Entry{Kind: persist.Intended}).Note(time.Minute, persist.Entry{Kind: persist.Refused, Reason: history.ReasonReused, InDoubt: true}),
			"Poisoned since 11:59: the issuer says this refresh token was already used, after a refresh whose outcome is not known. Next: bezoar login", cli.ExitLogin},
		"in doubt twice": {scenetest.New(t, -time.Hour).Intend(20*time.Minute, 1).Intend(10*time.Minute, 2),
			"Poisoned since 11:50: the outcome of two refreshes with this refresh token is not known, so it counts as spent. Next: bezoar login", cli.ExitLogin},
	} {
		t.Run(name, func(t *testing.T) {
			line, code := runOn(t, each.scene, "status")
			require.Equal(t, each.line+"\n", line)
			require.Equal(t, each.code, code)
		})
	}
}

func TestStatusNamesADoubtWhereverThereIsOne(t *testing.T) {
	refused := persist.Entry{Kind: persist.Refused, Reason: history.ReasonReused}
	afterDoubt := refused
	afterDoubt.InDoubt = true
	for name, each := range map[string]struct {
		scene   *scenetest.Scene
		inDoubt bool
	}{
		"no doubt":        {scenetest.New(t, time.Hour), false},
		"under way":       {scenetest.New(t, -time.Hour).Intend(time.Second, 1), false},
		"not due":         {scenetest.New(t, time.Hour).Intend(10*time.Minute, 1), true},
		"due":             {scenetest.New(t, time.Minute).Intend(10*time.Minute, 1), true},
		"expired":         {scenetest.New(t, -time.Hour).Intend(10*time.Minute, 1), true},
		"an answer lost":  {scenetest.New(t, -time.Hour).Note(time.Minute, persist.Entry{Kind: persist.Deferred, Lost: true, Losses: 1}), true},
		"in doubt twice":  {scenetest.New(t, -time.Hour).Intend(20*time.Minute, 1).Intend(10*time.Minute, 2), true},
		"refused":         {scenetest.New(t, -time.Hour).Note(time.Minute, refused), false},
		"refused with it": {scenetest.New(t, -time.Hour).Note(time.Minute, afterDoubt), true},
	} {
		for _, command := range []string{"status", "why"} {
			report, _ := runOn(t, each.scene, command, "--json")
			var is view.Status
			require.NoError(t, json.Unmarshal([]byte(report), &is))
			require.Equal(t, each.inDoubt, is.InDoubt, "%s: %s", command, name)
		}
	}
}

// TestLooksChangeNothing compares all that a folder can tell, also the times of
// its files, before and after the commands that only look.
func TestLooksChangeNothing(t *testing.T) {
	s := scenetest.New(t, -time.Hour).Note(time.Hour, persist.Entry{Kind: persist.Intended}).Note(time.Minute, persist.Entry{Kind: persist.Refused, Reason: history.ReasonReused})
	before := tree(t, s.Home)
	for _, each := range []string{"status", "why", "log"} {
		runOn(t, s, each)
		runOn(t, s, each, "--json")
	}
	require.Equal(t, before, tree(t, s.Home))
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

// TestStatusAgreesWithAnEngine starts an engine on the same home, which only reads it.
func TestStatusAgreesWithAnEngine(t *testing.T) {
	for name, each := range map[string]struct {
		home  *scenetest.Scene
		phase machine.Phase
	}{
		"fresh":    {scenetest.New(t, time.Hour), machine.Fresh},
		"stale":    {scenetest.New(t, -time.Hour), machine.Stale},
		"in doubt": {scenetest.New(t, -time.Hour).Intend(10*time.Minute, 1), machine.Stale},
		"poisoned": {scenetest.New(t, time.Hour).Note(time.Hour, persist.Entry{Kind: persist.Refused, Reason: history.ReasonReused}), machine.Poisoned},
	} {
		t.Run(name, func(t *testing.T) {
			loaded, err := config.Load(config.Flags{Home: each.home.Home}, func(string) string { return "" })
			require.NoError(t, err)
			options := session.EngineOptions(loaded, session.NewIssuer(loaded, os.Getenv, session.Quiet), session.Quiet)
			options.Now = func() time.Time { return scenetest.Noon }
			auth := enginetest.Start(options)
			defer auth.Close(context.Background())
			<-auth.Ready()
			v := view.View{Config: loaded, At: scenetest.Noon}
			v.Look(session.Quiet)
			require.Equal(t, auth.Snapshot().Assess(scenetest.Noon), v.State.Assess(scenetest.Noon))
			require.Equal(t, each.phase, v.State.Phase())
		})
	}
}

func TestStoryJoinsRepetitions(t *testing.T) {
	s := scenetest.New(t, -time.Hour)
	s.Note(3*time.Hour, persist.Entry{Kind: persist.Login, Method: machine.MethodTokens})
	for i := range 3 {
		ago := time.Duration(30-10*i) * time.Minute
		s.Note(ago+time.Second, persist.Entry{Kind: persist.Intended, Cause: endpoint.CauseExpiring})
		s.Note(ago, persist.Entry{Kind: persist.Deferred, Cause: endpoint.CauseExpiring, NotBefore: scenetest.Noon.Add(5 * time.Minute), Failures: i + 1})
	}
	s.Note(time.Second, persist.Entry{Kind: persist.Intended, Cause: endpoint.CauseDemanded})
	story, _ := runOn(t, s, "why")
	key := s.Key.Short()
	require.Equal(t, fmt.Sprintf(`09:00:00  Logged in with ChatGPT, refresh token %[1]s (process 7).
11:50:00  Refresh token %[1]s was sent because the access token was about to expire; the issuer was unavailable, 3 times since 11:30:00 (process 7). Next attempt not before 12:05:00.
11:59:59  Refresh token %[1]s was about to be sent because a client demanded it; the outcome was not recorded (process 7 may still wait for the answer).

Stale since 11:00: the access token expired at 11:00, and the issuer is unavailable 3 times in a row.

Next: wait until 12:05
`, key), story)
}

func TestStoryJoinsRotationsInARow(t *testing.T) {
	s := scenetest.New(t, time.Hour)
	s.Note(3*time.Hour, persist.Entry{Kind: persist.Login, Method: machine.MethodTokens})
	token := func(n int) secret.Fingerprint { return s.Issuer.TokenID(secret.New(fmt.Sprint("refresh-", n))) }
	for i := range 3 {
		s.Note(time.Duration(30-10*i)*time.Minute, persist.Entry{Kind: persist.Rotated, NextID: token(i), Cause: endpoint.CauseExpiring})
		s.Key = token(i)
	}
	s.Note(time.Minute, persist.Entry{Kind: persist.Rotated, NextID: s.Key})
	s.Key = token(9)
	s.Note(time.Second, persist.Entry{Kind: persist.Rotated})
	story, _ := runOn(t, s, "why")
	first := s.Issuer.TokenID(secret.New("the refresh token")).Short()
	require.Contains(t, story, fmt.Sprintf("refreshed 4 times since 11:30:00; refresh token %s is now %s (process 7).\n", first, token(2).Short()))
	require.Contains(t, story, fmt.Sprintf("refreshed; refresh token %s has no successor: the new tokens were dropped", token(9).Short()))
}
