package oauth_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// The answers of real issuers: those of panva's oidc-provider, zitadel, Dex and Hydra were
// measured, the others are in the words of their vendors or of their users.
func TestAnswersOfRealIssuersAreJudgedRight(t *testing.T) {
	standard := profile.Answers{Standard: true, Bare401: profile.Misconfigured}
	dex, hubspot, atlassian := standard, standard, standard
	dex.Rows = []profile.Row{{Status: 400, Code: "invalid_request", Meaning: profile.Refused, Reason: history.ReasonInvalidGrant}}
	hubspot.ErrorPointer = "/status"
	atlassian.Rows = []profile.Row{{Code: "access_denied", Meaning: profile.Misconfigured}}

	refused := func(reason history.Reason) profile.Judgement {
		return profile.Judgement{Meaning: profile.Refused, Reason: reason}
	}
	var (
		granted       = profile.Judgement{Meaning: profile.Granted}
		misconfigured = profile.Judgement{Meaning: profile.Misconfigured}
		unexplained   = profile.Judgement{Meaning: profile.Misconfigured, Unexplained: true}
		loginNeeded   = profile.Judgement{Meaning: profile.LoginNeeded}
		unavailable   = profile.Judgement{Meaning: profile.Unavailable}
	)
	for name, row := range map[string]struct {
		means  profile.Answers
		status int
		body   string
		want   profile.Judgement
	}{
		"panva, zitadel, Hydra: a dead token":         {standard, 400, `{"error":"invalid_grant","error_description":"grant request is invalid"}`, refused(history.ReasonInvalidGrant)},
		"Dex: a dead token":                           {dex, 400, `{"error":"invalid_request","error_description":"Refresh token expired."}`, refused(history.ReasonInvalidGrant)},
		"Dex: what is behind it failed":               {dex, 500, `{"error":"invalid_request"}`, unavailable},
		"panva, Dex, Hydra: a wrong client":           {standard, 401, `{"error":"invalid_client","error_description":"client authentication failed"}`, misconfigured},
		"zitadel: an unknown client, Hydra: a race":   {standard, 500, `{"error":"server_error"}`, unavailable},
		"a wrong encoding":                            {standard, 400, `{"error":"invalid_request"}`, misconfigured},
		"Dex: a wrong encoding":                       {dex, 400, `{"error":"unsupported_grant_type"}`, misconfigured},
		"panva: another resource":                     {standard, 400, `{"error":"invalid_target"}`, misconfigured},
		"panva: a stale proof":                        {standard, 400, `{"error":"invalid_dpop_proof"}`, misconfigured},
		"zitadel: a broader scope":                    {standard, 400, `{"error":"invalid_scope"}`, misconfigured},
		"panva: no client":                            {standard, 400, `{"error":"invalid_request","error_description":"no client authentication mechanism provided"}`, misconfigured},
		"Atlassian: a dead token":                     {standard, 403, `{"error":"invalid_grant","error_description":"Unknown or invalid refresh token."}`, refused(history.ReasonInvalidGrant)},
		"Atlassian: a wrong secret":                   {atlassian, 401, `{"error":"access_denied","error_description":"Unauthorized"}`, misconfigured},
		"HubSpot: a dead token":                       {hubspot, 400, `{"status":"BAD_REFRESH_TOKEN","message":"missing or invalid refresh token","correlationId":"x"}`, refused(history.ReasonInvalidGrant)},
		"HubSpot: something else":                     {hubspot, 400, `{"status":"error","message":"x"}`, unavailable},
		"HubSpot: in the usual place":                 {hubspot, 400, `{"error":"invalid_grant"}`, refused(history.ReasonInvalidGrant)},
		"Slack: a dead token":                         {standard, 200, `{"ok":false,"error":"invalid_refresh_token"}`, refused(history.ReasonInvalidGrant)},
		"Slack: out of order":                         {standard, 200, `{"ok":false,"error":"internal_error"}`, unavailable},
		"Slack: too often":                            {standard, 200, `{"ok":false,"error":"ratelimited"}`, unavailable},
		"GitHub: a dead token":                        {standard, 200, `{"error":"bad_refresh_token","error_description":"x"}`, refused(history.ReasonInvalidGrant)},
		"Entra: a second factor":                      {standard, 400, `{"error":"interaction_required","suberror":"basic_action"}`, loginNeeded},
		"Entra: without the scope":                    {standard, 400, `{"error":"invalid_scope","error_description":"AADSTS90009"}`, misconfigured},
		"Google, Cognito, Okta: no refresh token":     {standard, 200, `{"access_token":"a","expires_in":3599,"token_type":"Bearer"}`, granted},
		"a lifetime as a text":                        {standard, 200, `{"access_token":"a","expires_in":"3600"}`, granted},
		"GitHub: a form":                              {standard, 200, `access_token=a&expires_in=28800&refresh_token=r`, granted},
		"too many requests, whatever they say":        {standard, 429, `{"error":"invalid_grant"}`, unavailable},
		"a 401 without a word":                        {standard, 401, ``, unexplained},
		"a 401 of a gateway in JSON":                  {standard, 401, `{"message":"Unauthorized"}`, unexplained},
		"a 401 of a portal":                           {standard, 401, `<html>log in</html>`, unavailable},
		"a proxy's 407":                               {standard, 407, `{"error":"invalid_request"}`, unavailable},
		"a type of content that is not understood":    {standard, 415, ``, misconfigured},
		"Codex: a wrong client is a refusal, as ever": {profile.CodexAnswers, 401, `{"error":"invalid_client"}`, refused(history.ReasonUnexplained)},
		"Codex: a dead token":                         {profile.CodexAnswers, 401, `{"error":{"code":"refresh_token_reused"}}`, refused(history.ReasonReused)},
		"Codex: a wrong client with 400":              {profile.CodexAnswers, 400, `{"error":"invalid_client"}`, unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, row.want, oauth.Judge(row.means, row.status, row.body))
		})
	}
}

func TestAnAnswerThatIsNoVerdictReachesTheEngineAsThat(t *testing.T) {
	said := func(status int, code string) evidence.Evidence { return evidence.Evidence{Status: status, Code: code} }
	token := secret.New("a-refresh-token-of-some-length")
	for body, want := range map[string]endpoint.Answer{
		`{"error":"invalid_client"}`:                 endpoint.Misconfigured{Evidence: said(401, "invalid_client")},
		`{"error":"login_required"}`:                 endpoint.LoginNeeded{Evidence: said(401, "login_required")},
		`{"message":"Unauthorized"}`:                 endpoint.Misconfigured{Evidence: said(401, ""), Unexplained: true},
		`{"status":"INVALID_CLIENT"}`:                endpoint.Misconfigured{Evidence: said(401, "invalid_client")},
		`{"error":"a-refresh-token-of-some-length"}`: endpoint.Misconfigured{Evidence: said(401, ""), Unexplained: true},
	} {
		p := plain()
		p.Answers = profile.Answers{Standard: true, Bare401: profile.Misconfigured, ErrorPointer: "/status"}
		o := options(answering(401, strings.NewReader(body)))
		o.Profile = p
		client := oauth.New(o)
		require.Equal(t, want, client.Refresh(t.Context(), machine.Issuer{TokenEndpoint: p.Endpoints.Token, ClientID: p.ClientID}, token, ""), body)
	}
}
