package view

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/protocol/legible"
)

// Clause describes the login, as the middle of a line.
func (v *View) Clause() string {
	if v.ledgerProblem != nil && !v.isUnavailable() {
		return v.known() + "; the ledger cannot be read, so what the issuer said before is not known"
	}
	return v.known()
}

func (v *View) known() string {
	switch {
	case v.noHome:
		return "not logged in; there is no home " + v.Config.Home + " yet"
	case v.inMemory:
		return "this home keeps logins in the memory of each process, where no other process can read them (cli_auth_credentials_store)"
	case v.isUnavailable():
		return "the stored login cannot be read: " + legible.Line(cli.WithoutPrefix(v.StoreProblem).Error())
	case v.isUnreadable():
		return legible.Line(v.StoreProblem.Error())
	case v.forbidden:
		return "the stored login may not be used here (forced_login_method or forced_chatgpt_workspace_id in config.toml)"
	}
	if v.Assess().Reason == machine.ReasonIncomplete {
		return "the stored login has no access token, or no time of its last refresh"
	}
	if v.State.LoginMethod() == machine.MethodExternal {
		return v.access() + v.supply()
	}
	switch v.State.Phase() {
	case machine.ApiKey:
		return "an API key is stored, which never expires; only a request shows whether it is still valid"
	case machine.Fresh:
		return v.access() + v.endOfFresh()
	case machine.Stale:
		return v.access() + ", " + v.obstacle()
	case machine.Poisoned:
		if holder := v.heldBy(); holder != "" {
			return holder
		}
		verdict, _ := v.State.Verdict()
		return Because(verdict.Reason) + v.afterDoubt(verdict)
	}
	if v.publishedFrom != "" {
		return "not logged in; bezoar publish, from " + v.publishedFrom + ", puts a token here while that home has a login"
	}
	if v.History.LoggedOut {
		return "logged out"
	}
	return "not logged in"
}

// access describes the access token.
func (v *View) access() string {
	switch expiry := v.State.Expiry(); {
	case expiry.IsZero():
		return "the access token has no known expiry"
	case v.Assess().ClockWrong:
		return "the access token had already expired when it was issued, by the clock of this machine, which may be wrong; it is used until " + cli.NearTime(expiry, v.At)
	case v.At.Before(expiry):
		return "the access token is valid until " + cli.NearTime(expiry, v.At)
	default:
		return "the access token expired at " + cli.NearTime(expiry, v.At)
	}
}

// endOfFresh warns of a login that cannot be refreshed when its access token expires.
func (v *View) endOfFresh() string {
	verdict, condemned := v.State.Verdict()
	switch {
	case condemned:
		return ", and then a new login is needed: " + Because(verdict.Reason) + v.afterDoubt(verdict)
	case v.State.Blocked() != "":
		return ", and then there is no other one: " + v.objection()
	case v.State.InDoubt():
		return ", and " + inDoubt
	}
	return ""
}

// objection is what the issuer has against every refresh of the login, "" for nothing.
func (v *View) objection() string { return objectionOf(v.State.Blocked(), v.State.Evidence().Evidence) }

func objectionOf(why evidence.BlockReason, said evidence.Evidence) string {
	switch why {
	case evidence.BlockMisconfigured:
		if words, ok := noAnswer[said.Problem]; ok { // the issuer was not asked
			return words
		}
		return "the issuer does not accept this client" + inBrackets(said) + "; the login itself is not refused"
	case evidence.BlockLoginNeeded:
		return "the issuer wants the user to log in" + inBrackets(said) + "; the refresh token is not refused"
	}
	return ""
}

// inBrackets is an answer of the issuer in short, "" for none.
func inBrackets(said evidence.Evidence) string {
	var words []string
	if said.Status != 0 {
		words = append(words, strconv.Itoa(said.Status))
	}
	for _, each := range []string{said.Code, strings.ReplaceAll(string(said.Problem), "_", " ")} {
		if each != "" {
			words = append(words, legible.Line(each))
		}
	}
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, " ") + ")"
}

// inDoubt is said of a login while its next refresh may be refused for it.
const inDoubt = "the outcome of a refresh is not known, so the refresh token may be spent"

// afterDoubt names the refresh without an outcome that may have spent a refresh token
// before it was refused. The reason may say so itself.
func (v *View) afterDoubt(verdict history.Verdict) string {
	if !verdict.InDoubt || verdict.Reason == history.ReasonInDoubt {
		return ""
	}
	return ", after a refresh whose outcome is not known"
}

