package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/history"
)

// madeElsewhere is a login of another client at another issuer.
func madeElsewhere(name string) machine.Credential {
	c := login(name, time.Hour)
	c.OwnerID = "owner"
	c.Provenance = machine.Provenance{Issuer: "https://auth.example.com", ClientID: "app_other"}
	return c
}

func foreign() *machine.Credential { c := madeElsewhere("first"); return &c }

// Codex drops oauth_provenance from the file when it refreshes under an
// override of the token endpoint, and names the wrong client from then on.
func TestAClientIsNotForgottenWhenTheRecordHasLostIt(t *testing.T) {
	inBubble(t, foreign, func(t *testing.T, s *site) {
		lost := madeElsewhere("second")
		made := lost.Provenance
		lost.Provenance = machine.Provenance{}
		s.restart(func(*engine.Options) { s.write(lost) })
		asked, third := s.asking(demand), login("third", time.Hour)
		s.answer(granted(third))
		asked.gives(third.AccessToken)
		require.Equal(t, []machine.Issuer{{TokenEndpoint: "https://auth.example.com/oauth/token", ClientID: "app_other"}}, s.issuer.asked)
		require.Equal(t, made, s.stored().Provenance, "and the record has it again")
	})
}

func TestAnotherLoginDoesNotInheritAClient(t *testing.T) {
	inBubble(t, foreign, func(t *testing.T, s *site) {
		another := madeElsewhere("second")
		another.Provenance, another.OwnerID = machine.Provenance{}, "another owner"
		s.restart(func(*engine.Options) { s.write(another) })
		s.asking(demand)
		s.answer(refused(history.ReasonReused))
		require.Equal(t, []machine.Issuer{policy.Issuer}, s.issuer.asked)
	})
}

func TestLogoutRevokesAtTheIssuerOfTheLogin(t *testing.T) {
	inBubble(t, foreign, func(t *testing.T, s *site) {
		held := s.stored()
		require.NoError(t, s.logout())
		s.revokes(held)
		require.Equal(t, []machine.Issuer{policy.IssuerOf(held)}, s.issuer.told)
		require.NotEqual(t, policy.Issuer, s.issuer.told[0])
	})
}

func TestOriginOfALoginIsNotedOnceWithoutASecret(t *testing.T) {
	inBubble(t, foreign, func(t *testing.T, s *site) {
		s.restart(func(*engine.Options) {})
		s.restart(func(*engine.Options) {})
		require.Len(t, s.ledger.Entries(), 1)
		require.Equal(t, "app_other", s.ledger.Entries()[0].Client)
	})
	secretive := func() *machine.Credential {
		c := foreign()
		c.Provenance.Issuer = "https://user:S3NT1NEL@auth.example.com"
		return c
	}
	inBubble(t, secretive, func(t *testing.T, s *site) { require.Empty(t, s.ledger.Entries()) })
}
