package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

// unknown stands where a state would, when nobody can tell it.
const unknown = "Unknown"

// label is the name of the state.
func (v *view) label() string {
	if v.isElsewhere {
		return unknown
	}
	return string(cmp.Or(v.state.Phase, machine.NoAuth))
}

func (v *view) isUnavailable() bool {
	_, ok := errors.AsType[*persist.UnavailableError](v.storeProblem)
	return ok || v.storeProblem != nil && !v.isUnreadable()
}

func (v *view) isUnreadable() bool {
	_, ok := errors.AsType[*persist.UnreadableError](v.storeProblem)
	return ok
}

// assess is the machine's opinion, which all commands tell, with what it cannot
// know of: logins that are out of sight, in the memory of other processes.
func (v *view) assess() machine.Assessment {
	assessed := v.state.Assess(v.at)
	if v.isElsewhere || v.heldBy() != "" {
		assessed.Action = machine.ActionOperator
	}
	return assessed
}

// serves reports whether the token command can hand out a token: the one at hand is
// good, or it may be refreshed right now.
func (v *view) serves() bool {
	assessed := v.assess()
	mayRefresh := assessed.Phase == machine.Stale && assessed.Action == machine.ActionNone
	return assessed.Usable || mayRefresh
}

// code is the exit code that says the same.
func (v *view) code() int {
	if v.serves() {
		return exitOK
	}
	return codeOf(v.assess().Action)
}

// codeOf is the exit code for a login that cannot be used.
func codeOf(action machine.Action) int {
	switch action {
	case machine.ActionLogin:
		return exitLogin
	case machine.ActionOperator:
		return exitOperator
	}
	return exitWait
}

// line is the state in one line: since when, why, and what to do about it.
func (v *view) line(p paint) string { return v.head(p) + " " + v.next() }

// head is the line without its end.
func (v *view) head(p paint) string {
	since := ""
	if at := v.since(); !at.IsZero() {
		since = " since " + dayTime(at, v.at)
	}
	return p.in(v.colour(), v.label()) + since + ": " + v.clause() + "."
}

func (v *view) colour() string {
	switch {
	case v.label() == unknown, v.state.Phase == machine.Poisoned:
		return red
	case v.state.Phase == machine.Fresh, v.state.Phase == machine.ApiKey:
		return green
	case v.state.Phase == machine.Stale:
		return yellow
	}
	return bold
}

// next is what to do, as the end of a line.
func (v *view) next() string {
	if step := v.nextStep(); step != "" {
		return "Next: " + step
	}
	return "Nothing to do."
}

// nextStep is what to do, "" for nothing.
func (v *view) nextStep() string {
	assessed := v.assess()
	switch assessed.Action {
	case machine.ActionLogin:
		return "bezoar login"
	case machine.ActionOperator:
		return "bezoar doctor"
	case machine.ActionWait:
		return waitUntil(assessed.NextAttemptAt, v.at)
	}
	switch {
	case assessed.Phase == machine.Stale && !assessed.Usable:
		return "bezoar token"
	case assessed.ClockWrong:
		return "bezoar doctor"
	}
	return ""
}

// waitUntil is when to come back. What is less than a second away is over when it
// has been read.
func waitUntil(then, now time.Time) string {
	if then.Sub(now) < time.Second {
		return "try again in a moment"
	}
	return "wait until " + nearTime(then.Add(time.Second-1).Truncate(time.Second), now)
}

// clause is what is known of the login.
func (v *view) clause() string {
	if v.trailProblem != nil && !v.isUnavailable() {
		return v.known() + "; the ledger cannot be read, so what the issuer said before is not known"
	}
	return v.known()
}

