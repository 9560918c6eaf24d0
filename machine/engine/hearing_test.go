package engine_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// overdue demands a refresh and lets the deadline of its post pass.
func (s *site) overdue() *pending {
	s.t.Helper()
	demanding := s.asking(demand)
	time.Sleep(engine.DefaultDeadline)
	synctest.Wait()
	demanding.gives(s.stored().AccessToken, "the deadline ends the waiting")
	return demanding
}

func (s *site) doubt(of machine.Credential) history.Doubt {
	doubt, err := s.ledger.Process(99).Doubt(context.Background(), policy.TokenID(of))
	require.NoError(s.t, err)
	return doubt
}

func (s *site) lineage() history.TokenHistory {
	lineage, err := s.ledger.Process(99).History(context.Background())
	require.NoError(s.t, err)
	return lineage
}

func TestADeadlineEndsTheWaitingNeverTheHearing(t *testing.T) {
	t.Run("granted", func(t *testing.T) {
		inBubble(t, good, func(t *testing.T, s *site) {
			s.overdue()
			time.Sleep(2 * time.Minute)
			next := login("next", time.Hour)
			s.answer(granted(next))
			s.isStored(next)
			s.asking(poll).gives(next.AccessToken)
			require.Equal(t, machine.Fresh, s.Snapshot().Phase())
			require.Equal(t, 1, s.posts())
		})
	})
	t.Run("refused", func(t *testing.T) {
		inBubble(t, good, func(t *testing.T, s *site) {
			s.overdue()
			s.answer(refused(history.ReasonReused))
			require.Equal(t, machine.Poisoned, s.Snapshot().Phase())
			require.NotNil(t, s.lineage().VerdictOn(policy.TokenID(s.stored())), "no process posts it again")
		})
	})
	t.Run("granted after a login", func(t *testing.T) {
		inBubble(t, good, func(t *testing.T, s *site) {
			s.overdue()
			theirs := login("theirs", time.Hour)
			require.NoError(t, s.Login(t.Context(), theirs))
			s.answer(granted(login("next", time.Hour)))
			s.isStored(theirs)
			s.asking(poll).gives(theirs.AccessToken)
		})
	})
}

func TestWhileAnAnswerIsHeardNoSecondPostBegins(t *testing.T) {
	inBubble(t, expired, func(t *testing.T, s *site) {
		sister := s.start()
		defer sister.Close(ended())
		begun := time.Now()
		s.overdue()
		health := s.Snapshot().Assess(time.Now())
		require.Equal(t, machine.ActionWait, health.Action)
		require.Equal(t, begun.Add(engine.DefaultDeadline+endpoint.HearingLimit).Round(0).UTC(), s.Snapshot().NotBefore().UTC(), "a wait has a time")
		for time.Since(begun) < 5*time.Minute {
			for _, ask := range []machine.Ask{demand, poll, glance} {
				require.True(t, s.asking(ask).isAnswered(), "and no caller waits")
			}
			go sister.Status(t.Context(), demand)
			time.Sleep(10 * time.Second)
		}
		require.Equal(t, 1, s.posts())
		require.Equal(t, 1, s.doubt(s.stored()).Times, "a sister finds the intent open")
		require.False(t, s.doubt(s.stored()).HolderGone)
	})
}

func TestWhileAnAnswerIsHeardANewLoginIsTakenUp(t *testing.T) {
	inBubble(t, expired, func(t *testing.T, s *site) {
		s.overdue()
		again := login("again", time.Hour)
		s.write(again)
		s.asking(poll).gives(again.AccessToken)
	})
}

func TestAnAnswerThatNeverComesIsGivenUpForLost(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		held := s.stored()
		s.overdue()
		time.Sleep(endpoint.HearingLimit + 2*time.Second)
		synctest.Wait()
		require.True(t, s.Snapshot().InDoubt())
		require.Equal(t, evidence.BlockInDoubt, s.Snapshot().Blocked())
		require.Zero(t, s.Snapshot().Attempt())
		require.Equal(t, 1, s.lineage().Losses(policy.TokenID(held)), "and the ledger says so")
		require.Zero(t, s.doubt(held).Times, "in place of the intent")
	})
}

