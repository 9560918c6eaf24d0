package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// The user logs in with another account in one process while another one has a good login.

func key() *machine.Credential { c := machinetest.Key("key"); return &c }

// holds demands that an engine has this login after a look.
func (s *site) holds(e *engine.Engine, c machine.Credential, why ...any) {
	s.t.Helper()
	after, err := e.Look(s.t.Context())
	require.NoError(s.t, err)
	require.Equal(s.t, c.Fingerprint(), after.Access(), why...)
}

// elsewhere is a second process in which the user does something.
func (s *site) elsewhere(do func(e *engine.Engine)) {
	s.t.Helper()
	sister := s.start()
	do(sister)
	sister.Close(ended())
}

func (s *site) loginElsewhere(c machine.Credential) {
	s.t.Helper()
	s.elsewhere(func(e *engine.Engine) { require.NoError(s.t, e.Login(s.t.Context(), c)) })
}

func TestALoginElsewhereIsTakenUpByTheNextLook(t *testing.T) {
	for name, stored := range map[string]func() *machine.Credential{"a key": key, "tokens": good} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, stored, func(t *testing.T, s *site) {
				for _, next := range []machine.Credential{otherAccount("bob"), machinetest.Key("another"), otherAccount("carol"), *stored()} {
					s.loginElsewhere(next)
					s.holds(s.Engine, next)
				}
				require.Empty(t, s.revoked(), "there was no logout")
				require.Zero(t, s.posts())
			})
		})
	}
}

func TestALoginElsewhereIsTakenUpByTheKeeper(t *testing.T) {
	inBubble(t, key, func(t *testing.T, s *site) {
		defer s.keeping()()
		next := otherAccount("bob")
		s.loginElsewhere(next)
		passing(3 * time.Second)
		require.Equal(t, next.Fingerprint(), s.Snapshot().Access())
	})
}

func TestAStrangersLoginOverAKeyIsNotTakenUp(t *testing.T) {
	inBubble(t, key, func(t *testing.T, s *site) {
		s.write(otherAccount("stranger"))
		s.holds(s.Engine, *key())
		s.elsewhere(func(e *engine.Engine) {
			require.NoError(t, e.Login(t.Context(), external("lives in one process")))
		})
		s.holds(s.Engine, *key())
	})
}

// A look comes between the store and the entry that says who wrote it. The store's mark
// does not change when the entry is written.
func TestALookBeforeTheEntryOfALoginIsNotTheLast(t *testing.T) {
	inBubble(t, key, func(t *testing.T, s *site) {
		next, looked := otherAccount("bob"), false
		e := s.startWith(func(o *engine.Options) {
			o.Ledger = tardy{o.Ledger, func(late persist.Kind) {
				if late == persist.Login {
					s.holds(s.Engine, *key())
					looked = true
				}
			}}
		})
		defer e.Close(ended())
		require.NoError(t, e.Login(t.Context(), next))
		require.True(t, looked)
		s.holds(s.Engine, next)
	})
}

func TestALoginElsewhereIsKnownAfterItsRefresh(t *testing.T) {
	inBubble(t, key, func(t *testing.T, s *site) {
		next, newer := otherAccount("bob"), otherAccount("bob again")
		s.elsewhere(func(e *engine.Engine) {
			require.NoError(t, e.Login(t.Context(), next))
			e.Ask(demand, func(machine.Snapshot) {})
			s.answer(granted(newer))
			s.holds(e, newer)
		})
		s.holds(s.Engine, newer)
		stale := s.stored()
		s.write(next)
		s.holds(s.Engine, stale, "a file from a backup")
	})
}

func TestARefreshFindsALoginElsewhereUnderTheLock(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		next := otherAccount("bob")
		s.loginElsewhere(next)
		s.asking(demand).gives(next.AccessToken)
		require.Zero(t, s.posts())
	})
}

// The look sees the last state alone, and not the logout.
func TestALogoutElsewhereEndsTheLoginUnderAnother(t *testing.T) {
	for name, stored := range map[string]func() *machine.Credential{"a key": key, "tokens": good} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, stored, func(t *testing.T, s *site) {
				stranger := otherAccount("stranger")
				s.elsewhere(func(e *engine.Engine) {
					_, err := e.Logout(t.Context())
					require.NoError(t, err)
				})
				s.write(stranger)
				s.holds(s.Engine, stranger, "what a logout ended does not serve")
				s.write(*stored())
				require.NoError(t, s.Login(t.Context(), *stored()))
				s.write(otherAccount("another stranger"))
				s.holds(s.Engine, *stored(), "a login goes on after a logout before it")
			})
		})
	}
}

func TestALogoutElsewhereCountsWhenALaterLoginIsGone(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		s.elsewhere(func(e *engine.Engine) {
			_, err := e.Logout(t.Context())
			require.NoError(t, err)
			require.NoError(t, e.Login(t.Context(), otherAccount("bob")))
		})
		require.NoError(t, s.store.Delete(t.Context())) // by a stranger: the ledger has a login
		s.holds(s.Engine, machine.Credential{})
		s.asking(poll).gives(secret.Token{})
		require.Equal(t, machine.NoAuth, s.Snapshot().Phase())
	})
}

// A process that died in a logout left the record: the login goes on, and says so.
func TestALoginThatOutlivesItsLogoutGoesOn(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		held := s.stored()
		s.note(persist.Entry{Kind: persist.Logout, TokenID: policy.TokenID(held)})
		s.restart(func(*engine.Options) {})
		require.True(t, s.entries(persist.Adopted)[0].Resumed)
		require.NoError(t, s.store.Delete(t.Context()))
		s.holds(s.Engine, held, "a file that is being replaced is gone for a moment")
	})
}
