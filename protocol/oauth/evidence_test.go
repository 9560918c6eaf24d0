package oauth_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

// bare is an answer without its evidence, which has tests of its own.
func bare(answer machine.Answer) machine.Answer {
	switch answer := answer.(type) {
	case machine.Refused:
		answer.Evidence = evidence.Evidence{}
		return answer
	case machine.Unavailable:
		answer.Evidence = evidence.Evidence{}
		return answer
	}
	return answer
}

func evidenceOf(answer machine.Answer) evidence.Evidence {
	switch answer := answer.(type) {
	case machine.Refused:
		return answer.Evidence
	case machine.Unavailable:
		return answer.Evidence
	}
	return evidence.Evidence{}
}

func TestAnAnswerWithoutTokensSaysWhatTheIssuerAnswered(t *testing.T) {
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
		"what nobody can read":       {200, "granted!", evidence.Evidence{Status: 200, Problem: evidence.ProblemUnreadable}},
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
