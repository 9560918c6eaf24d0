package bubble

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/engine/enginetest"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/profile"
	"github.com/bezoar-auth/bezoar/store/memory"
)

// Whatever a profile says, no token is posted after its refusal, none goes to another
// endpoint or client than those of its record, and a misconfiguration condemns none. Two
// processes share a login, and their profiles change when they start again.
func TestEveryProfileKeepsThePromises(t *testing.T) {
	propertytest.Checks(t, 1000)
	rapid.Check(t, func(t *rapid.T) {
		story := anyStory().Draw(t, "story")
		rapid.SyncTest(t, func(t *rapid.T) { story.happens(t) })
	})
}

// story is all that is decided before.
type story struct {
	Profiles []profile.Profile
	Script   []reply
	Scenes   []scene
}

// scene is what one process is asked to do, after a pause.
type scene struct {
	Pause   time.Duration
	Process int
	What    string
	Ask     machine.Ask
	Profile int // of a start
}

// What happens besides what clients of the bubble do.
const startsAgain = "starts again"

func anyStory() *rapid.Generator[story] {
	return rapid.Custom(func(t *rapid.T) story {
		return story{
			Profiles: rapid.SliceOfN(anyProfile(), 1, 3).Draw(t, "profiles"),
			Script:   rapid.SliceOfN(anyReply(), 1, 6).Draw(t, "script"),
			Scenes:   rapid.SliceOfN(anyScene(), 1, 20).Draw(t, "scenes"),
		}
	})
}

var codes = []string{"", "invalid_grant", "invalid_client", "invalid_scope", "interaction_required", "odd", "other"}

func anyReply() *rapid.Generator[reply] {
	return rapid.Custom(func(t *rapid.T) reply {
		r := reply{
			Status: rapid.SampledFrom([]int{400, 401, 403, 404, 415, 429, 500, 502, 503}).Draw(t, "status"),
			Code:   rapid.SampledFrom(append(codes, grants, accessOnly)).Draw(t, "code"),
			Page:   rapid.IntRange(0, 5).Draw(t, "page") == 5, Lost: rapid.IntRange(0, 4).Draw(t, "lost") == 4,
			Takes: rapid.SampledFrom([]time.Duration{0, time.Second, time.Minute}).Draw(t, "takes"),
		}
		if r.Code == grants || r.Code == accessOnly {
			r.Status, r.Page = 200, false
		} else if r.Status == 415 {
			r.Status = 400 // a row of the standard has the status alone
		}
		return r
	})
}

func anyScene() *rapid.Generator[scene] {
	return rapid.Custom(func(t *rapid.T) scene {
		return scene{
			Pause:   rapid.SampledFrom([]time.Duration{0, time.Second, 3 * time.Minute, 9 * time.Minute, time.Hour}).Draw(t, "pause"),
			Process: rapid.IntRange(0, 1).Draw(t, "process"),
			What:    rapid.SampledFrom([]string{justAsks, justAsks, justAsks, rejects, startsAgain, startsAgain, signsIn, signsOut, lookAgain}).Draw(t, "what"),
			Ask:     propertytest.Asks.Draw(t, "ask"), Profile: rapid.IntRange(0, 2).Draw(t, "profile"),
		}
	})
}

