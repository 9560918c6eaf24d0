package main

import (
	"fmt"
	"io"
	"strings"
)

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

// whyReport is the story for programs: all that status says, and how it came to that.
type whyReport struct {
	statusReport
	Story  []happening `json:"story"`
	Causes *string     `json:"causes"` // what usually leads there
	Next   *string     `json:"next"`   // a command to run, or what to wait for; null if there is nothing to do
}

func (v *view) explanation() whyReport {
	return whyReport{v.report(), v.story(), nullable(v.causes()), nullable(v.nextStep())}
}

// isUnread reports whether what is stored cannot be read, so that nothing is explained.
func (v *view) isUnread() bool {
	return v.label() == unknown || v.storeProblem != nil && v.code() == exitOperator
}

func (v *view) tell(out io.Writer, p paint) error {
	var text strings.Builder
	story, width := v.story(), 0
	for _, each := range story {
		width = max(width, len(exactTime(each.At.Time, v.at)))
	}
	for _, each := range story {
		fmt.Fprintf(&text, "%-*s  %s\n", width, exactTime(each.At.Time, v.at), each.Text)
	}
	switch {
	case v.trailProblem != nil:
		fmt.Fprintf(&text, "The ledger cannot be read: %s.\n", printable(unavailable(v.trailProblem).Error()))
	case len(story) == 0:
		fmt.Fprintln(&text, "The ledger has no entry about this login: it was made outside bezoar, or there is none.")
	}
	fmt.Fprintf(&text, "\n%s\n", v.head(p))
	if causes := v.causes(); causes != "" {
		fmt.Fprintln(&text, causes)
	}
	fmt.Fprintf(&text, "\n%s\n", v.next())
	_, err := io.WriteString(out, text.String())
	return err
}
