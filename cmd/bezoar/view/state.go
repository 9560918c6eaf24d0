package view

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/protocol/legible"
)

// Unknown stands in place of a state that this process cannot know.
const Unknown = "Unknown"

// Phase is the name of the state.
func (v *View) Phase() string {
	if v.inMemory {
		return Unknown
	}
	return string(cmp.Or(v.State.Phase(), machine.NoAuth))
}

func (v *View) isUnavailable() bool {
	_, ok := errors.AsType[*persist.UnavailableError](v.StoreProblem)
	return ok || v.StoreProblem != nil && !v.isUnreadable()
}

func (v *View) isUnreadable() bool {
	_, ok := errors.AsType[*persist.UnreadableError](v.StoreProblem)
	return ok
}

// Assess is the machine's assessment, which all commands print, corrected for logins
// that this process cannot see: those in the memory of other processes.
func (v *View) Assess() machine.Assessment {
	assessed := v.State.Assess(v.At)
	if v.inMemory || v.heldBy() != "" {
		assessed.Action = machine.ActionOperator
	}
	return assessed
}

// serves reports whether bezoar token has a token: the access token is valid, or may be
// refreshed right now.
func (v *View) serves() bool {
	assessed := v.Assess()
	mayRefresh := assessed.Phase == machine.Stale && assessed.Action == machine.ActionNone
	return assessed.Usable || mayRefresh
}

// Code is the exit code for the state.
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
	account := ""
	if name := v.Config.Account.Name; name != "" {
		account = fmt.Sprintf("%s (%s): ", name, legible.Line(v.Config.IssuerName()))
	}
	return account + p.In(v.colour(), v.Phase()) + since + ": " + v.Clause() + "."
}

func (v *View) colour() string {
	switch {
	case v.Phase() == Unknown, v.State.Phase() == machine.Poisoned:
		return cli.Red
	case v.State.Phase() == machine.Fresh, v.State.Phase() == machine.ApiKey:
		return cli.Green
	case v.State.Phase() == machine.Stale:
		return cli.Yellow
	}
	return cli.Bold
}

// next is the next step, as the end of a line.
func (v *View) next() string {
	if step := v.NextStep(); step != "" {
		return "Next: " + step
	}
	return "Nothing to do."
}

// NextStep is a command to run or a time to wait for, "" for none.
func (v *View) NextStep() string {
	assessed := v.Assess()
	if (v.State.LoginMethod() == machine.MethodExternal || v.publishedFrom != "") && assessed.Action == machine.ActionLogin {
		return v.supplyStep()
	}
	switch assessed.Action {
	case machine.ActionLogin:
		return v.Config.Command("login")
	case machine.ActionOperator:
		if v.State.Blocked() == evidence.BlockMisconfigured && !assessed.Unsaved {
			do := "change the profile"
			if v.State.Evidence().Problem == evidence.ProblemOtherProfile {
				do = "put the profile back"
			}
			return do + " in config.toml ([issuers." + cmp.Or(v.Config.Profile.Name, "NAME") + "]), or " + v.Config.Command("login")
		}
		return v.Config.Command("doctor")
	case machine.ActionWait:
		return waitUntil(assessed.NextAttemptAt, v.At)
	}
	switch {
	case assessed.Phase == machine.Stale && !assessed.Usable:
		return v.Config.Command("token")
	case assessed.ClockWrong:
		return v.Config.Command("doctor")
	}
	return ""
}

// waitUntil is when to try again. A time less than a second away is over before the
// user has read it.
func waitUntil(then, now time.Time) string {
	if then.Sub(now) < time.Second {
		return "try again in a moment"
	}
	return "wait until " + cli.NearTime(then.Add(time.Second-1).Truncate(time.Second), now)
}
