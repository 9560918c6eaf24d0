package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// roomless is a store that tells without a try that it takes no successor.
type roomless struct{ *countingStore }

func (roomless) Probe(context.Context) error { return &persist.NotDurableError{Err: errFull} }

// peek looks at a site as a process that only looks does.
func (s *site) peek(stored persist.Store) engine.Sight {
	return engine.Peek(s.t.Context(), engine.Options{Policy: policy, Store: stored, Ledger: s.ledger.Process(99), AuthorizationServer: s.issuer})
}

// Whatever an engine came to is what a process that only looks comes to.
func TestPeekComesToWhatAnEngineCameTo(t *testing.T) {
	for name, each := range map[string]struct {
		stored func() *machine.Credential
		happen func(s *site)
	}{
		"no login":   {noLogin, func(*site) {}},
		"a good one": {good, func(*site) {}},
		"a refused one": {expired, func(s *site) {
			s.asking(poll)
			s.answer(refused(history.ReasonReused))
		}},
		"an outage": {expired, func(s *site) { s.waits(10 * time.Minute) }},
		"an answer that was lost": {aged, func(s *site) {
			s.asking(poll)
			s.answer(endpoint.Unavailable{Lost: true})
			time.Sleep(time.Second)
			s.asking(poll)
		}},
		"an issuer that always says the same": {expired, func(s *site) {
			for range 3 {
				s.asking(poll)
				s.answer(endpoint.Unavailable{Evidence: evidence.Evidence{Status: 400, Code: "invalid_request"}})
				time.Sleep(time.Until(s.Snapshot().NotBefore()))
			}
			require.Equal(s.t, machine.ActionLogin, s.Snapshot().Assess(time.Now()).Action)
			require.True(s.t, s.Snapshot().TokenAt(time.Now()).IsAbsent(), "the issuer can be asked, and grants nothing")
		}},
		"a logout": {good, func(s *site) { require.NoError(s.t, s.logout()) }},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, each.stored, func(t *testing.T, s *site) {
				each.happen(s)
				stored, posts := s.store.swaps.Load(), s.posts()
				seen := s.peek(s.store)
				require.NoError(t, seen.StoreProblem)
				require.Equal(t, s.Snapshot().Assess(time.Now().Round(0)), seen.Snapshot.Assess(time.Now().Round(0)))
				require.Equal(t, stored, s.store.swaps.Load())
				require.Equal(t, posts, s.posts())
			})
		})
	}
}

func TestPeekSeesThatNoSuccessorCouldBeStored(t *testing.T) {
	inBubble(t, expired, func(t *testing.T, s *site) {
		require.Equal(t, machine.ActionNone, s.peek(s.store).Snapshot.Assess(time.Now()).Action)
		assessed := s.peek(roomless{s.store}).Snapshot.Assess(time.Now())
		require.Equal(t, machine.ActionOperator, assessed.Action)
		require.False(t, assessed.Usable)
	})
}

func TestPeekSaysThatTheLoginIsForbidden(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		for name, each := range map[string]struct {
			restriction machine.Restriction
			isForbidden bool
		}{
			"any login":         {machine.Restriction{}, false},
			"its workspace":     {machine.Restriction{Workspaces: []string{"account"}}, false},
			"another workspace": {machine.Restriction{Workspaces: []string{"another account"}}, true},
			"keys alone":        {machine.Restriction{ForbidTokens: true}, true},
		} {
			restricted := policy
			restricted.Restriction = each.restriction
			seen := engine.Peek(t.Context(), engine.Options{Policy: restricted, Store: s.store, Ledger: s.ledger.Process(99), AuthorizationServer: s.issuer})
			require.Equal(t, each.isForbidden, seen.IsForbidden, name)
			require.Equal(t, each.isForbidden, seen.Snapshot.Phase() == machine.NoAuth, name)
		}
	})
}

func TestPeekSaysWhyTheStoreCannotTell(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		s.store.hangs.Store(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		seen := engine.Peek(ctx, engine.Options{Policy: policy, Store: s.store, Ledger: s.ledger.Process(99), AuthorizationServer: s.issuer})
		require.Error(t, seen.StoreProblem)
		require.Equal(t, machine.ActionOperator, seen.Snapshot.Assess(time.Now()).Action)
	})
}

// peeked is a ledger that would clear up intents if it was asked for a doubt.
type peeked struct {
	persist.Ledger
	isCleared bool
}

func (p *peeked) Doubt(ctx context.Context, key secret.Fingerprint) (history.Doubt, error) {
	p.isCleared = true
	return p.Ledger.Doubt(ctx, key)
}

func (p *peeked) PeekDoubt(ctx context.Context, key secret.Fingerprint) (history.Doubt, error) {
	return p.Ledger.Doubt(ctx, key)
}

func TestPeekClearsNoIntentUp(t *testing.T) {
	inBubble(t, expired, func(t *testing.T, s *site) {
		ledger := &peeked{Ledger: s.ledger.Process(99)}
		seen := engine.Peek(t.Context(), engine.Options{Policy: policy, Store: s.store, Ledger: ledger, AuthorizationServer: s.issuer})
		require.Equal(t, machine.Stale, seen.Snapshot.Phase())
		require.False(t, ledger.isCleared)
	})
}

// mute is a ledger that tells without a try that it takes no entry.
type mute struct{ persist.Ledger }

func (mute) Probe(context.Context) error { return &persist.NotDurableError{Err: errFull} }

func TestALedgerThatTakesNoEntryIsTheOperatorsMatter(t *testing.T) {
	inBubble(t, expired, func(t *testing.T, s *site) {
		ledger := mute{s.ledger.Process(99)}
		seen := engine.Peek(t.Context(), engine.Options{Policy: policy, Store: s.store, Ledger: ledger, AuthorizationServer: s.issuer})
		require.Equal(t, machine.ActionOperator, seen.Snapshot.Assess(time.Now()).Action, "to who looks")
		s.restart(func(o *engine.Options) {
			o.Ledger = ledger
			o.Elsewhere = func(context.Context, machine.Snapshot) error { return nil } // it could not write an intent
		})
		s.asking(poll)
		require.Equal(t, machine.ActionOperator, s.Snapshot().Assess(time.Now()).Action, "to who had it refreshed elsewhere")
	})
}
