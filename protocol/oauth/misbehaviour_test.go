package oauth_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

func TestEveryMisbehaviourIsJudgedByItsContent(t *testing.T) {
	said := func(status int, code string) evidence.Evidence { return evidence.Evidence{Status: status, Code: code} }
	met := func(status int, problem evidence.Problem) evidence.Evidence {
		return evidence.Evidence{Status: status, Problem: problem}
	}
	want := map[string]machine.Answer{
		"an error text as access token":   machine.Unavailable{Evidence: met(200, evidence.ProblemNoToken)},
		"an empty object":                 machine.Unavailable{Evidence: met(200, evidence.ProblemNoToken)},
		"success:false":                   machine.Unavailable{Evidence: met(200, evidence.ProblemNoToken)},
		"Slack out of order":              machine.Unavailable{Evidence: said(200, "internal_error")},
		"Slack's refusal":                 machine.Refused{Reason: history.ReasonInvalidGrant, Evidence: said(200, "invalid_refresh_token")},
		"GitHub's refusal":                machine.Refused{Reason: history.ReasonInvalidGrant, Evidence: said(200, "bad_refresh_token")},
		"GitHub's refusal as a form":      machine.Refused{Reason: history.ReasonInvalidGrant, Evidence: said(200, "bad_refresh_token")},
		"Atlassian's refusal":             machine.Refused{Reason: history.ReasonInvalidGrant, Evidence: said(403, "invalid_grant")},
		"Dex's refusal":                   machine.Unavailable{Evidence: said(400, "invalid_request")},
		"a wrong client":                  machine.Unavailable{Evidence: said(400, "invalid_client")},
		"a race in Hydra":                 machine.Unavailable{Evidence: said(500, "server_error")},
		"gone":                            machine.Unavailable{Evidence: said(410, "")},
		"a portal":                        machine.Unavailable{Evidence: met(200, evidence.ProblemPage)},
		"a portal's 401":                  machine.Unavailable{Evidence: met(401, evidence.ProblemPage)},
		"a gateway's page":                machine.Unavailable{Lost: true, Evidence: met(502, evidence.ProblemPage)},
		"a refusal with a BOM":            machine.Refused{Reason: history.ReasonInvalidGrant, Evidence: said(400, "invalid_grant")},
		"a refusal in gzip":               machine.Refused{Reason: history.ReasonReused, Evidence: said(400, "refresh_token_reused")},
		"a refusal in gzip, and not said": machine.Refused{Reason: history.ReasonReused, Evidence: said(400, "refresh_token_reused")},
	}
	require.Len(t, want, len(issuer.Misbehaviours()), "each has its judgement")
	for name, step := range issuer.Misbehaviours() {
		i, client := pair(issuer.Options{})
		token := i.Login(issuer.Ada, time.Now()).RefreshToken
		i.Script(issuer.Refresh, step)
		require.Equal(t, want[name], client.Refresh(t.Context(), names, token, ""), name)
		require.True(t, i.IsAlive(token), name)
	}
}
