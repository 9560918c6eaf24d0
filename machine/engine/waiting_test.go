package engine_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/engine/enginetest"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// waits is a refresh that has to wait for so long.
func (s *site) waits(long time.Duration) {
	s.asking(demand)
	s.answer(endpoint.Unavailable{RetryAfter: long})
	require.Equal(s.t, machine.ActionWait, s.Snapshot().Assess(time.Now()).Action)
}

func TestALoginThatHasToWaitTakesUpANewOneAtTheNextAsk(t *testing.T) {
	for name, ask := range map[string]machine.Ask{"a poll": poll, "a demand": demand, "a glance": glance} {
		for name, start := range map[string]func() *machine.Credential{name + ", expired": expired, name + ", good": good} {
			t.Run(name, func(t *testing.T) {
				inBubble(t, start, func(t *testing.T, s *site) {
					s.waits(10 * time.Minute)
					again := login("again", time.Hour)
					s.write(again)
					s.asking(ask)
					require.Equal(t, again.AccessToken.Fingerprint(), s.Snapshot().Token().Fingerprint())
					require.Equal(t, 1, s.posts())
				})
			})
		}
	}
}

func TestALoginThatHasToWaitIsLookedAtByItsStampAlone(t *testing.T) {
	inBubble(t, expired, func(t *testing.T, s *site) {
		s.waits(10 * time.Minute)
		s.asking(poll)
		loads := s.store.loads.Load()
		for range 100 {
			s.asking(poll)
		}
		require.Equal(t, loads, s.store.loads.Load())
		require.Equal(t, 1, s.posts())
	})
}

func TestARefusalInAWaitLooksForAnotherLogin(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		s.waits(10 * time.Minute)
		held, again := s.Snapshot().Access(), login("again", time.Hour)
		s.write(again)
		state, err := s.Rejected(t.Context(), held)
		require.NoError(t, err)
		require.Equal(t, again.AccessToken.Fingerprint(), state.Token().Fingerprint())
		require.Equal(t, 1, s.posts())
	})
}

// Also in the process that lost the answer itself: its own failure counts, and the
// wait is for the sake of the token all the same.
func TestARefusalEndsAWaitForTheSakeOfTheRefusedToken(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		s.asking(demand)
		s.answer(endpoint.Unavailable{Lost: true})
		time.Sleep(time.Second)
		s.asking(demand)
		held := s.Snapshot()
		require.Equal(t, held.Expiry(), held.NotBefore(), "it is in doubt, and serves")
		go s.Rejected(t.Context(), held.Access())
		synctest.Wait()
		next := login("next", time.Hour)
		s.answer(granted(next))
		s.asking(poll).gives(next.AccessToken)
		require.Equal(t, 2, s.posts())
	})
}

func TestARefusalDoesNotEndTheBackoff(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		s.waits(10 * time.Minute)
		state, err := s.Rejected(t.Context(), s.Snapshot().Access())
		require.NoError(t, err)
		require.True(t, state.Token().IsAbsent())
		require.Equal(t, 1, s.posts())
	})
}

// A refresh that waits for its turn finds another login that has aged as well. Those
// who wait for it get what comes of one post, and not the old token.
func TestARefreshThatEndsInAnAgedLoginGoesOn(t *testing.T) {
	inBubble(t, expired, func(t *testing.T, s *site) {
		unlock, err := s.store.Lock(t.Context())
		require.NoError(t, err)
		waiting := []*pending{s.asking(poll), s.asking(demand)}
		another := login("another", -time.Second)
		s.write(another)
		unlock()
		synctest.Wait()
		require.False(t, waiting[0].isAnswered())
		next := login("next", time.Hour)
		s.answer(granted(next))
		for _, each := range waiting {
			each.gives(next.AccessToken)
		}
		require.Equal(t, []secret.Fingerprint{another.RefreshToken.Fingerprint()}, s.issuer.posts)
	})
}

