package oauth_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

// bare is an answer without its evidence, which has tests of its own.
func bare(answer machine.Answer) machine.Answer {
	switch answer := answer.(type) {
	case machine.Refused:
		answer.Evidence = machine.Evidence{}
		return answer
	case machine.Unavailable:
		answer.Evidence = machine.Evidence{}
		return answer
	}
	return answer
}

func evidenceOf(answer machine.Answer) machine.Evidence {
	switch answer := answer.(type) {
	case machine.Refused:
		return answer.Evidence
	case machine.Unavailable:
		return answer.Evidence
	}
	return machine.Evidence{}
}

func TestAnAnswerWithoutTokensSaysWhatTheIssuerAnswered(t *testing.T) {
	for name, row := range map[string]struct {
		status int
		body   string
		want   machine.Evidence
	}{
		"a code":                     {400, `{"error":"invalid_request"}`, machine.Evidence{Status: 400, Code: "invalid_request"}},
		"a code in capitals":         {400, `{"error":"INVALID"}`, machine.Evidence{Status: 400, Code: "invalid"}},
		"a refusal":                  {400, `{"error":"invalid_grant"}`, machine.Evidence{Status: 400, Code: "invalid_grant"}},
		"no body":                    {410, "", machine.Evidence{Status: 410}},
		"a sentence instead of code": {400, `{"error":"Session not found"}`, machine.Evidence{Status: 400}},
		"a code that is too long":    {400, `{"error":"0123456789012345678901234567890123456789012345678"}`, machine.Evidence{Status: 400}},
		"a page":                     {503, "<html>", machine.Evidence{Status: 503, Problem: machine.ProblemPage}},
		"a page of a portal":         {200, "<html>", machine.Evidence{Status: 200, Problem: machine.ProblemPage}},
		"what nobody can read":       {200, "granted!", machine.Evidence{Status: 200, Problem: machine.ProblemUnreadable}},
		"no token":                   {200, "{}", machine.Evidence{Status: 200, Problem: machine.ProblemNoToken}},
		"no success":                 {200, `{"success":false}`, machine.Evidence{Status: 200, Problem: machine.ProblemNoToken}},
		"an error with a code":       {200, `{"ok":false,"error":"internal_error"}`, machine.Evidence{Status: 200, Code: "internal_error"}},
		"a proxy's":                  {407, "<html>", machine.Evidence{Status: 407, Problem: machine.ProblemProxyRefused}},
		"a code with an escape":      {400, "{\"error\":\"a\\u001b[31m\"}", machine.Evidence{Status: 400}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, row.want, evidenceOf(oauth.Classify(row.status, nil, []byte(row.body), noon)))
		})
	}
}
