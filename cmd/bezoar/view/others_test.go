package view

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/rival"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/scenetest"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

func named(token string) secret.Fingerprint { return secret.New(token).Fingerprint() }

// stored is the entry of tokens that another program stored, so many minutes after noon.
func stored(minutes int, token, owner string) persist.Entry {
	e := persist.Entry{Kind: persist.Adopted, PID: 5, At: scenetest.Noon.Add(time.Duration(minutes) * time.Minute), Method: machine.MethodTokens, TokenID: named(token), Access: named("access of " + token)}
	if owner != "" {
		e.Owner = named(owner)
	}
	return e
}

func TestViewTellsARefreshElsewhereFromALogin(t *testing.T) {
	login := stored(0, "first", "ada")
	login.Kind = persist.Login
	rotated := persist.Entry{Kind: persist.Rotated, TokenID: named("first"), NextID: named("second")}
	logout := persist.Entry{Kind: persist.Logout}
	for name, each := range map[string]struct {
		entries []persist.Entry
		want    storing
	}{
		"the first tokens":       {[]persist.Entry{stored(1, "first", "ada")}, notElsewhere},
		"the same login":         {[]persist.Entry{login, stored(1, "other", "ada")}, byRefresh},
		"after our own refresh":  {[]persist.Entry{login, rotated, stored(1, "other", "ada")}, byRefresh},
		"our own refresh":        {[]persist.Entry{login, rotated, stored(1, "second", "ada")}, notElsewhere},
		"another login":          {[]persist.Entry{login, stored(1, "other", "grace")}, byLogin},
		"a login after a logout": {[]persist.Entry{login, logout, stored(1, "other", "ada")}, notElsewhere},
		"without an owner id":    {[]persist.Entry{login, stored(1, "other", "")}, unknownHow},
		"before us":              {[]persist.Entry{stored(0, "first", ""), stored(1, "other", "ada")}, unknownHow},
		"only a refresh is left": {[]persist.Entry{rotated, stored(1, "other", "ada")}, unknownHow},
	} {
		v := View{entries: each.entries}
		require.Equal(t, each.want, v.storedElsewhere(len(each.entries)-1), name)
	}
}

func TestStoryCountsRefreshesOfAnotherProgram(t *testing.T) {
	login := stored(0, "first", "ada")
	login.Kind = persist.Login
	v := View{At: scenetest.Noon.Add(time.Hour), entries: []persist.Entry{login, stored(1, "second", "ada"), stored(2, "third", "ada"), stored(3, "fourth", "grace")}}
	var told []string
	for _, each := range v.sentences(v.entries) {
		told = append(told, each.Text)
	}
	require.Equal(t, []string{
		"Logged in with ChatGPT, refresh token " + named("first").Short() + " (process 5).",
		"Another program refreshed the login 2 times since 12:01:00, and bezoar adopted refresh token " + named("third").Short() + " (process 5).",
		"Another program stored a login with ChatGPT, refresh token " + named("fourth").Short() + ", and bezoar loaded it (process 5).",
	}, told)
	v.entries = v.entries[:3]
	require.Len(t, v.entriesTold(), 3, "a refresh begins no story")
}

func TestOthersNameProgramsAndWhatToDo(t *testing.T) {
	require.True(t, Others{}.IsEmpty())
	require.True(t, Others{Stored: []persist.Entry{stored(1, "a", "")}}.IsEmpty(), "it was a login, perhaps")
	o := Others{lookedAt: scenetest.Noon.Add(time.Hour), Stored: []persist.Entry{stored(1, "a", ""), stored(2, "b", "")}}
	require.False(t, o.IsEmpty())
	require.Equal(t, "another program has stored tokens here 2 times, last at 12:02, by a refresh or a login, and bezoar adopted them", o.Found())
	o.Rotated = o.Stored[:1]
	require.Equal(t, "another program has refreshed this login once, last at 12:01, and bezoar adopted it", o.Found())
	require.Contains(t, o.Remedy(), "bezoar app-server --backend")
	o.Running = []rival.Process{{PID: 7, Mode: rival.AppServer, Since: scenetest.Noon}, {PID: 8, Mode: rival.Exec}, {PID: 9, Mode: "review"}}
	require.Contains(t, o.paragraph(), "Process 7 (codex app-server, since 12:00) has this home and refreshes its login by itself; process 8 (codex exec) has")
	require.Contains(t, Others{Running: []rival.Process{{PID: 7, MayBeServed: true}}}.Found(), "process 7 (codex) has this home and may refresh its login by itself: it is older")
	require.Equal(t, "let its client start bezoar app-server --backend 'codex app-server' in its place; give it a home of its own, to which bezoar publish puts a token", o.Remedy())
}
