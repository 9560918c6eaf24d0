package oauth_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

// bare is an answer without its evidence, which other tests check.
func bare(answer endpoint.Answer) endpoint.Answer {
	switch answer := answer.(type) {
	case endpoint.Refused:
		answer.Evidence = evidence.Evidence{}
		return answer
	case endpoint.Unavailable:
		answer.Evidence = evidence.Evidence{}
		return answer
	}
	return answer
}

func evidenceOf(answer endpoint.Answer) evidence.Evidence {
	switch answer := answer.(type) {
	case endpoint.Refused:
		return answer.Evidence
	case endpoint.Unavailable:
		return answer.Evidence
	}
	return evidence.Evidence{}
}

func TestAnswerWithoutTokensSaysWhatTheIssuerAnswered(t *testing.T) {
	for name, row := range map[string]struct {
		status int
		body   string
		want   evidence.Evidence
	}{
		"a code":                     {400, `{"error":"invalid_request"}`, evidence.Evidence{Status: 400, Code: "invalid_request"}},
		"a code in capitals":         {400, `{"error":"INVALID"}`, evidence.Evidence{Status: 400, Code: "invalid"}},
		"a refusal":                  {400, `{"error":"invalid_grant"}`, evidence.Evidence{Status: 400, Code: "invalid_grant"}},
		"no body":                    {410, "", evidence.Evidence{Status: 410}},
		"a sentence instead of code": {400, `{"error":"Session not found"}`, evidence.Evidence{Status: 400}},
		"a code that is too long":    {400, `{"error":"0123456789012345678901234567890123456789012345678"}`, evidence.Evidence{Status: 400}},
		"a page":                     {503, "<html>", evidence.Evidence{Status: 503, Problem: evidence.ProblemPage}},
		"a page of a portal":         {200, "<html>", evidence.Evidence{Status: 200, Problem: evidence.ProblemPage}},
		"an unreadable answer":       {200, "granted!", evidence.Evidence{Status: 200, Problem: evidence.ProblemUnreadable}},
		"no token":                   {200, "{}", evidence.Evidence{Status: 200, Problem: evidence.ProblemNoToken}},
		"no success":                 {200, `{"success":false}`, evidence.Evidence{Status: 200, Problem: evidence.ProblemNoToken}},
		"an error with a code":       {200, `{"ok":false,"error":"internal_error"}`, evidence.Evidence{Status: 200, Code: "internal_error"}},
		"a proxy's":                  {407, "<html>", evidence.Evidence{Status: 407, Problem: evidence.ProblemProxyRefused}},
		"a code with an escape":      {400, "{\"error\":\"a\\u001b[31m\"}", evidence.Evidence{Status: 400}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, row.want, evidenceOf(oauth.Classify(row.status, nil, []byte(row.body), noon)))
		})
	}
}

// Some issuers repeat the request in their answer. That issues no token, and does not
// hide the refusal of the token that was sent.
func TestRefreshTokenThatIsOnlyRepeatedIsNotGiven(t *testing.T) {
	token := secret.New("the-refresh-token-that-was-sent")
	for body, want := range map[string]endpoint.Answer{
		`{"error":"invalid_grant","refresh_token":%q}`: endpoint.Refused{
			Reason: history.ReasonInvalidGrant, Evidence: evidence.Evidence{Status: 200, Code: "invalid_grant"},
		},
		`{"error":{"code":"refresh_token_reused"},"refresh_token":%q}`: endpoint.Refused{
			Reason: history.ReasonReused, Evidence: evidence.Evidence{Status: 200, Code: "refresh_token_reused"},
		},
		`{"refresh_token":%q}`: endpoint.Unavailable{Evidence: evidence.Evidence{Status: 200, Problem: evidence.ProblemNoToken}},
	} {
		body = fmt.Sprintf(body, token.Reveal())
		client := oauth.New(options(answering(200, strings.NewReader(body))))
		require.Equal(t, want, client.Refresh(t.Context(), names, token, ""))
	}
}

func TestEveryMisbehaviourIsJudgedByItsContent(t *testing.T) {
	said := func(status int, code string) evidence.Evidence { return evidence.Evidence{Status: status, Code: code} }
	met := func(status int, problem evidence.Problem) evidence.Evidence {
		return evidence.Evidence{Status: status, Problem: problem}
	}
	want := map[string]endpoint.Answer{
		"an error text as access token":        endpoint.Unavailable{Evidence: met(200, evidence.ProblemNoToken)},
		"an empty object":                      endpoint.Unavailable{Evidence: met(200, evidence.ProblemNoToken)},
		"success:false":                        endpoint.Unavailable{Evidence: met(200, evidence.ProblemNoToken)},
		"Slack out of order":                   endpoint.Unavailable{Evidence: said(200, "internal_error")},
		"Slack's refusal":                      endpoint.Refused{Reason: history.ReasonInvalidGrant, Evidence: said(200, "invalid_refresh_token")},
		"GitHub's refusal":                     endpoint.Refused{Reason: history.ReasonInvalidGrant, Evidence: said(200, "bad_refresh_token")},
		"GitHub's refusal as a form":           endpoint.Refused{Reason: history.ReasonInvalidGrant, Evidence: said(200, "bad_refresh_token")},
		"Atlassian's refusal":                  endpoint.Refused{Reason: history.ReasonInvalidGrant, Evidence: said(403, "invalid_grant")},
		"Dex's refusal":                        endpoint.Unavailable{Evidence: said(400, "invalid_request")},
		"a wrong client":                       endpoint.Unavailable{Evidence: said(400, "invalid_client")},
		"a race in Hydra":                      endpoint.Unavailable{Evidence: said(500, "server_error")},
		"gone":                                 endpoint.Unavailable{Evidence: said(410, "")},
		"a portal":                             endpoint.Unavailable{Evidence: met(200, evidence.ProblemPage)},
		"a portal's 401":                       endpoint.Unavailable{Evidence: met(401, evidence.ProblemPage)},
		"a gateway's page":                     endpoint.Unavailable{Lost: true, Evidence: met(502, evidence.ProblemPage)},
		"a refusal with a BOM":                 endpoint.Refused{Reason: history.ReasonInvalidGrant, Evidence: said(400, "invalid_grant")},
		"a refusal in gzip":                    endpoint.Refused{Reason: history.ReasonReused, Evidence: said(400, "refresh_token_reused")},
		"a refusal in gzip without the header": endpoint.Refused{Reason: history.ReasonReused, Evidence: said(400, "refresh_token_reused")},
	}
	require.Len(t, want, len(misbehaviours()), "each has its judgement")
	for name, step := range misbehaviours() {
		i, client := pair(issuer.Options{})
		token := i.Login(issuer.Ada, time.Now()).RefreshToken
		i.Script(issuer.Refresh, step)
		require.Equal(t, want[name], client.Refresh(t.Context(), names, token, ""), name)
		require.True(t, i.IsAlive(token), name)
	}
}