// obstacle says why a refresh that is due has not been made.
func (v *View) obstacle() string {
	switch v.State.Blocked() {
	case evidence.BlockIssuerUnavailable:
		return "and " + v.lastAnswer()
	case evidence.BlockRefreshElsewhere:
		return "and another process is refreshing it"
	case evidence.BlockInDoubt:
		return "and the answer to the last refresh was lost, so the refresh token may be spent"
	case evidence.BlockStoreNotDurable:
		return "and there is no refresh because new tokens could not be stored"
	case evidence.BlockStoreUnavailable:
		return "and there is no refresh because the store cannot be read"
	case evidence.BlockOtherLoginStored:
		return "and the store now holds another login"
	case evidence.BlockMisconfigured, evidence.BlockLoginNeeded:
		return "and " + v.objection()
	}
	switch {
	case v.State.InDoubt():
		return "and " + inDoubt + "; the next use tries it once more"
	case v.State.Rejected():
		return "and a server rejected it"
	}
	return "and the next use refreshes it"
}

// lastAnswer describes the outcome of the last attempt, as far as it is known.
func (v *View) lastAnswer() string {
	e, ok := v.last(persist.Deferred, persist.Refused)
	what := answered(v.State.Evidence().Evidence)
	switch {
	case ok && e.Kind == persist.Refused && what != "":
		return what + ", which refuses the refresh without a reason"
	case ok && e.Kind == persist.Refused:
		return "the issuer refused the last refresh without a reason"
	case what == "":
		return "the issuer is unavailable" + times(v.History.Deferral.Failures)
	}
	return what + times(v.State.Evidence().Times)
}

func times(count int) string {
	if count < 2 {
		return ""
	}
	return fmt.Sprintf(" %d times in a row", count)
}

// Because is the reason of a verdict, in words.
func Because(reason history.Reason) string {
	switch reason {
	case history.ReasonExpired:
		return "the issuer says this refresh token has expired"
	case history.ReasonReused:
		return "the issuer says this refresh token was already used"
	case history.ReasonRevoked:
		return "the issuer says this refresh token was revoked"
	case history.ReasonInvalidGrant:
		return "the issuer no longer accepts this refresh token"
	case history.ReasonUnexplained:
		return "the issuer refused this refresh token without a reason"
	case history.ReasonInDoubt:
		return "the outcome of two refreshes with this refresh token is not known, so it counts as spent"
	case history.ReasonMissing:
		return "there is no refresh token"
	case history.ReasonSpent:
		return "this refresh token was replaced by a newer one, which is not stored here"
	}
	return "this refresh token is refused: " + legible.Line(strings.ReplaceAll(string(reason), "_", " "))
}

// answered is evidence in words: what the issuer answered, or why there was no answer.
// It is "" if nothing is known.
func answered(e evidence.Evidence) string {
	status := ""
	if e.Status != 0 {
		status = fmt.Sprintf(" %d", e.Status)
	}
	if e.Code != "" {
		status += " " + legible.Line(e.Code)
	}
	switch e.Problem {
	case "":
		if status == "" {
			return ""
		}
		return "the issuer answered" + status
	case evidence.ProblemPage:
		return "something between here and the issuer answered" + status + " with a page (a gateway, a proxy or a login portal)"
	case evidence.ProblemNoToken:
		return "the issuer answered" + status + " without a usable token"
	case evidence.ProblemUnreadable:
		return "the issuer answered" + status + " in a form that cannot be read"
	}
	if words, ok := noAnswer[e.Problem]; ok {
		return words
	}
	return "the issuer could not be reached: " + legible.Line(e.Problem.Error())
}

// noAnswer are the reasons for which the issuer did not answer.
var noAnswer = map[evidence.Problem]string{
	evidence.ProblemCancelled:           "the request to the issuer was cancelled",
	evidence.ProblemTimedOut:            "the issuer did not answer in time",
	evidence.ProblemNoConnection:        "no connection to the issuer could be made",
	evidence.ProblemConnectionRefused:   "the issuer's host refused the connection",
	evidence.ProblemConnectionBroken:    "the connection to the issuer broke",
	evidence.ProblemNameUnknown:         "the host name of the issuer cannot be resolved",
	evidence.ProblemProxyUnreachable:    "the proxy does not answer",
	evidence.ProblemProxyRefused:        "the proxy refused the request",
	evidence.ProblemCertificate:         "the issuer's certificate is not trusted here",
	evidence.ProblemCAFileUnreadable:    "the file of certificate authorities cannot be read",
	evidence.ProblemCAFileNoCertificate: "the file of certificate authorities has no PEM certificate",
	evidence.ProblemAddress:             "the address of the issuer is not a URL",
	evidence.ProblemHeader:              "a setting cannot be sent in a header",
	evidence.ProblemPlainHTTP:           "the issuer's address is plain HTTP, and no token is sent there",
	evidence.ProblemClientSecret:        "the secret of the client cannot be had",
	evidence.ProblemOtherProfile:        "the login is one of another issuer or client than its profile says",
}
