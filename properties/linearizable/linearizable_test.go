package linearizable

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/engine/enginetest"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
	"github.com/bezoar-auth/bezoar/store/memory"
)

// TestHistoriesAreLinearizable runs the real engine for many
// clients at once, in a bubble with virtual time, and demands that what each of
// them was shown could have come of one request after another: the history is
// linearizable (Herlihy and Wing 1990), and porcupine looks for the order.
func TestHistoriesAreLinearizable(t *testing.T) {
	propertytest.Checks(t, 600)
	rapid.Check(t, func(t *rapid.T) {
		p := anyParty().Draw(t, "party")
		rapid.SyncTest(t, func(t *rapid.T) { p.run(t, propertytest.FloorSeconds*time.Second, 0) })
	})
}

// TestHistoriesAreLinearizableOnRealCores does the same without a
// bubble, for the race detector and for the orders that a scheduler makes. Real
// time is too coarse to tell whether a demanded refresh came soon enough, so
// that here only the order counts.
func TestHistoriesAreLinearizableOnRealCores(t *testing.T) {
	parties := anyParty()
	for seed := range 60 {
		p := parties.Example(seed).inReality()
		p.run(t, 0, time.Minute)
	}
}

// party is all that is decided before a run: who does what after which pause, and
// what the issuer says.
type party struct {
	clients [][]move
	script  []propertytest.Mood
}

type move struct {
	pause time.Duration
	errand
	account string // of a login
}

func (p party) GoString() string {
	return fmt.Sprintf("%d clients, issuer %#v", len(p.clients), p.script)
}

func anyParty() *rapid.Generator[party] {
	pause := rapid.SampledFrom([]time.Duration{0, 0, time.Millisecond, time.Second, 7 * time.Second})
	kinds := rapid.SampledFrom([]string{asksStatus, asksStatus, asksStatus, looksAgain, logsInAs, signsOutHere, signsInElsewhere})
	one := rapid.Custom(func(t *rapid.T) move {
		return move{
			pause.Draw(t, "pause"),
			errand{kind: kinds.Draw(t, "kind"), refresh: rapid.Bool().Draw(t, "refresh")},
			rapid.SampledFrom([]string{"alice", "alice", "bob", "key"}).Draw(t, "account"),
		}
	})
	words := rapid.Custom(func(t *rapid.T) propertytest.Mood {
		takes := rapid.SampledFrom([]time.Duration{0, time.Millisecond, 3 * time.Second})
		return propertytest.Mood{How: rapid.SampledFrom([]string{propertytest.Redeems, propertytest.Redeems, propertytest.OutOfOrder, propertytest.SaysExpired}).Draw(t, "how"), Takes: takes.Draw(t, "takes")}
	})
	return rapid.Custom(func(t *rapid.T) party {
		return party{
			rapid.SliceOfN(rapid.SliceOfN(one, 1, 6), 1, 6).Draw(t, "clients"),
			rapid.SliceOfN(words, 1, 5).Draw(t, "script"),
		}
	})
}

// inReality is the party for those who have no time to wait.
func (p party) inReality() party {
	const hurry = 10000
	for _, moves := range p.clients {
		for i := range moves {
			moves[i].pause /= hurry
		}
	}
	for i := range p.script {
		p.script[i].Takes /= hurry
	}
	return p
}

// gathering is a party that goes on.
type gathering struct {
	*engine.Engine
	store *memory.Store
	tick  atomic.Int64
	named atomic.Int64

	mu sync.Mutex // guards what follows
	chronicle
	history []porcupine.Operation
	script  []propertytest.Mood
	posts   int
}

const firstLogin = "alice-0"

// watcher is a test, of either kind.
type watcher interface {
	require.TestingT
	Fatalf(format string, args ...any)
}

