package engine_test

import (
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

func TestANewerLoginInTheStoreIsAdoptedAndNothingPosted(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		newer := login("newer", time.Hour)
		s.write(newer)
		s.asking(demand).gives(newer.AccessToken)
		require.Zero(t, s.posts())
	})
}

func TestReloadLeavesAnotherAccountAlone(t *testing.T) {
	for name, change := range map[string]func(s *site){
		"another account": func(s *site) { s.write(otherAccount("other")) },
		"nothing":         func(s *site) { require.NoError(s.t, s.store.Delete(s.t.Context())) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, good, func(t *testing.T, s *site) {
				held := s.stored()
				change(s)
				s.asking(demand).gives(held.AccessToken, "the login in use goes on")
				require.Zero(t, s.posts(), "and its refresh token is not spent")
				require.Equal(t, machine.Stale, s.Snapshot().Phase())
			})
		})
	}
}

func TestALogoutInASisterProcessIsSeenBeforeThePost(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		sister := s.start()
		_, err := sister.Logout(t.Context())
		require.NoError(t, err)
		sister.Close(ended())
		s.asking(demand).gives(secret.Token{})
		require.Equal(t, machine.NoAuth, s.Snapshot().Phase())
		require.Zero(t, s.posts())
	})
}

func TestPoisonedCredentialIsNeverSentAgain(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		demanding := s.asking(demand)
		s.answer(refused(history.ReasonReused))
		demanding.gives(secret.Token{})
		for range 1000 {
			for _, ask := range []machine.Ask{poll, demand, glance} {
				asked := s.asking(ask)
				asked.gives(secret.Token{})
				require.Equal(t, machine.MethodTokens, asked.states[0].Method(), "the client must not think it is signed out")
			}
			time.Sleep(time.Hour)
		}
		restarted := s.start()
		defer restarted.Close(ended())
		state, err := restarted.Status(t.Context(), demand)
		require.NoError(t, err)
		require.Equal(t, machine.Poisoned, state.Phase())
		require.Equal(t, 1, s.posts())
	})
}

func TestAnUnexplainedRefusalBindsThisProcessAlone(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		s.asking(demand)
		s.answer(refused(history.ReasonUnexplained))
		s.asking(demand).gives(secret.Token{})
		restarted := s.start()
		defer restarted.Close(ended())
		state, err := restarted.Status(t.Context(), demand)
		require.NoError(t, err)
		require.False(t, state.Token().IsAbsent(), "it may be a wall in between")
		require.Equal(t, 1, s.posts(), "but the issuer is left alone for a while")
	})
}

func TestRefusalCountsForTheCurrentLoginAlone(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		old := s.stored()
		demanding := s.asking(demand)
		another := otherAccount("another")
		s.write(another)
		s.answer(refused(history.ReasonReused))
		demanding.gives(another.AccessToken)
		require.Equal(t, machine.Fresh, s.Snapshot().Phase())

		s.write(old)
		require.NoError(t, s.logout())
		s.write(old)
		s.asking(demand).gives(secret.Token{}, "the verdict on the old token was kept")
		require.Equal(t, 1, s.posts())
	})
}

func TestWithNoTokenToGiveEveryAskNoticesANewCredential(t *testing.T) {
	for name, ask := range map[string]machine.Ask{"demand": demand, "poll": poll, "glance": glance} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, good, func(t *testing.T, s *site) {
				s.asking(demand)
				s.answer(refused(history.ReasonExpired))
				require.Equal(t, machine.Poisoned, s.Snapshot().Phase())
				another := otherAccount("another")
				s.write(another)
				s.asking(ask).gives(another.AccessToken, "poisoned")

				require.NoError(t, s.logout())
				s.asking(ask).gives(secret.Token{})
				s.write(another)
				s.asking(ask).gives(another.AccessToken, "signed out")
				require.Equal(t, 1, s.posts())
			})
		})
	}
}

func TestAnUnchangedFileIsNotReadAgain(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		s.asking(demand)
		s.answer(refused(history.ReasonExpired))
		s.asking(poll)
		stamps, loads := s.store.stamps.Load(), s.store.loads.Load()
		for range 100 {
			s.asking(poll)
		}
		require.Equal(t, loads, s.store.loads.Load())
		require.Equal(t, stamps+100, s.store.stamps.Load(), "its stamp is enough")
	})
}

// A poll without a token does not queue behind what the engine is busy with.
func TestPollThatSeesNoChangeSkipsTheQueue(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		s.asking(demand)
		s.answer(refused(history.ReasonExpired))
		s.asking(poll) // it looks, for the state has changed
		goOn := make(chan struct{})
		s.store.loading = func() { <-goOn }
		leaving := make(chan error, 1)
		go func() { leaving <- s.logout() }()
		synctest.Wait()
		asking := s.asking(poll)
		asking.gives(secret.Token{})
		require.Equal(t, machine.Poisoned, asking.states[0].Phase())
		close(goOn)
		require.NoError(t, <-leaving)
		s.asking(poll)
		require.Equal(t, machine.NoAuth, s.Snapshot().Phase())
	})
}

