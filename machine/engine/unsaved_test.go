package engine_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// unsaved leads to a token set that the store could not take, and returns it.
func unsaved(s *site) machine.Credential {
	next := login("next", time.Hour)
	s.store.isFull.Store(true)
	demanding := s.asking(demand)
	s.answer(granted(next))
	demanding.gives(next.AccessToken, "it is served though it is not stored")
	require.True(s.t, s.Snapshot().Unsaved())
	return next
}

// isStored demands that the store holds this token set.
func (s *site) isStored(c machine.Credential) {
	s.t.Helper()
	require.Equal(s.t, c.RefreshToken.Fingerprint(), s.stored().RefreshToken.Fingerprint())
}

func TestAnUnsavedTokenSetIsSavedAsSoonAsTheStoreCan(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		next := unsaved(s)
		s.asking(poll).gives(next.AccessToken)
		s.store.isFull.Store(false)
		s.asking(poll).gives(next.AccessToken)
		require.True(t, s.Snapshot().Unsaved(), "not tried at every ask")
		time.Sleep(2 * time.Second)
		s.asking(poll).gives(next.AccessToken)
		require.False(t, s.Snapshot().Unsaved())
		s.isStored(next)
	})
}

// keeping is the answer of an issuer that rotates, and gives no usable access token.
func keeping(next machine.Credential) endpoint.Answer {
	return endpoint.Unavailable{
		Evidence:         evidence.Evidence{Status: 200, Problem: evidence.ProblemNoToken},
		RefreshTokenOnly: endpoint.TokenResponse{RefreshToken: next.RefreshToken},
	}
}

func TestRefreshTokenWithoutAnAccessTokenIsStored(t *testing.T) {
	inBubble(t, aged, func(t *testing.T, s *site) {
		held, next := s.stored(), login("next", time.Hour)
		demanding := s.asking(demand)
		s.answer(keeping(next))
		demanding.gives(held.AccessToken)
		require.Equal(t, machine.Stale, s.Snapshot().Phase())
		require.False(t, s.Snapshot().Unsaved())
		s.isStored(next)

		sister := s.start()
		defer sister.Close(ended())
		told, err := sister.Status(t.Context(), demand)
		require.NoError(t, err)
		require.Equal(t, machine.Stale, told.Phase(), "nor to a sister process")
		require.Equal(t, 1, s.posts(), "and the issuer is left alone for a while, by all")

		time.Sleep(time.Second)
		s.asking(demand)
		s.answer(granted(login("third", time.Hour)))
		require.Equal(t, machine.Fresh, s.Snapshot().Phase())
		require.Equal(t, []secret.Fingerprint{held.RefreshToken.Fingerprint(), next.RefreshToken.Fingerprint()}, s.issuer.posts)
	})
}

func TestRefreshTokenAloneIsNotLostOnAFullDisk(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		next := login("next", time.Hour)
		s.store.isFull.Store(true)
		s.asking(demand)
		s.answer(keeping(next))
		require.True(t, s.Snapshot().Unsaved())
		last := s.ledger.Entries()[len(s.ledger.Entries())-1]
		require.True(t, last.Unsaved, "and the other processes learn of it")
		require.Equal(t, policy.TokenID(next), last.NextID)
		s.store.isFull.Store(false)
		s.Close(t.Context())
		s.isStored(next)
	})
}

// A neighbour that looks at the store alone would tell its user to log in.
func TestLedgerNamesTheHolderOfUnsavedTokens(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		next := unsaved(s)
		key := policy.TokenID(next)
		last := s.ledger.Entries()[len(s.ledger.Entries())-1]
		require.Equal(t, persist.Rotated, last.Kind)
		require.True(t, last.Unsaved)
		require.Equal(t, key, last.NextID)
		s.store.isFull.Store(false)
		time.Sleep(2 * time.Second)
		s.asking(poll)
		last = s.ledger.Entries()[len(s.ledger.Entries())-1]
		require.Equal(t, persist.Saved, last.Kind)
		require.Equal(t, key, last.TokenID)
	})
}

func TestUnsavedTokenSetIsSavedByClose(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		next := unsaved(s)
		s.store.isFull.Store(false)
		s.Close(t.Context())
		s.isStored(next)
	})
}

func TestUnsavedTokenSetGivesWayToALogin(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		unsaved(s)
		s.store.isFull.Store(false)
		theirs := otherAccount("theirs")
		s.write(theirs)
		time.Sleep(2 * time.Second)
		s.asking(poll).gives(theirs.AccessToken)
		s.Close(t.Context())
		s.isStored(theirs)
	})
}