func TestNoPostOnAnOldIntent(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		var uptime time.Duration
		isStopped := true
		s.restart(func(o *engine.Options) {
			o.Uptime = func() time.Duration { return uptime }
			o.Before = func(step string) {
				if step == "post" && isStopped { // between the intent and the first byte
					uptime += o.Deadline + engine.DefaultDeadline + time.Nanosecond
					isStopped = false
				}
			}
		})
		held := s.stored()
		s.asking(demand).gives(held.AccessToken)
		require.Zero(t, s.posts())
		require.Zero(t, s.doubt(held).Times, "the intent is taken back")
		require.False(t, s.Snapshot().InDoubt(), "unspent")
		require.Zero(t, s.Snapshot().Failures(), "the issuer was not asked")
		require.Zero(t, s.lineage().Deferral.Failures)
		time.Sleep(time.Second)
		s.asking(demand)
		require.Equal(t, 1, s.posts(), "the refresh begins anew")
	})
}

func TestAnIntentThatIsTakenBackLeavesTheBackoffOfAll(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		s.asking(demand)
		s.answer(endpoint.Unavailable{Evidence: evidence.Evidence{Status: 503}})
		known := s.lineage().Deferral
		require.Equal(t, 1, known.Failures)
		time.Sleep(time.Second)
		var uptime time.Duration
		s.restart(func(o *engine.Options) {
			o.Uptime = func() time.Duration { return uptime }
			o.Before = func(step string) {
				if step == "post" {
					uptime += time.Hour
				}
			}
		})
		s.asking(demand)
		require.Equal(t, 1, s.posts())
		require.Equal(t, known, s.lineage().Deferral)
	})
}

func TestCloseWaitsForTheDeadlineOfThePost(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		held, begun := s.stored(), time.Now()
		s.asking(demand)
		time.Sleep(10 * time.Second)
		s.Close(t.Context())
		require.Equal(t, engine.DefaultDeadline+time.Second, time.Since(begun), "with a last call")
		require.Equal(t, 1, s.lineage().Losses(policy.TokenID(held)), "what was lost is said to be")
		require.Zero(t, s.doubt(held).Times)
	})
}

func TestCloseBehindTheDeadlineWaitsForTheLastCall(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		held := s.stored()
		s.overdue()
		time.Sleep(time.Minute)
		begun := time.Now()
		s.Close(t.Context())
		require.Equal(t, time.Second, time.Since(begun))
		require.Equal(t, 1, s.lineage().Losses(policy.TokenID(held)))
	})
}

func TestOnceToldToEndNothingIsPosted(t *testing.T) {
	t.Run("a refresh that waits for its turn", func(t *testing.T) {
		inBubble(t, good, func(t *testing.T, s *site) {
			unlock, err := s.store.Lock(t.Context())
			require.NoError(t, err)
			demanding := s.asking(demand)
			s.Drain(t.Context())
			demanding.gives(s.stored().AccessToken, "it is withheld")
			unlock()
			time.Sleep(time.Minute)
			s.asking(demand).gives(s.stored().AccessToken)
			require.Zero(t, s.posts())
			s.Close(t.Context())
		})
	})
	t.Run("a refresh whose intent is made", func(t *testing.T) {
		inBubble(t, good, func(t *testing.T, s *site) {
			s.restart(func(o *engine.Options) {
				o.Before = func(step string) {
					if step == "post" {
						go s.Drain(t.Context())
						time.Sleep(time.Second)
					}
				}
			})
			demanding, held := s.asking(demand), s.stored()
			time.Sleep(time.Minute)
			demanding.gives(held.AccessToken)
			require.Zero(t, s.posts())
			require.Zero(t, s.doubt(held).Times, "the intent is taken back")
			s.Close(t.Context())
		})
	})
	t.Run("an ask while a revocation runs", func(t *testing.T) {
		inBubble(t, good, func(t *testing.T, s *site) {
			s.issuer.hangs.Store(true)
			require.NoError(t, s.logout())
			second := login("second", time.Hour)
			require.NoError(t, s.Login(t.Context(), second))
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
			defer cancel()
			go s.Engine.Close(ctx)
			synctest.Wait()
			s.asking(demand).gives(second.AccessToken)
			time.Sleep(10 * time.Second)
			require.Zero(t, s.posts())
			require.Zero(t, s.doubt(second).Times)
		})
	})
}

