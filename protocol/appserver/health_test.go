package appserver

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/protocol"
)

func TestHealthIsForClientsThatTakeExperimentalMessages(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *site) {
		_, message := errorOf(t, s.answer(protocol.HealthRead, ""))
		require.Equal(t, "account/health/read requires experimentalApi capability", message)
	})
}

func TestHealthTellsTheStoryOfADeadToken(t *testing.T) {
	experimental(t, tokens("access-1", "refresh-1"), nil, func(t *testing.T, s *site) {
		fingerprint := tokens("access-1", "").Fingerprint().Short()
		require.JSONEq(t, `{"id":1,"result":{"state":"Fresh","reason":null,"since":"2000-01-01T00:00:00Z","fingerprint":"`+fingerprint+`",
			"accessExpiresAt":null,"lastAttemptAt":null,"nextAttemptAt":null,"unsaved":false,"inDoubt":false,"action":"none"}}`,
			s.answer(protocol.HealthRead, ""))

		s.issuer.answers = []machine.Answer{machine.Refused{Reason: history.ReasonReused}}
		s.send(`{"id":2,"method":"getAuthStatus","params":{"refreshToken":true}}`)
		time.Sleep(2 * issuerTakes)
		var states []string
		for _, line := range s.said() {
			if strings.Contains(line, protocol.HealthUpdated) {
				state, _, _ := strings.Cut(strings.SplitN(line, `"state":"`, 2)[1], `"`)
				states = append(states, state)
			}
		}
		require.Equal(t, []string{"Stale", "Poisoned"}, states, "and it is told of every change")

		health := s.answer(protocol.HealthRead, "")
		require.Contains(t, health, `"state":"Poisoned","reason":"refresh_token_reused","since":"2000-01-01T00:00:01Z"`)
		require.Contains(t, health, `"action":"login"`)
		posts := s.issuer.posts
		require.Equal(t, 1, posts, "and asking costs nothing")
	})
}
