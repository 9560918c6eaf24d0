package engine_test

import (
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/engine/enginetest"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/store/memory"
)

func TestStartNamesTheOptionOfNoUse(t *testing.T) {
	good := engine.Options{Store: memory.NewStore(), Ledger: memory.NewLedger(policy.Issuer).Process(1), AuthorizationServer: &issuer{}}
	for option, spoil := range map[string]func(*engine.Options){
		"Store":               func(o *engine.Options) { o.Store = nil },
		"Ledger":              func(o *engine.Options) { o.Ledger = nil },
		"AuthorizationServer": func(o *engine.Options) { o.AuthorizationServer = nil },
		"Deadline":            func(o *engine.Options) { o.Deadline = -1 },
		"LockWait":            func(o *engine.Options) { o.LockWait = -1 },
		"SaveWait":            func(o *engine.Options) { o.SaveWait = -1 },
		"Policy.RefreshFloor": func(o *engine.Options) { o.Policy.RefreshFloor = -1 },
		"Policy.AttemptLimit": func(o *engine.Options) { o.Policy.AttemptLimit = -1 },
	} {
		options := good
		spoil(&options)
		_, err := engine.Start(options)
		problem := new(engine.OptionError)
		require.ErrorAs(t, err, &problem)
		require.Equal(t, option, problem.Option)
	}
}

// The owner of the state takes all options that a program can set.
func TestOptionsAllReachTheOwner(t *testing.T) {
	outer, inner := reflect.TypeFor[engine.Options](), reflect.TypeFor[enginetest.Options]()
	require.Equal(t, outer.NumField(), inner.NumField())
	for i := range outer.NumField() {
		require.Equal(t, outer.Field(i).Name, inner.Field(i).Name)
	}
}

func TestSnapshotHoldsNoRefreshToken(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		held := s.Snapshot()
		require.Equal(t, policy.TokenID(s.stored()), held.TokenID())
		inside := reflect.ValueOf(held).Field(0).Elem().FieldByName("state")
		require.True(t, inside.FieldByName("Credential").FieldByName("RefreshToken").IsZero())
		require.True(t, inside.FieldByName("Verdicts").IsZero())
		s.asking(demand)
		s.answer(refused(history.ReasonReused))
		require.Equal(t, machine.Fresh, held.Phase(), "it does not change")
		require.Equal(t, string(history.ReasonReused), s.Snapshot().Assess(time.Now()).Reason)
	})
}

func TestSubscriptionEndsWithItsStop(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		calls := 0
		stop := s.Subscribe(func(_, _ machine.Snapshot) { calls++ })
		s.asking(demand)
		s.answer(refused(history.ReasonReused))
		before := calls
		require.Positive(t, before)
		stop()
		stop()
		require.NoError(t, s.logout())
		synctest.Wait()
		require.Equal(t, before, calls)
	})
}

func TestSubscriberIsNotCalledOnceAnotherHasStoppedIt(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		first, second, stopSecond := 0, 0, func() {}
		s.Subscribe(func(_, _ machine.Snapshot) {
			first++
			stopSecond()
		})
		stopSecond = s.Subscribe(func(_, _ machine.Snapshot) { second++ })
		s.asking(demand)
		require.Equal(t, 1, first)
		require.Zero(t, second, "it was stopped before its turn")
	})
}

func TestLogoutReportsItsRevocation(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		revoked, err := s.Logout(t.Context())
		require.NoError(t, err)
		require.Equal(t, engine.Revocation{Asked: true}, <-revoked)
		revoked, err = s.Logout(t.Context())
		require.NoError(t, err)
		require.Equal(t, engine.Revocation{}, <-revoked, "there is nothing to revoke")
	})
}

func TestLogoutReportsARevocationGivenUpByClose(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		s.issuer.hangs.Store(true)
		revoked, err := s.Logout(t.Context())
		require.NoError(t, err)
		s.Close(ended())
		came := <-revoked
		require.True(t, came.Asked)
		require.Error(t, came.Err, "the issuer may not know")
		_, ok := <-revoked
		require.False(t, ok, "there is one outcome")
	})
}

func TestLogoutLocallyRevokesNothing(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		require.NoError(t, s.LogoutLocally(t.Context()))
		synctest.Wait()
		require.Equal(t, machine.NoAuth, s.Snapshot().Phase())
		require.Empty(t, s.revoked())
	})
}
