package main

import (
	"flag"
	"fmt"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
)

var statusCommand = command{
	name:    "status",
	summary: "Show the state of the login, in one line.",
	usage:   "[--json] [flags]",
	about: `Looks at the stored login and at the ledger, and locks and writes nothing. It does
not ask the issuer whether the login is still good there.

Exit codes: 0 the token command has a token, 3 login needed, 4 waiting, 5 operator needed.

Example: bezoar status --json`,
	run: status,
}

// statusReport is a status for programs. Its members are named as in the
// app-server's account/health/read where that has them.
type statusReport struct {
	State           string  `json:"state"`
	Reason          *string `json:"reason"`
	Since           *string `json:"since"`
	Usable          bool    `json:"usable"`
	Action          string  `json:"action"`
	Message         string  `json:"message"`
	Method          *string `json:"method"`
	Email           *string `json:"email"`
	PlanType        *string `json:"planType"`
	Fingerprint     *string `json:"fingerprint"`
	AccessExpiresAt *string `json:"accessExpiresAt"`
	NextAttemptAt   *string `json:"nextAttemptAt"`
	InDoubt         bool    `json:"inDoubt"`
	Home            string  `json:"home"`
}

func status(env environment, flags *flag.FlagSet, args []string) error {
	var settings config.Flags
	settings.Register(flags)
	asJSON := jsonFlag(flags)
	if err := parse(flags, args); err != nil {
		return err
	}
	v, err := openView(env, settings)
	if err != nil {
		return err
	}
	if *asJSON {
		err = printJSON(env.stdout, v.report())
	} else {
		_, err = fmt.Fprintln(env.stdout, v.line(paintFor(env.stdout, env.getenv)))
	}
	if err != nil {
		return err
	}
	return exiting(v.code(), nil)
}

func (v *view) report() statusReport {
	assessed := v.assess()
	report := statusReport{
		State: v.label(), Reason: nullable(v.reason()), Since: timestamp(v.since()),
		Usable: assessed.Usable, Action: string(assessed.Action), Message: v.clause(),
		Method: nullable(string(v.state.Method())), Email: nullable(v.state.Account.Email), PlanType: nullable(v.state.Account.PlanType),
		Fingerprint: nullable(v.state.Credential.Fingerprint().Short()), InDoubt: assessed.InDoubt, Home: v.config.Home,
		NextAttemptAt: timestamp(assessed.NextAttemptAt),
	}
	if !v.state.Token().IsEmpty() {
		report.AccessExpiresAt = timestamp(v.state.Expiry)
	}
	return report
}

// reason is why, in a word for programs.
func (v *view) reason() string {
	switch {
	case v.isElsewhere:
		return "kept_in_memory"
	case v.isUnavailable():
		return "store_unavailable"
	case v.isUnreadable():
		return "login_unreadable"
	case v.isForbidden:
		return "login_forbidden"
	case v.isHomeless:
		return ""
	}
	return v.assess().Reason
}
