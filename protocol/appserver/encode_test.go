package appserver

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol"
)

func TestAStatusIsWhatEncodingJSONMakesOfIt(t *testing.T) {
	var encoder statusEncoder
	rapid.Check(t, func(t *rapid.T) {
		method := machine.Method(rapid.SampledFrom([]string{"", "apikey", "chatgpt", "a\"b"}).Draw(t, "method"))
		requires := rapid.Bool().Draw(t, "requires")
		status := protocol.GetAuthStatusResponse{AuthMethod: nullable(string(method)), RequiresOpenaiAuth: requires}
		token := secret.Token{}
		if rapid.Bool().Draw(t, "has a token") {
			text := rapid.OneOf(rapid.StringMatching(`[A-Za-z0-9._~-]*`), rapid.String()).Draw(t, "token")
			token, status.AuthToken = secret.New(text), &text
		}
		want, err := json.Marshal(status)
		require.NoError(t, err)
		require.Equal(t, string(want), string(encoder.append(nil, method, token, requires)))
	})
}