func anyProfile() *rapid.Generator[profile.Profile] {
	return rapid.Custom(func(t *rapid.T) profile.Profile {
		oneOf := func(label string) string { return rapid.SampledFrom([]string{"a", "a", "a", "b"}).Draw(t, label) }
		p := profileAt("https://"+oneOf("host")+".example", oneOf("tenant"), "client "+oneOf("client"))
		p.AuthMethod = rapid.SampledFrom([]profile.AuthMethod{profile.AuthNone, profile.AuthBasic, profile.AuthPost}).Draw(t, "method")
		p.RequestEncoding = rapid.SampledFrom([]profile.Encoding{profile.Form, profile.JSON}).Draw(t, "encoding")
		p.Rotation = rapid.SampledFrom([]profile.Rotation{profile.Rotating, profile.Static}).Draw(t, "rotation")
		p.ReuseLeeway = rapid.SampledFrom([]time.Duration{0, 2 * time.Second, time.Hour}).Draw(t, "leeway")
		p.RefreshSendsScope = rapid.Bool().Draw(t, "sends scopes")
		p.Answers.Standard = rapid.Bool().Draw(t, "standard")
		p.Answers.Bare401 = rapid.SampledFrom([]profile.Meaning{profile.Refused, profile.Misconfigured}).Draw(t, "bare 401")
		p.Answers.ErrorPointer = rapid.SampledFrom([]string{"", "/problem/word"}).Draw(t, "pointer")
		for _, code := range codes[1:] {
			if rapid.IntRange(0, 2).Draw(t, "row") < 2 {
				continue
			}
			row := profile.Row{Code: code, Meaning: rapid.SampledFrom([]profile.Meaning{profile.Refused, profile.Misconfigured, profile.LoginNeeded}).Draw(t, "meaning")}
			if row.Meaning == profile.Refused {
				row.Reason = rapid.SampledFrom([]history.Reason{"", history.ReasonInvalidGrant, history.ReasonExpired}).Draw(t, "reason")
			}
			p.Answers.Rows = append(p.Answers.Rows, row)
		}
		return p
	})
}

// profileAt is a profile of a public client.
func profileAt(host, tenant, client string) profile.Profile {
	return profile.Profile{
		Name: "any", Issuer: host + "/" + tenant, ClientID: client, AuthMethod: profile.AuthNone, RequestEncoding: profile.Form,
		Endpoints: profile.Endpoints{Token: host + "/token", Revocation: host + "/revoke"}, Scopes: []string{"x"},
		Expiry: []profile.ExpirySource{profile.ExpiresIn}, Rotation: profile.Rotating,
		Answers: profile.Answers{Standard: true, Bare401: profile.Misconfigured},
	}
}

// stage is where a story happens.
type stage struct {
	story
	t      require.TestingT
	issuer *profiledIssuer
	store  *memory.Store
	ledger *memory.Ledger
	starts int
	on     [2]*actor
	asks   sync.WaitGroup
}

// actor is one process.
type actor struct {
	*engine.Engine
	made machine.Provenance
}

func (s story) happens(t require.TestingT) *stage {
	w := &stage{
		story: s, t: t, issuer: &profiledIssuer{script: s.Script, tokens: map[string]*token{}},
		store: memory.NewStore(), ledger: memory.NewLedger(s.issuerOf(0)),
	}
	for n := range w.on {
		w.start(n, 0)
		defer w.stop(n) // the one that is on then
	}
	require.NoError(t, w.on[0].Login(context.Background(), w.issuer.login(w.on[0].made, time.Now())))
	for _, each := range s.Scenes {
		time.Sleep(each.Pause)
		w.plays(each)
		w.checks()
	}
	time.Sleep(longestWait)
	w.asks.Wait()
	w.checks()
	return w
}

func (s story) issuerOf(n int) machine.Issuer {
	p := s.Profiles[n]
	return machine.Issuer{TokenEndpoint: p.Endpoints.Token, ClientID: p.ClientID}
}

// start starts a process with a profile.
func (w *stage) start(n, of int) {
	p := w.Profiles[of]
	w.starts++
	name := fmt.Sprintf("profile %d", of)
	client := oauth.New(oauth.Options{
		Profile: p, Transport: profiledClient{w.issuer, w.starts, name, p},
		Secret: func(context.Context) (secret.Token, error) { return secret.New("s:e&cret+%"), nil },
	})
	w.on[n] = &actor{made: client.Provenance(), Engine: enginetest.Start(engine.Options{
		Policy: machine.Policy{
			Issuer: w.issuerOf(of), Profile: name, RefreshFloor: 5 * time.Second, ReuseLeeway: p.ReuseLeeway,
			Reusable: p.Rotation == profile.Static, ExpiresInFirst: true, LeadIsAFifth: true,
		},
		Store: w.store, Ledger: w.ledger.Process(w.starts), ProcessID: w.starts, AuthorizationServer: client,
		Random: func() float64 { return halfJitter },
	})}
}