func TestTransientFailureKeepsTheTokenAndWaits(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		held := s.stored()
		demanding := s.asking(demand)
		s.answer(endpoint.Unavailable{})
		demanding.gives(held.AccessToken)
		wait := 125 * time.Millisecond // half of the first cap, for the jitter is 0.5
		for posts := 1; posts < 8; posts++ {
			time.Sleep(wait - time.Nanosecond)
			s.asking(demand).gives(held.AccessToken, "its backoff is not over")
			require.Equal(t, posts, s.posts())
			time.Sleep(time.Nanosecond)
			s.asking(demand)
			s.answer(endpoint.Unavailable{})
			require.Equal(t, posts+1, s.posts())
			wait *= 2
		}
	})
}

func TestWhatTheIssuerWishesIsObeyed(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		sister := s.start()
		defer sister.Close(ended())
		s.asking(demand)
		s.answer(endpoint.Unavailable{RetryAfter: 10 * time.Minute})
		time.Sleep(10*time.Minute - time.Second)
		s.asking(demand).gives(s.stored().AccessToken)
		_, err := sister.Status(t.Context(), demand)
		require.NoError(t, err)
		require.Equal(t, 1, s.posts(), "by the sister process too")
		time.Sleep(time.Second)
		s.asking(demand)
		require.Equal(t, 2, s.posts())
	})
}

func TestWhatTheIssuerAnswersIsKnownToAllProcesses(t *testing.T) {
	answered := evidence.Evidence{Status: 400, Code: "invalid_request"}
	inBubble(t, good, func(t *testing.T, s *site) {
		sister := s.start()
		defer sister.Close(ended())
		for times := 1; times <= 3; times++ {
			s.asking(demand)
			s.answer(endpoint.Unavailable{RetryAfter: time.Minute, Evidence: answered})
			require.Equal(t, evidence.Repeated{Evidence: answered, Times: times}, s.Snapshot().Evidence())
			told, err := sister.Status(t.Context(), demand)
			require.NoError(t, err)
			require.Equal(t, evidence.Repeated{Evidence: answered, Times: times}, told.Evidence())
			time.Sleep(time.Minute)
		}
		s.asking(demand)
		s.answer(endpoint.Unavailable{Evidence: evidence.Evidence{Problem: evidence.ProblemTimedOut}})
		require.Equal(t, 1, s.Snapshot().Evidence().Times, "that was another end")
		time.Sleep(time.Minute)
		s.restart(func(*engine.Options) {})
		s.asking(demand)
		s.answer(endpoint.Unavailable{Evidence: evidence.Evidence{Problem: evidence.ProblemTimedOut}})
		require.Equal(t, 2, s.Snapshot().Evidence().Times, "a process that has just begun counts on")
	})
}

func TestAPostEndsAfterThirtySeconds(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		held, demanding := s.stored(), s.asking(demand)
		time.Sleep(30*time.Second - time.Nanosecond)
		synctest.Wait()
		require.False(t, demanding.isAnswered())
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		demanding.gives(held.AccessToken)
		require.Equal(t, 1, s.posts())
	})
}

func TestAHeldLockIsWaitedForAndThenNothingIsPosted(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		unlock, err := s.store.Lock(t.Context())
		require.NoError(t, err)
		demanding := s.asking(demand)
		time.Sleep(30*time.Second - time.Nanosecond)
		synctest.Wait()
		require.False(t, demanding.isAnswered())
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		demanding.gives(s.stored().AccessToken, "a caller waits for a deadline")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		unlock()
		require.Zero(t, s.posts(), "the refresh gave up a little later, so that a post is over by then")
		time.Sleep(time.Second)
		s.asking(demand)
		require.Equal(t, 1, s.posts())
	})
}

func TestALoginOrALogoutIsNotUndoneByTheRefreshInFlight(t *testing.T) {
	again := machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New("key")}
	for name, answer := range map[string]func() endpoint.Answer{
		"granted":     func() endpoint.Answer { return granted(login("next", time.Hour)) },
		"refused":     func() endpoint.Answer { return refused(history.ReasonReused) },
		"unavailable": func() endpoint.Answer { return endpoint.Unavailable{} },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, good, func(t *testing.T, s *site) {
				demanding := s.asking(demand)
				require.NoError(t, s.Login(t.Context(), again))
				demanding.gives(again.APIKey, "no caller waits for an answer that does not matter")
				s.answer(answer())
				s.asking(poll).gives(again.APIKey)
				require.Equal(t, machine.MethodAPIKey, s.stored().Method)
			})
			inBubble(t, good, func(t *testing.T, s *site) {
				demanding := s.asking(demand)
				require.NoError(t, s.logout())
				demanding.gives(secret.Token{})
				s.answer(answer())
				s.asking(poll).gives(secret.Token{})
				_, err := s.store.Load(t.Context())
				require.Error(t, err, "nothing is put back")
				lineage, err := s.ledger.Process(99).History(t.Context())
				require.NoError(t, err)
				require.True(t, lineage.LoggedOut, "sister processes must learn of it")
			})
		})
	}
}