func TestTokenThatExpiresOnItsWayIsRefreshedLessOften(t *testing.T) {
	inBubble(t, expired, func(t *testing.T, s *site) {
		asked := s.asking(poll)
		for n, name := range []string{"first", "second"} {
			slow := login(name, 2*time.Second)
			time.Sleep(3 * time.Second)
			require.False(t, asked.isAnswered())
			s.answer(granted(slow))
			require.Equal(t, machine.Stale, s.Snapshot().Phase())
			require.Equal(t, n == 0, s.Snapshot().Attempt() != 0, "the second one in a row waits")
		}
		require.True(t, asked.isAnswered(), "but no caller waits for ever")
		require.Equal(t, 2, s.posts())
		assessed := s.Snapshot().Assess(time.Now())
		require.Equal(t, machine.ActionWait, assessed.Action)
		require.False(t, assessed.Usable)
		require.True(t, s.Snapshot().TokenAt(time.Now()).IsAbsent())
	})
}

func TestALoginThatIsOverIsFollowedByWhatIsStored(t *testing.T) {
	key := machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New("key")}
	for name, change := range map[string]struct {
		stored func() machine.Credential
		atOnce bool
	}{
		"another account":             {func() machine.Credential { return otherAccount("other") }, false},
		"a new login of this account": {func() machine.Credential { return login("again", time.Hour) }, true},
		"a key":                       {func() machine.Credential { return key }, true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, aged, func(t *testing.T, s *site) {
				held, next := s.stored(), change.stored()
				s.write(next)
				s.asking(poll)
				require.Equal(t, change.atOnce, s.Snapshot().Access() == next.Fingerprint())
				if !change.atOnce {
					assessed := s.Snapshot().Assess(time.Now())
					require.Equal(t, machine.ActionWait, assessed.Action)
					require.Equal(t, s.Snapshot().Expiry(), assessed.NextAttemptAt, "something changes then")
					s.asking(poll).gives(held.AccessToken)
				}
				time.Sleep(4 * time.Minute)
				asked := s.asking(poll)
				require.True(t, asked.isAnswered())
				require.Equal(t, next.Fingerprint(), s.Snapshot().Access())
				require.Zero(t, s.posts())
			})
		})
	}
}

func TestASisterLearnsThatTheLoginIsDead(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		sister := s.startWith(func(o *engine.Options) { o.Policy.RefreshFloor = 0 })
		defer sister.Close(ended())
		go sister.Status(t.Context(), demand)
		synctest.Wait()
		s.answer(granted(login("next", time.Hour)))
		go sister.Status(t.Context(), demand)
		synctest.Wait()
		s.answer(refused(history.ReasonReused))
		require.Equal(t, machine.Poisoned, sister.Snapshot().Phase())

		require.Equal(t, machine.Fresh, s.Snapshot().Phase(), "its token serves")
		time.Sleep(56 * time.Minute)
		s.asking(poll)
		assessed := s.Snapshot().Assess(time.Now())
		require.Equal(t, machine.ActionLogin, assessed.Action)
		require.Equal(t, string(history.ReasonReused), assessed.Reason)
		require.Equal(t, 2, s.posts())
	})
}

func TestALookOfAWaitingLoginLearnsAVerdictOnIt(t *testing.T) {
	inBubble(t, expired, func(t *testing.T, s *site) {
		s.waits(10 * time.Minute)
		held := s.stored()
		require.NoError(t, s.ledger.Process(9).Append(t.Context(), persist.Entry{
			Kind: persist.Refused, TokenID: policy.TokenID(held), Access: held.AccessToken.Fingerprint(), Reason: history.ReasonRevoked,
		}))
		require.NoError(t, s.Reload(t.Context()))
		require.Equal(t, machine.Poisoned, s.Snapshot().Phase())
	})
}

// unstamped is a store that cannot tell whether it has changed.
type unstamped struct{ *countingStore }

func (unstamped) Stamp(context.Context) (persist.Stamp, bool) { return persist.Stamp{}, false }