func (v *view) known() string {
	switch {
	case v.isHomeless:
		return "nobody is logged in; there is no home " + v.config.Home + " yet"
	case v.isElsewhere:
		return "this home keeps logins in the memory of each program, where another one cannot look (cli_auth_credentials_store)"
	case v.isUnavailable():
		return "what is stored cannot be read: " + printable(unavailable(v.storeProblem).Error())
	case v.isUnreadable():
		return printable(v.storeProblem.Error())
	case v.isForbidden:
		return "the stored login may not be used here (forced_login_method or forced_chatgpt_workspace_id in config.toml)"
	}
	if v.assess().Reason == machine.ReasonIncomplete {
		return "what is stored has no token to hand out, or does not say when it was last refreshed"
	}
	switch v.state.Phase {
	case machine.ApiKey:
		return "an API key is stored, which never ages; only a request can tell whether it is still good"
	case machine.Fresh:
		return v.access() + v.endOfFresh()
	case machine.Stale:
		return v.access() + ", " + v.obstacle()
	case machine.Poisoned:
		if holder := v.heldBy(); holder != "" {
			return holder
		}
		verdict, _ := v.state.Verdict()
		return because(verdict.Reason)
	}
	if v.lineage.LoggedOut {
		return "logged out"
	}
	return "nobody is logged in"
}

// access is what the access token says of itself.
func (v *view) access() string {
	switch expiry := v.state.Expiry; {
	case expiry.IsZero():
		return "the access token does not say when it expires"
	case v.assess().ClockWrong:
		return "the access token had expired when it came, by the clock of this machine, which may be wrong; it is used until " + nearTime(expiry, v.at)
	case v.at.Before(expiry):
		return "the access token is good until " + nearTime(expiry, v.at)
	default:
		return "the access token expired at " + nearTime(expiry, v.at)
	}
}

// endOfFresh tells of a token set that cannot be refreshed when its time comes.
func (v *view) endOfFresh() string {
	verdict, condemned := v.state.Verdict()
	if !condemned {
		return ""
	}
	return ", and a login is needed then: " + because(verdict.Reason)
}

// obstacle is what stands in the way of a refresh that is due.
func (v *view) obstacle() string {
	switch v.state.Blocked {
	case evidence.BlockIssuerUnavailable:
		return "and " + v.lastAnswer()
	case evidence.BlockRefreshElsewhere:
		return "and another process is asking for a new one"
	case evidence.BlockInDoubt:
		return "and the answer to the last refresh was lost, so that its refresh token may be spent"
	case evidence.BlockStoreNotDurable:
		return "and there is no refresh because a new login could not be stored"
	case evidence.BlockStoreUnavailable:
		return "and there is no refresh because the store cannot be read"
	case evidence.BlockOtherLoginStored:
		return "and the store holds another login by now"
	}
	if v.state.Rejected {
		return "and it was refused"
	}
	return "and the next use refreshes it"
}

// lastAnswer is what came of the last attempt that was made, as far as it is known.
func (v *view) lastAnswer() string {
	e, ok := v.last(persist.Deferred, persist.Refused)
	what := answered(v.state.Evidence.Evidence)
	switch {
	case ok && e.Kind == persist.Refused && what != "":
		return what + ", which refuses the refresh without a reason"
	case ok && e.Kind == persist.Refused:
		return "the issuer refused the last refresh without a reason"
	case what == "":
		return "the issuer is unavailable" + times(v.lineage.Deferral.Failures)
	}
	return what + times(v.state.Evidence.Times)
}

func times(count int) string {
	if count < 2 {
		return ""
	}
	return fmt.Sprintf(" %d times in a row", count)
}

// because is a verdict in words.
func because(reason history.Reason) string {
	switch reason {
	case history.ReasonExpired:
		return "the issuer says this refresh token has expired"
	case history.ReasonReused:
		return "the issuer says this refresh token was already used"
	case history.ReasonRevoked:
		return "the issuer says this refresh token was revoked"
	case history.ReasonInvalidGrant:
		return "the issuer does not accept this refresh token any more"
	case history.ReasonUnexplained:
		return "the issuer refused this refresh token without a reason"
	case history.ReasonInDoubt:
		return "two refreshes with this refresh token had no outcome, so that it is taken for spent"
	case history.ReasonMissing:
		return "there is no refresh token"
	case history.ReasonSpent:
		return "this refresh token was replaced by a newer one, which is not what is stored here"
	}
	return "this refresh token is refused: " + printable(strings.ReplaceAll(string(reason), "_", " "))
}