func (p party) run(t watcher, floor, slack time.Duration) {
	g := &gathering{
		store: memory.NewStore(), script: p.script,
		chronicle: chronicle{words: map[string][]word{}, floor: floor, slack: slack},
	}
	require.NoError(t, g.store.Replace(context.Background(), credentialNamed(firstLogin, time.Now())))
	g.Engine = enginetest.Start(engine.Options{
		Policy: machine.Policy{Issuer: propertytest.Policy.Issuer, RefreshFloor: floor, BackoffOff: true},
		Store:  g.store, Ledger: memory.NewLedger(propertytest.Policy.Issuer).Process(1), AuthorizationServer: g,
	})
	<-g.Ready()
	var clients sync.WaitGroup
	for number, moves := range p.clients {
		clients.Go(func() { g.attend(t, number, moves) })
	}
	clients.Wait()
	g.Close(context.Background())
	if !g.linearizable(g.history, firstLogin) {
		t.Fatalf("no order of these requests explains what the clients saw:\n%s", g.story())
	}
}

func (g *gathering) attend(t watcher, number int, moves []move) {
	for _, each := range moves {
		time.Sleep(each.pause)
		if each.kind == logsInAs || each.kind == signsInElsewhere {
			each.login = fmt.Sprintf("%s-%d", each.account, g.named.Add(1))
		}
		each.called = time.Now()
		each.callTick = g.tick.Add(1)
		seen, err := g.do(each.errand)
		each.endTick, each.ended = g.tick.Add(1), time.Now()
		if err != nil {
			t.Errorf("%s: %v", each.errand, err)
		}
		g.mu.Lock()
		g.history = append(g.history, porcupine.Operation{
			ClientId: number, Input: each.errand, Call: each.callTick, Output: seen, Return: each.endTick,
		})
		g.mu.Unlock()
	}
}

func (g *gathering) do(e errand) (sight, error) {
	ctx := context.Background()
	switch e.kind {
	case logsInAs:
		return sight{}, g.Login(ctx, credentialNamed(e.login, e.called))
	case signsInElsewhere:
		return sight{}, g.store.Replace(ctx, credentialNamed(e.login, e.called))
	case signsOutHere:
		_, err := g.Logout(ctx)
		return sight{}, err
	case looksAgain:
		return sight{}, g.Reload(ctx)
	}
	state, err := g.Status(ctx, machine.Ask{Refresh: e.refresh, Token: true})
	if err != nil {
		return sight{}, err
	}
	return sight{state.Method(), state.Token().Reveal()}, nil
}

// Refresh implements engine.Issuer, and writes down what it said when.
func (g *gathering) Refresh(ctx context.Context, _ machine.Issuer, token secret.Token, _ endpoint.Cause) endpoint.Answer {
	login := strings.TrimPrefix(token.Reveal(), "refresh ")
	g.mu.Lock()
	next := g.script[g.posts%len(g.script)]
	g.posts++
	g.mu.Unlock()
	select {
	case <-time.After(next.Takes):
	case <-ctx.Done():
		return endpoint.Unavailable{Lost: true}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	said := word{how: next.How, successor: login + "+", at: time.Now(), tick: g.tick.Add(1)}
	g.words[login] = append(g.words[login], said)
	switch said.how {
	case propertytest.Redeems:
		c := credentialNamed(said.successor, said.at)
		return endpoint.Issued{Response: endpoint.TokenResponse{AccessToken: c.AccessToken, RefreshToken: c.RefreshToken}}
	case propertytest.SaysExpired:
		return endpoint.Refused{Reason: history.ReasonExpired}
	}
	return endpoint.Unavailable{}
}

// Revoke implements engine.Issuer: no login is given twice.
func (g *gathering) Revoke(context.Context, machine.Issuer, machine.Credential) error { return nil }

// story is the history in words, in the order of the calls.
func (g *gathering) story() string {
	lines := make([]string, g.tick.Load()+1)
	for _, each := range g.history {
		lines[each.Call] = fmt.Sprintf("client %d %s", each.ClientId, each.Input)
		lines[each.Return] = fmt.Sprintf("client %d has its answer", each.ClientId)
		if each.Input.(errand).kind == asksStatus {
			lines[each.Return] = fmt.Sprintf("client %d is shown %s", each.ClientId, each.Output)
		}
	}
	for login, said := range g.words {
		for _, each := range said {
			lines[each.tick] = fmt.Sprintf("the issuer %s: %s", each.how, login)
		}
	}
	return strings.Join(lines, "\n")
}
