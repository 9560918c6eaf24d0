package engine_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// preparing is an issuer that needs a secret before each post.
type preparing struct {
	*issuer
	t       *testing.T
	lacks   atomic.Bool
	asked   atomic.Int32
	before  func()
	brought atomic.Int32
}

type broughtKey struct{}

func (p *preparing) Prepare(ctx context.Context, _ machine.Issuer, _ machine.Provenance) (func(context.Context) context.Context, endpoint.Answer) {
	p.asked.Add(1)
	p.before()
	if p.lacks.Load() {
		return nil, endpoint.Unavailable{Evidence: evidence.Evidence{Problem: evidence.ProblemClientSecret}}
	}
	return func(ctx context.Context) context.Context { return context.WithValue(ctx, broughtKey{}, true) }, nil
}

func (p *preparing) Refresh(ctx context.Context, its machine.Issuer, token secret.Token, cause endpoint.Cause) endpoint.Answer {
	if ctx.Value(broughtKey{}) != nil {
		p.brought.Add(1)
	}
	return p.issuer.Refresh(ctx, its, token, cause)
}

// A secret that cannot be had leaves no refresh token in doubt, whenever the process dies.
func TestWhatAPostNeedsIsThereBeforeItsIntent(t *testing.T) {
	inBubble(t, aged, func(t *testing.T, s *site) {
		needy := &preparing{issuer: s.issuer, t: t}
		id := policy.TokenID(s.stored())
		needy.before = func() {
			doubt, err := s.ledger.Process(77).PeekDoubt(context.Background(), id)
			require.NoError(t, err)
			require.Zero(t, doubt.Times, "an intent is open")
		}
		needy.lacks.Store(true)
		s.restart(func(o *engine.Options) { o.AuthorizationServer = needy })
		for range 20 {
			_, err := s.Status(t.Context(), demand)
			require.NoError(t, err)
		}
		require.Zero(t, s.posts())
		require.Less(t, int(needy.asked.Load()), 20, "all processes wait before the next try")
		said := s.Snapshot().Assess(time.Now())
		require.Equal(t, machine.ActionOperator, said.Action)
		require.False(t, said.InDoubt)
		require.Equal(t, evidence.ProblemClientSecret, said.Evidence.Problem)

		needy.lacks.Store(false)
		time.Sleep(time.Hour)
		asking := s.asking(demand)
		next := login("second", time.Hour)
		s.answer(granted(next))
		asking.gives(next.AccessToken)
		require.EqualValues(t, 1, needy.brought.Load())
		require.Equal(t, 1, s.posts())
	})
}