func (w *stage) stop(n int) {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
	defer cancel()
	w.on[n].Close(ctx)
}

func (w *stage) plays(s scene) {
	ctx, actor := context.Background(), w.on[s.Process]
	switch s.What {
	case justAsks:
		w.asks.Go(func() { _, _ = actor.Status(ctx, s.Ask) })
	case rejects:
		w.asks.Go(func() { _, _ = actor.Rejected(ctx, actor.Snapshot().Access()) })
	case startsAgain:
		w.stop(s.Process)
		w.start(s.Process, s.Profile%len(w.Profiles))
	case signsIn:
		require.NoError(w.t, actor.Login(ctx, w.issuer.login(actor.made, time.Now())))
	case signsOut:
		_, err := actor.Logout(ctx)
		require.NoError(w.t, err)
	case lookAgain:
		require.NoError(w.t, actor.Reload(ctx))
	}
}

// checks looks for a broken promise: also for a verdict without a cause, in a process or
// in the ledger.
func (w *stage) checks() {
	w.issuer.mu.Lock()
	defer w.issuer.mu.Unlock()
	require.Empty(w.t, w.issuer.broken)
	known, err := w.ledger.Process(0).History(context.Background())
	require.NoError(w.t, err)
	for name, each := range w.issuer.tokens {
		if each.mayBeBad {
			continue
		}
		id := machine.Issuer{TokenEndpoint: each.made.TokenEndpoint, ClientID: each.made.ClientID}.TokenID(secret.New(name))
		require.Nil(w.t, known.VerdictOn(id), "%s is condemned without a cause", name)
		for _, actor := range w.on {
			verdict, condemned := actor.Snapshot().Verdict()
			require.False(w.t, condemned && verdict.TokenID == id, "%s is condemned by a process without a cause: %+v", name, verdict)
		}
	}
}

// The promises, one by one.
func TestProfilesKeepTheirPromisesInKnownStories(t *testing.T) {
	a, wrongClient := profileAt("https://a.example", "a", "client a"), profileAt("https://a.example", "a", "client b")
	bare := a
	bare.Answers.Bare401 = profile.Refused
	for name, row := range map[string]struct {
		profiles []profile.Profile
		says     reply
		posts    int
	}{
		"refused, also after a start":                {[]profile.Profile{a, bare}, reply{Status: 400, Code: "invalid_grant"}, 1},
		"another client":                             {[]profile.Profile{a, wrongClient}, reply{Status: 400, Code: "invalid_client"}, 1},
		"another endpoint":                           {[]profile.Profile{a, profileAt("https://b.example", "a", "client a")}, reply{Status: 400, Code: "invalid_client"}, 1},
		"another issuer at the endpoint":             {[]profile.Profile{a, profileAt("https://a.example", "b", "client a")}, reply{Status: 400, Code: "invalid_client"}, 1},
		"misconfigured, once for each profile":       {[]profile.Profile{a, bare}, reply{Status: 401, Code: "invalid_client"}, 2},
		"misconfigured by the answer to another one": {[]profile.Profile{a, bare}, reply{Status: 400, Code: "invalid_scope"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				demand := machine.Ask{Refresh: true, Token: true}
				w := story{row.profiles, []reply{row.says}, []scene{
					{time.Hour, 0, justAsks, demand, 0}, {time.Hour, 0, justAsks, demand, 0}, {time.Hour, 1, justAsks, demand, 0},
					{time.Hour, 0, startsAgain, demand, 1}, {time.Hour, 0, justAsks, demand, 0}, {time.Hour, 0, justAsks, demand, 0},
				}}.happens(t)
				require.Equal(t, row.posts, w.issuer.posts)
			})
		})
	}
}
