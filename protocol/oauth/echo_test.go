package oauth_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

// Some issuers repeat the request in what they say of it. That gives no token, and
// must not hide that the one that was sent is refused.
func TestARefreshTokenThatIsOnlyRepeatedIsNotGiven(t *testing.T) {
	token := secret.New("the-refresh-token-that-was-sent")
	for body, want := range map[string]machine.Answer{
		`{"error":"invalid_grant","refresh_token":%q}`: machine.Refused{
			Reason: history.ReasonInvalidGrant, Evidence: evidence.Evidence{Status: 200, Code: "invalid_grant"},
		},
		`{"error":{"code":"refresh_token_reused"},"refresh_token":%q}`: machine.Refused{
			Reason: history.ReasonReused, Evidence: evidence.Evidence{Status: 200, Code: "refresh_token_reused"},
		},
		`{"refresh_token":%q}`: machine.Unavailable{Evidence: evidence.Evidence{Status: 200, Problem: evidence.ProblemNoToken}},
	} {
		body = fmt.Sprintf(body, token.Reveal())
		client := oauth.New(options(answering(200, strings.NewReader(body))))
		require.Equal(t, want, client.Refresh(t.Context(), names, token, ""))
	}
}