func TestAStoreWithoutAStampIsReadOnceInAWhile(t *testing.T) {
	inBubble(t, noLogin, func(t *testing.T, s *site) {
		s.restart(func(o *engine.Options) { o.Store = unstamped{s.store} })
		loads := s.store.loads.Load()
		for range 1000 {
			s.asking(poll)
		}
		require.Equal(t, loads, s.store.loads.Load())
		time.Sleep(time.Second)
		again := login("again", time.Hour)
		s.write(again)
		s.asking(poll).gives(again.AccessToken)
	})
}

func TestAClockThatIsSetBackEndsNoLooks(t *testing.T) {
	inBubble(t, noLogin, func(t *testing.T, s *site) {
		var back time.Duration
		s.restart(func(o *engine.Options) {
			o.Store = unstamped{s.store}
			o.Now = func() time.Time { return time.Now().Add(-back) }
		})
		back = time.Minute
		again := login("again", time.Hour)
		s.write(again)
		s.asking(poll).gives(again.AccessToken)
	})
}

// dying is a store and a ledger whose process dies at some call: nothing that comes
// after it reaches them.
type dying struct {
	persist.Store
	persist.Ledger
	calls, until int
	fails        bool // to delete
}

var errDead = errors.New("the process is dead")

func (d *dying) lives() bool { d.calls++; return d.calls <= d.until }

func (d *dying) Append(ctx context.Context, e persist.Entry) error {
	if !d.lives() {
		return errDead
	}
	return d.Ledger.Append(ctx, e)
}

func (d *dying) Delete(ctx context.Context) error {
	switch {
	case !d.lives():
		return errDead
	case d.fails:
		return &persist.NotDurableError{Err: errFull}
	}
	return d.Store.Delete(ctx)
}

// Wherever a logout is cut short, a sister and the next process agree with the store:
// a login that is gone went on purpose, and one that is there goes on.
func TestALogoutThatIsCutShortOrFailsIsOneOrNone(t *testing.T) {
	for until := range 4 {
		for _, fails := range []bool{false, true} {
			inBubble(t, good, func(t *testing.T, s *site) {
				held := s.stored()
				shaky := &dying{Store: s.store, Ledger: s.ledger.Process(7), until: until, fails: fails}
				leaving := enginetest.NewOwner(enginetest.Options{Policy: policy, Store: shaky, Ledger: shaky, AuthorizationServer: s.issuer}, none{})
				leaving.Look()
				err := leaving.Logout(false, func(bool, error) {})
				_, missing := s.store.Store.Load(t.Context())
				isGone := errors.Is(missing, persist.ErrNotFound)
				require.Equal(t, isGone, err == nil)
				require.Equal(t, !fails && until >= 2, isGone)

				later := s.start()
				defer later.Close(ended())
				require.NoError(t, s.Reload(t.Context()))
				lineage, err := s.ledger.Process(9).History(t.Context())
				require.NoError(t, err)
				require.Equal(t, isGone, lineage.LoggedOut, "until call %d", until)
				for _, each := range []*engine.Engine{s.Engine, later} {
					require.Equal(t, isGone, each.Snapshot().Phase() == machine.NoAuth, "until call %d", until)
				}
				if fails && until == 3 {
					require.False(t, lineage.IsEnded(policy.TokenID(held)), "a failed logout changes nothing")
					require.Equal(t, machine.Fresh, leaving.Snapshot().Phase())
				}
			})
		}
	}
}

// none runs nothing.
type none struct{}

func (none) Refresh(func(context.Context, enginetest.Listen) machine.Event) {}
func (none) Revoke(func(context.Context) (ended func()))                    {}

// One page of a gateway after an outage is the first such page, for this process and
// for the others.
func TestAnUnexplainedRefusalAfterAnOutageIsTheFirst(t *testing.T) {
	inBubble(t, expired, func(t *testing.T, s *site) {
		for range 6 {
			s.asking(poll)
			s.answer(endpoint.Unavailable{})
			time.Sleep(time.Until(s.Snapshot().NotBefore()))
		}
		s.asking(poll)
		s.answer(refused(history.ReasonUnexplained))
		require.Equal(t, time.Minute, time.Until(s.lineage().Deferral.NotBefore))
		require.Equal(t, 1, s.lineage().Deferral.Failures)
	})
}

