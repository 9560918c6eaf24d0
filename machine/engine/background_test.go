package engine_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/engine/enginetest"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// revokes demands that the issuer heard of these logins and of no others.
func (s *site) revokes(logins ...machine.Credential) {
	s.t.Helper()
	synctest.Wait()
	want := []secret.Fingerprint{}
	for _, each := range logins {
		want = append(want, each.RefreshToken.Fingerprint())
	}
	require.ElementsMatch(s.t, want, s.revoked())
}

func TestALogoutEndsTheNewestLoginAtTheIssuer(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		newer := login("newer", time.Hour)
		s.write(newer) // another process has refreshed meanwhile
		require.NoError(t, s.logout())
		s.revokes(newer)
	})
}

func TestLogoutSendsNoDeadToken(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		s.asking(demand)
		s.answer(refused(history.ReasonReused))
		require.NoError(t, s.logout())
		s.revokes()
	})
}

func TestWhatIsGrantedAfterALogoutIsDroppedAndRevoked(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		old, late := s.stored(), login("late", time.Hour)
		waiting := s.asking(demand)
		require.NoError(t, s.logout())
		s.answer(granted(late))
		s.revokes(old, late)
		waiting.gives(secret.Token{})
		require.Equal(t, machine.NoAuth, s.Snapshot().Phase())
	})
}

func TestWhatIsGrantedForALoginThatWasReplacedIsRevoked(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		late := login("late", time.Hour)
		s.asking(demand)
		s.write(otherAccount("another"))
		s.answer(granted(late))
		s.revokes(late)
	})
}

func TestAnIssuerThatHangsDelaysNoLogoutAndIsGivenUpOn(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		s.issuer.hangs.Store(true)
		begun := time.Now()
		revoked, err := s.Logout(t.Context())
		require.NoError(t, err)
		require.Zero(t, time.Since(begun))
		<-revoked
		require.Equal(t, 10*time.Second, time.Since(begun))
	})
}

// supplier is a client that has tokens, or has none.
type supplier struct {
	next machine.Credential
	err  error
	asks int
}

func (c *supplier) Renew(context.Context, machine.Credential) (machine.Credential, error) {
	c.asks++
	return c.next, c.err
}

func external(name string) machine.Credential {
	return machine.Credential{
		Method: machine.MethodExternal, AccessToken: machinetest.Expiring(name, time.Now().Add(time.Hour)), AccountID: "account", LastRefresh: time.Now(),
	}
}

func TestRenewerIsAskedWhenExternalTokensAreRefused(t *testing.T) {
	for name, err := range map[string]error{"renewed": nil, "not renewed": errors.New("no")} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, good, func(t *testing.T, s *site) {
				client := &supplier{next: external("second"), err: err}
				e := enginetest.Start(engine.Options{
					Policy: policy, Store: s.store, Ledger: s.ledger.Process(9), AuthorizationServer: s.issuer, Renewer: client,
				})
				defer e.Close(ended())
				stored, first := s.stored(), external("first")
				require.NoError(t, e.Login(t.Context(), first))

				for _, ask := range []machine.Ask{demand, poll, glance} {
					_, statusErr := e.Status(t.Context(), ask)
					require.NoError(t, statusErr)
				}
				require.Zero(t, client.asks, "an ask is no reason to ask the client")
				after, rejectedErr := e.Rejected(t.Context(), first.AccessToken.Fingerprint())
				require.NoError(t, rejectedErr)
				require.Equal(t, 1, client.asks)
				want := client.next.AccessToken
				if err != nil {
					want = secret.Token{}
				}
				require.Equal(t, want.Fingerprint(), after.Token().Fingerprint())
				require.Equal(t, machine.MethodExternal, after.Method())
				require.True(t, s.stored().Equal(stored), "nothing is stored")
				require.Zero(t, s.posts())
			})
		})
	}
}

// The process apart tells nothing but what the store and the ledger know when it has
// ended.
func TestRefreshElsewhereSaysWhatStoodInItsWay(t *testing.T) {
	for name, each := range map[string]struct {
		elsewhere func(s *site)
		change    func(*engine.Options)
		trouble   evidence.BlockReason
	}{
		"the issuer, and the wait for it is over": {
			func(s *site) {
				failed := evidence.Repeated{Evidence: evidence.Evidence{Status: 503}, Times: 1}
				s.note(persist.Entry{Kind: persist.Deferred, At: time.Now(), NotBefore: time.Now().Add(time.Millisecond), Failures: 1, Repeated: failed})
				time.Sleep(time.Second)
			}, nil, evidence.BlockIssuerUnavailable,
		},
		"the disk": {
			func(*site) {}, func(o *engine.Options) { o.Store = roomless{o.Store.(*countingStore)} }, evidence.BlockStoreNotDurable,
		},
		"its end": {func(*site) {}, nil, evidence.BlockRefreshElsewhere},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, expired, func(t *testing.T, s *site) {
				s.restart(func(o *engine.Options) {
					o.Elsewhere = func(context.Context, machine.Snapshot) error {
						each.elsewhere(s)
						return nil
					}
					if each.change != nil {
						each.change(o)
					}
				})
				s.asking(poll)
				time.Sleep(2 * time.Second)
				synctest.Wait()
				require.Equal(t, each.trouble, s.Snapshot().Blocked())
				require.Zero(t, s.posts())
			})
		})
	}
}

func TestTheEndOfALoginIsWaitedForAtTheEnd(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		s.issuer.hangs.Store(true)
		begun := time.Now()
		require.NoError(t, s.logout())
		s.Engine.Close(t.Context())
		require.Equal(t, 10*time.Second, time.Since(begun))
	})
}
