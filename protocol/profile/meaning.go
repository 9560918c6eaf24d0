package profile

import (
	"cmp"

	"github.com/bezoar-auth/bezoar/machine/history"
)

// Meaning is what an answer of a token endpoint to a refresh means: one of five.
type Meaning string

const (
	Granted       Meaning = "granted"       // there is a usable access token
	Refused       Meaning = "refused"       // a verdict on this refresh token: it is never sent again
	Misconfigured Meaning = "misconfigured" // the client's fault: no verdict, and asking again is of no use until the profile changes
	LoginNeeded   Meaning = "login needed"  // no refresh will do; the refresh token is not condemned
	Unavailable   Meaning = "unavailable"   // nothing is known: ask again later
)

// Answers says what the answers of one issuer's token endpoint mean.
type Answers struct {
	Rows         []Row   // of the profile; the most exact one that covers an answer counts
	Standard     bool    // the standard's rows follow
	Bare401      Meaning // of a 401 that no row covers: Refused or Misconfigured
	ErrorPointer string  // to the error code, where it is in no usual place (RFC 6901); "" for none
}

// Row is the meaning of an answer with an error.
type Row struct {
	Status  int    // HTTP status; 0 for any
	Code    string // in lower case; "" for any, also for none
	Meaning Meaning
	Reason  history.Reason // of a refusal
}

// Answer is what decides about an answer of a token endpoint.
type Answer struct {
	Status int
	Code   string // the error code, in lower case; "" for none
	Grants bool   // it has a usable access token, and does not say that it is an error
	IsPage bool   // an HTML page: the issuer did not write it
}

// Judgement is what an answer means.
type Judgement struct {
	Meaning Meaning
	Reason  history.Reason // of a refusal, never "" then

	Unexplained bool // of Misconfigured: no row says so, and a 401 may be that of a gateway
}

// standard are the rows of every issuer that does not do without them. 400 stands for
// each status that is about the request, see [Answer.statuses]: Atlassian refuses with
// 403, and RFC 6749 section 5.2 allows 401 for the client.
//
// What is left out is unavailable: server_error, temporarily_unavailable and slow_down say
// so, and access_denied means a refusal at one issuer and a wrong secret at another.
var standard = []Row{
	{400, "invalid_grant", Refused, history.ReasonInvalidGrant},         // RFC 6749 section 5.2
	{400, "bad_refresh_token", Refused, history.ReasonInvalidGrant},     // GitHub; HubSpot
	{400, "invalid_refresh_token", Refused, history.ReasonInvalidGrant}, // Slack

	{Status: 400, Code: "invalid_client", Meaning: Misconfigured}, // RFC 6749 section 5.2, and so the next four
	{Status: 400, Code: "unauthorized_client", Meaning: Misconfigured},
	{Status: 400, Code: "unsupported_grant_type", Meaning: Misconfigured},
	{Status: 400, Code: "invalid_request", Meaning: Misconfigured},
	{Status: 400, Code: "invalid_scope", Meaning: Misconfigured},
	{Status: 400, Code: "invalid_target", Meaning: Misconfigured},     // RFC 8707 section 2
	{Status: 400, Code: "invalid_dpop_proof", Meaning: Misconfigured}, // RFC 9449 section 5
	{Status: 400, Code: "use_dpop_nonce", Meaning: Misconfigured},     // RFC 9449 section 8
	{Status: 415, Meaning: Misconfigured},                             // the encoding of the request

	{Status: 400, Code: "interaction_required", Meaning: LoginNeeded}, // OpenID Connect Core section 3.1.2.6; Entra
	{Status: 400, Code: "login_required", Meaning: LoginNeeded},
	{Status: 400, Code: "consent_required", Meaning: LoginNeeded},
	{Status: 400, Code: "account_selection_required", Meaning: LoginNeeded},
}

// Judge says what an answer means. Every answer has a meaning: what no row covers is
// unavailable. A page means nothing, whatever its status.
func (a Answers) Judge(answer Answer) Judgement {
	switch {
	case answer.Grants:
		return Judgement{Meaning: Granted}
	case answer.IsPage:
		return Judgement{Meaning: Unavailable}
	}
	if row, ok := a.own(answer); ok {
		return row.judgement()
	}
	if a.Standard {
		for _, row := range standard {
			if row.covers(answer.Code, answer.Status, answer.aboutTheRequest()) {
				return row.judgement()
			}
		}
	}
	if answer.Status == 401 {
		bare := Row{Meaning: a.Bare401}.judgement()
		bare.Unexplained = bare.Meaning == Misconfigured
		return bare
	}
	return Judgement{Meaning: Unavailable}
}

// own is the profile's row about an answer: the one with status and code before one with
// the code alone, and that before one with the status alone. Of two that are as exact, the
// first one counts; what is not right about that, [Set.Get] reports.
func (a Answers) own(answer Answer) (best Row, ok bool) {
	for _, row := range a.Rows {
		if row.covers(answer.Code, answer.Status, answer.asIfRefused()) && (!ok || row.exactness() > best.exactness()) {
			best, ok = row, true
		}
	}
	return best, ok
}

func (r Row) exactness() int {
	exactness := 0
	if r.Code != "" {
		exactness += 2
	}
	if r.Status != 0 {
		exactness++
	}
	return exactness
}

// asIfRefused is 400 for a success with an error code, and else the status: GitHub and
// Slack answer every refusal with 200.
func (a Answer) asIfRefused() int {
	if a.Status/100 == 2 && a.Code != "" {
		return 400
	}
	return a.Status
}

// aboutTheRequest is 400 for each status with which an issuer refuses a request. 407 is
// the proxy's, and 408, 425 and 429 say when and not what (RFC 9110, 8470, 6585).
func (a Answer) aboutTheRequest() int {
	switch a.Status {
	case 407, 408, 425, 429:
		return a.Status
	}
	if a.Status/100 == 4 {
		return 400
	}
	return a.asIfRefused()
}

// covers reports whether the row is about a code at one of these statuses.
func (r Row) covers(code string, statuses ...int) bool {
	if r.Code != "" && r.Code != code {
		return false
	}
	for _, status := range statuses {
		if r.Status == 0 || r.Status == status {
			return true
		}
	}
	return false
}

// judgement is the row's meaning. A refusal without a reason is an unexplained one.
func (r Row) judgement() Judgement {
	if r.Meaning == Refused {
		return Judgement{Meaning: Refused, Reason: cmp.Or(r.Reason, history.ReasonUnexplained)}
	}
	return Judgement{Meaning: cmp.Or(r.Meaning, Unavailable)}
}
