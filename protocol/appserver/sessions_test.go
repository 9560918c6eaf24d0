package appserver

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
)

// The answers are those of Codex 0.171.0.
func TestSessionsAreTheOneLogin(t *testing.T) {
	for name, c := range map[string]struct {
		stored *machine.Credential
		want   string
	}{
		"none": {nil, `{"activeSessionId":null,"sessions":[]}`},
		"key":  {apiKey("sk-1"), `{"activeSessionId":null,"sessions":[]}`},
		"tokens": {tokens("a", "r"), `{"activeSessionId":"user-ada","sessions":[{"sessionId":"user-ada","email":"ada@example.com",
			"userId":"user-ada","displayName":null,"imageUrl":null,"lastUsedAt":946684800,"isActive":true,
			"selectedWorkspaceAccountId":"account-ada","workspaces":[{"accountId":"account-ada","name":null,"imageUrl":null,"kind":null}]}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, c.stored, func(t *testing.T, s *site) {
				encoded, err := json.Marshal(sessionsOf(s.server.options.Engine.Snapshot()))
				require.NoError(t, err)
				require.JSONEq(t, c.want, string(encoded))
			})
		})
	}
}