func TestATokenWhoseAnswerWasLostTwiceIsPostedNoMore(t *testing.T) {
	inBubble(t, expired, func(t *testing.T, s *site) {
		for n := range 2 {
			s.asking(poll)
			require.Equal(t, n+1, s.posts())
			s.answer(endpoint.Unavailable{Lost: true})
			time.Sleep(time.Second)
		}
		s.asking(poll).gives(secret.Token{})
		require.Equal(t, 2, s.posts())
		assessed := s.Snapshot().Assess(time.Now())
		require.Equal(t, machine.ActionLogin, assessed.Action)
		require.Equal(t, string(history.ReasonInDoubt), assessed.Reason)

		s.restart(func(*engine.Options) {})
		s.asking(poll).gives(secret.Token{}, "also for the next process")
		require.Equal(t, 2, s.posts())
	})
}

// unreadable is a store that nothing can be read from.
type unreadable struct{ *countingStore }

func (unreadable) Stamp(context.Context) (persist.Stamp, bool) { return persist.Stamp{}, false }
func (unreadable) Load(context.Context) (persist.Record, error) {
	return persist.Record{}, &persist.UnavailableError{Err: errors.New("permission denied")}
}

func TestProblemOfTheStoreIsLoggedOnce(t *testing.T) {
	inBubble(t, noLogin, func(t *testing.T, s *site) {
		var lines bytes.Buffer
		s.restart(func(o *engine.Options) {
			o.Store = unreadable{s.store}
			o.Log = slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelWarn}))
		})
		for range 100 {
			s.asking(poll)
			time.Sleep(time.Minute)
		}
		require.Equal(t, 1, bytes.Count(lines.Bytes(), []byte("\n")))
	})
}

// The lock of a sister and the issuer may each take a deadline. A caller waits for one.
func TestACallerWaitsForOneDeadlineInAll(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		unlock, err := s.store.Lock(t.Context())
		require.NoError(t, err)
		begun := time.Now()
		demanding := s.asking(demand)
		time.Sleep(28 * time.Second)
		late := s.asking(demand)
		unlock()
		synctest.Wait()
		require.Equal(t, 1, s.posts(), "the issuer is asked, and hangs")
		for !demanding.isAnswered() {
			time.Sleep(time.Second / 4)
			synctest.Wait()
		}
		require.LessOrEqual(t, time.Since(begun), engine.DefaultDeadline+time.Second)
		require.False(t, late.isAnswered(), "who came later has waited less")
		next := login("next", time.Hour)
		s.answer(granted(next))
		late.gives(next.AccessToken)
	})
}

func TestAWaitForARefreshLastsAsLongAsTheRefreshMay(t *testing.T) {
	inBubble(t, expired, func(t *testing.T, s *site) {
		s.restart(func(o *engine.Options) { o.Deadline = time.Minute })
		begun := time.Now().Round(0)
		s.asking(demand)
		health := s.Snapshot().Assess(time.Now())
		require.Equal(t, machine.ActionWait, health.Action)
		require.True(t, begun.Add(65*time.Second+time.Minute).Equal(health.NextAttemptAt), "the wait at the lock and then the deadline")
	})
}

// launched has a reading of the monotonic clock, which the times in a bubble do not have.
var launched = time.Now()

// The monotonic clock stands still while a machine sleeps.
func TestPublishedTimesAreOfTheWallClockAlone(t *testing.T) {
	require.Contains(t, launched.String(), " m=")
	inBubble(t, good, func(t *testing.T, s *site) {
		s.restart(func(o *engine.Options) { o.Now = func() time.Time { return launched } })
		s.asking(demand)
		s.answer(endpoint.Unavailable{Evidence: evidence.Evidence{Status: 503}})
		shown := s.Snapshot()
		for name, at := range map[string]time.Time{"Since": shown.Since(), "LastAttempt": shown.LastAttempt(), "NotBefore": shown.NotBefore()} {
			require.False(t, at.IsZero(), name)
			require.NotContains(t, at.String(), " m=", name)
		}
	})
}