// The store still holds what the unsaved token set was made from. To take that
// for news would throw away the only refresh token that works.
func TestALookDoesNotCostAnUnsavedTokenSet(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		next := unsaved(s)
		require.NoError(t, s.Reload(t.Context()))
		s.asking(poll).gives(next.AccessToken)
		require.Equal(t, machine.Fresh, s.Snapshot().Phase())
	})
}

// The save of an unsaved token set while its own refresh token is posted is not
// another login: what the issuer grants takes its place.
func TestSaveDuringARefreshKeepsTheNextRotation(t *testing.T) {
	for name, answer := range map[string]endpoint.Answer{"granted": nil, "refused": refused(history.ReasonReused)} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, good, func(t *testing.T, s *site) {
				next := unsaved(s)
				time.Sleep(policy.RefreshFloor)
				demanding := s.asking(demand)
				s.store.isFull.Store(false)
				s.asking(poll)
				s.isStored(next)
				if answer != nil {
					s.answer(answer)
					require.Equal(t, machine.Poisoned, s.Snapshot().Phase())
					return
				}
				third := login("third", time.Hour)
				s.answer(granted(third))
				demanding.gives(third.AccessToken)
				s.isStored(third)
			})
		})
	}
}

func TestNoRoomForTheSuccessorNoPost(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		s.store.noRoom.Store(true)
		s.asking(demand).gives(s.stored().AccessToken)
		require.Zero(t, s.posts())
		s.store.noRoom.Store(false)
		time.Sleep(time.Second)
		s.asking(demand)
		require.Equal(t, 1, s.posts())
	})
}

func TestABadIDTokenDoesNotCostARotation(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		old, next := s.stored(), login("next", time.Hour)
		next.IDToken = secret.New("no JWT")
		demanding := s.asking(demand)
		s.answer(granted(next))
		demanding.gives(next.AccessToken)
		s.isStored(next)
		require.Equal(t, old.IDToken.Fingerprint(), s.stored().IDToken.Fingerprint())
	})
}

func TestTheSameLoginWrittenAgainIsNoConflict(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		demanding, next := s.asking(demand), login("next", time.Hour)
		s.write(s.stored())
		s.answer(granted(next))
		demanding.gives(next.AccessToken)
		s.isStored(next)
	})
}

func TestCloseWaitsForTheRefreshAndAnswersCallers(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		demanding, next := s.asking(demand), login("next", time.Hour)
		go func() {
			time.Sleep(3 * time.Second)
			s.issuer.answers <- granted(next)
		}()
		limited, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		begun := time.Now()
		s.Close(limited)
		require.Equal(t, 3*time.Second, time.Since(begun))
		demanding.gives(next.AccessToken)
		s.isStored(next)
	})
}

func TestCloseLeavesAHangingRefreshWithAnOpenIntent(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		held, demanding := s.stored(), s.asking(demand)
		limited, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		begun := time.Now()
		s.Close(limited)
		require.Equal(t, 4*time.Second, time.Since(begun))
		demanding.gives(held.AccessToken)
		synctest.Wait()
		doubt, err := s.ledger.Process(99).Doubt(t.Context(), policy.TokenID(held))
		require.NoError(t, err)
		require.Equal(t, 1, doubt.Times, "the next process must know that the token may be spent")
	})
}

func TestALoginOrLogoutThatCannotBeStoredChangesNothing(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		held := s.stored()
		s.store.isReadOnly.Store(true)
		require.ErrorIs(t, s.Login(t.Context(), otherAccount("other")), errFull)
		require.ErrorIs(t, s.logout(), errFull)
		s.asking(poll).gives(held.AccessToken)
		s.isStored(held)
	})
}

func TestLogoutThatFailsDoesNotReviveALoginThatWasReplaced(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		held, theirs := s.stored(), otherAccount("theirs")
		s.store.isReadOnly.Store(true)
		s.store.loaded = func() {
			s.store.loaded = nil
			require.NoError(t, s.store.Store.Replace(t.Context(), theirs))
		}
		require.ErrorIs(t, s.logout(), errFull)
		s.isStored(theirs)
		require.True(t, s.lineage().IsEnded(policy.TokenID(held)), "it does not go on")
	})
}

func TestExternalTokensAreKeptInMemoryAlone(t *testing.T) {
	inBubble(t, noLogin, func(t *testing.T, s *site) {
		external := login("external", time.Hour)
		external.Method = machine.MethodExternal
		require.NoError(t, s.Login(t.Context(), external))
		s.asking(demand).gives(external.AccessToken)
		_, err := s.store.Load(t.Context())
		require.ErrorIs(t, err, persist.ErrNotFound)
		require.Zero(t, s.posts())
	})
}