func TestDrainAnswersCallersAndStillSavesTheAnswer(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		held, demanding, begun := s.stored(), s.asking(demand), time.Now()
		drain, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		s.Drain(drain)
		synctest.Wait()
		require.Equal(t, 4*time.Second, time.Since(begun))
		demanding.gives(held.AccessToken, "with what there is")
		require.True(t, s.asking(demand).isAnswered(), "from then on no caller waits")
		hurry, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.Rejected(hurry, held.AccessToken.Fingerprint())
		require.NoError(t, err, "also one whose token was refused")
		next := login("next", time.Hour)
		go func() {
			time.Sleep(4 * time.Second)
			s.issuer.answers <- granted(next)
		}()
		s.Close(t.Context())
		require.Equal(t, 8*time.Second, time.Since(begun))
		s.isStored(next)
	})
}

func TestAClosedEngineSaysSo(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		s.Close(t.Context())
		for _, ask := range []machine.Ask{demand, poll, glance} {
			_, err := s.Status(t.Context(), ask)
			require.ErrorIs(t, err, engine.ErrClosed)
		}
		_, err := s.Rejected(t.Context(), s.stored().AccessToken.Fingerprint())
		require.ErrorIs(t, err, engine.ErrClosed)
	})
}

// slowClient never answers.
type slowClient struct{ inside, most atomic.Int32 }

func (c *slowClient) Renew(ctx context.Context, _ machine.Credential) (machine.Credential, error) {
	c.most.Store(max(c.most.Load(), c.inside.Add(1)))
	<-ctx.Done()
	c.inside.Add(-1)
	return machine.Credential{}, ctx.Err()
}

func TestTheClientIsAskedForOneThingAtATime(t *testing.T) {
	inBubble(t, noLogin, func(t *testing.T, s *site) {
		client := new(slowClient)
		s.restart(func(o *engine.Options) { o.Renewer = client })
		var last secret.Fingerprint
		for _, name := range []string{"first", "second", "third"} {
			c := external(name)
			last = c.AccessToken.Fingerprint()
			require.NoError(t, s.Login(t.Context(), c))
			go s.Rejected(t.Context(), last)
			synctest.Wait()
			require.EqualValues(t, 1, client.inside.Load(), "the latest is asked for at once")
		}
		require.EqualValues(t, 1, client.most.Load())
		require.Equal(t, last, s.Snapshot().Access())
		time.Sleep(time.Minute)
	})
}

// A request that comes right before the end of input is answered as any other: its
// refresh has begun, and needs a few files' work until its post.
func TestARefreshBegunBeforeTheEndMayStillPostAtOnce(t *testing.T) {
	for took, posts := range map[time.Duration]int{100 * time.Millisecond: 1, time.Second: 0} {
		inBubble(t, good, func(t *testing.T, s *site) {
			s.restart(func(o *engine.Options) {
				o.Before = func(step string) {
					if step == "reserve" {
						time.Sleep(took)
					}
				}
			})
			demanding := s.asking(demand)
			drained := make(chan struct{})
			go func() {
				s.Drain(t.Context())
				close(drained)
			}()
			time.Sleep(2 * time.Second)
			require.Equal(t, posts, s.posts())
			held := s.stored()
			if posts > 0 {
				s.answer(granted(login("next", time.Hour)))
			}
			<-drained
			require.Equal(t, posts == 0, s.stored().Equal(held))
			require.True(t, demanding.isAnswered())
			s.Close(t.Context())
		})
	}
}
