package view

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

// Unknown stands where a state would, when nobody can tell it.
const Unknown = "Unknown"

// Phase is the name of the state.
func (v *View) Phase() string {
	if v.isElsewhere {
		return Unknown
	}
	return string(cmp.Or(v.State.Phase, machine.NoAuth))
}

func (v *View) isUnavailable() bool {
	_, ok := errors.AsType[*persist.UnavailableError](v.StoreProblem)
	return ok || v.StoreProblem != nil && !v.isUnreadable()
}

func (v *View) isUnreadable() bool {
	_, ok := errors.AsType[*persist.UnreadableError](v.StoreProblem)
	return ok
}

// Assess is the machine's opinion, which all commands tell, with what it cannot
// know of: logins that are out of sight, in the memory of other processes.
func (v *View) Assess() machine.Assessment {
	assessed := v.State.Assess(v.At)
	if v.isElsewhere || v.heldBy() != "" {
		assessed.Action = machine.ActionOperator
	}
	return assessed
}

// serves reports whether the token command can hand out a token: the one at hand is
// good, or it may be refreshed right now.
func (v *View) serves() bool {
	assessed := v.Assess()
	mayRefresh := assessed.Phase == machine.Stale && assessed.Action == machine.ActionNone
	return assessed.Usable || mayRefresh
}

// Code is the exit code that says the same.
func (v *View) Code() int {
	if v.serves() {
		return cli.ExitOK
	}
	return CodeOf(v.Assess().Action)
}

// CodeOf is the exit code for a login that cannot be used.
func CodeOf(action machine.Action) int {
	switch action {
	case machine.ActionLogin:
		return cli.ExitLogin
	case machine.ActionOperator:
		return cli.ExitOperator
	}
	return cli.ExitWait
}

// Line is the state in one line: since when, why, and what to do about it.
func (v *View) Line(p cli.Paint) string { return v.head(p) + " " + v.next() }

// head is the line without its end.
func (v *View) head(p cli.Paint) string {
	since := ""
	if at := v.since(); !at.IsZero() {
		since = " since " + cli.DayTime(at, v.At)
	}
	return p.In(v.colour(), v.Phase()) + since + ": " + v.Clause() + "."
}

func (v *View) colour() string {
	switch {
	case v.Phase() == Unknown, v.State.Phase == machine.Poisoned:
		return cli.Red
	case v.State.Phase == machine.Fresh, v.State.Phase == machine.ApiKey:
		return cli.Green
	case v.State.Phase == machine.Stale:
		return cli.Yellow
	}
	return cli.Bold
}

// next is what to do, as the end of a line.
func (v *View) next() string {
	if step := v.nextStep(); step != "" {
		return "Next: " + step
	}
	return "Nothing to do."
}

// nextStep is what to do, "" for nothing.
func (v *View) nextStep() string {
	assessed := v.Assess()
	switch assessed.Action {
	case machine.ActionLogin:
		return "bezoar login"
	case machine.ActionOperator:
		return "bezoar doctor"
	case machine.ActionWait:
		return waitUntil(assessed.NextAttemptAt, v.At)
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
	return "wait until " + cli.NearTime(then.Add(time.Second-1).Truncate(time.Second), now)
}

// Clause is what is known of the login.
func (v *View) Clause() string {
	if v.trailProblem != nil && !v.isUnavailable() {
		return v.known() + "; the ledger cannot be read, so what the issuer said before is not known"
	}
	return v.known()
}

func (v *View) known() string {
	switch {
	case v.isHomeless:
		return "nobody is logged in; there is no home " + v.Config.Home + " yet"
	case v.isElsewhere:
		return "this home keeps logins in the memory of each program, where another one cannot look (cli_auth_credentials_store)"
	case v.isUnavailable():
		return "what is stored cannot be read: " + cli.Printable(cli.Cause(v.StoreProblem).Error())
	case v.isUnreadable():
		return cli.Printable(v.StoreProblem.Error())
	case v.isForbidden:
		return "the stored login may not be used here (forced_login_method or forced_chatgpt_workspace_id in config.toml)"
	}
	if v.Assess().Reason == machine.ReasonIncomplete {
		return "what is stored has no token to hand out, or does not say when it was last refreshed"
	}
	switch v.State.Phase {
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
		verdict, _ := v.State.Verdict()
		return Because(verdict.Reason)
	}
	if v.History.LoggedOut {
		return "logged out"
	}
	return "nobody is logged in"
}

// access is what the access token says of itself.
func (v *View) access() string {
	switch expiry := v.State.Expiry; {
	case expiry.IsZero():
		return "the access token does not say when it expires"
	case v.Assess().ClockWrong:
		return "the access token had expired when it came, by the clock of this machine, which may be wrong; it is used until " + cli.NearTime(expiry, v.At)
	case v.At.Before(expiry):
		return "the access token is good until " + cli.NearTime(expiry, v.At)
	default:
		return "the access token expired at " + cli.NearTime(expiry, v.At)
	}
}

// endOfFresh tells of a token set that cannot be refreshed when its time comes.
func (v *View) endOfFresh() string {
	verdict, condemned := v.State.Verdict()
	if !condemned {
		return ""
	}
	return ", and a login is needed then: " + Because(verdict.Reason)
}

// obstacle is what stands in the way of a refresh that is due.
func (v *View) obstacle() string {
	switch v.State.Blocked {
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
	if v.State.Rejected {
		return "and it was refused"
	}
	return "and the next use refreshes it"
}

// lastAnswer is what came of the last attempt that was made, as far as it is known.
func (v *View) lastAnswer() string {
	e, ok := v.last(persist.Deferred, persist.Refused)
	what := answered(v.State.Evidence.Evidence)
	switch {
	case ok && e.Kind == persist.Refused && what != "":
		return what + ", which refuses the refresh without a reason"
	case ok && e.Kind == persist.Refused:
		return "the issuer refused the last refresh without a reason"
	case what == "":
		return "the issuer is unavailable" + times(v.History.Deferral.Failures)
	}
	return what + times(v.State.Evidence.Times)
}

func times(count int) string {
	if count < 2 {
		return ""
	}
	return fmt.Sprintf(" %d times in a row", count)
}

// Because is a verdict in words.
func Because(reason history.Reason) string {
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
	return "this refresh token is refused: " + cli.Printable(strings.ReplaceAll(string(reason), "_", " "))
}
