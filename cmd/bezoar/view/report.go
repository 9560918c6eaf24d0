package view

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/live"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/legible"
)

// Status is the state of the login, as JSON. Its members are named as in the answer to
// account/health/read, where that has them.
type Status struct {
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
	Account         *string `json:"account"` // that the login is one of; null for that of the home itself
	Issuer          string  `json:"issuer"`  // that gave, or would give, the login; what people call it
	Subject         *string `json:"subject"` // who the issuer says it is; null for Codex, and where nothing tells
}

// Report is the state of the login, as JSON.
func (v *View) Report() Status {
	assessed := v.Assess()
	report := Status{
		State: v.Phase(), Reason: protocol.Nullable(v.reason()), Since: protocol.Timestamp(v.since()),
		Usable: assessed.Usable, Action: string(assessed.Action), Message: v.Clause(),
		Method: protocol.Nullable(string(v.State.Method())), Email: protocol.Nullable(v.State.Account().Email), PlanType: protocol.Nullable(v.State.Account().PlanType),
		Fingerprint: protocol.Nullable(v.State.Access().Short()), InDoubt: assessed.InDoubt, Home: v.Config.Home,
		Account: protocol.Nullable(v.Config.Account.Name), Issuer: v.Config.IssuerName(), Subject: protocol.Nullable(v.Subject()),
		NextAttemptAt: protocol.Timestamp(assessed.NextAttemptAt),
	}
	if !v.State.Token().IsEmpty() {
		report.AccessExpiresAt = protocol.Timestamp(v.State.Expiry())
	}
	return report
}

// Subject is who the issuer says that the login belongs to, "" if nothing tells, and for a
// login of Codex.
func (v *View) Subject() string {
	if v.Config.IsCodex() {
		return ""
	}
	return v.State.AccountID()
}

// reason is the reason of the state, as one word for programs.
func (v *View) reason() string {
	switch {
	case v.inMemory:
		return "kept_in_memory"
	case v.isUnavailable():
		return "store_unavailable"
	case v.isUnreadable():
		return "login_unreadable"
	case v.forbidden:
		return "login_forbidden"
	case v.noHome:
		return ""
	}
	return v.Assess().Reason
}

// Explanation is the status and how the login came to it, as JSON.
type Explanation struct {
	Status
	Story  []happening `json:"story"`
	Causes *string     `json:"causes"` // what usually leads to the state
	Next   *string     `json:"next"`   // a command to run, or what to wait for; null if there is nothing to do

	Others []other `json:"others"` // programs that refresh this login by themselves
}

// other is a running program that refreshes the login by itself, as JSON.
type other struct {
	PID     int     `json:"pid"`
	Command string  `json:"command"`
	Since   *string `json:"since"`
}

// Explain is the state and the story of the login, as JSON.
func (v *View) Explain() Explanation {
	running := []other{}
	for _, each := range v.Others().Running {
		running = append(running, other{each.PID, each.Mode.String(), protocol.Timestamp(each.Since)})
	}
	return Explanation{v.Report(), v.story(), protocol.Nullable(v.causes()), protocol.Nullable(v.NextStep()), running}
}

// IsUnread reports whether the stored login cannot be read, so that there is nothing to
// explain.
func (v *View) IsUnread() bool {
	return v.Phase() == Unknown || v.StoreProblem != nil && v.Code() == cli.ExitOperator
}

// Print writes the state, its story and its causes for the user.
func (v *View) Print(out io.Writer, p cli.Paint) error {
	var text strings.Builder
	story, width := v.story(), 0
	for _, each := range story {
		width = max(width, len(cli.ExactTime(each.At.Time, v.At)))
	}
	for _, each := range story {
		fmt.Fprintf(&text, "%-*s  %s\n", width, cli.ExactTime(each.At.Time, v.At), each.Text)
	}
	switch {
	case v.ledgerProblem != nil:
		fmt.Fprintf(&text, "The ledger cannot be read: %s.\n", legible.Line(cli.WithoutPrefix(v.ledgerProblem).Error()))
	case len(story) == 0:
		fmt.Fprintln(&text, "The ledger has no entry about this login: it was made outside bezoar, or there is no login.")
	}
	fmt.Fprintf(&text, "\n%s\n", v.head(p))
	if causes := v.causes(); causes != "" {
		fmt.Fprintln(&text, causes)
	}
	if others := v.Others(); !others.IsEmpty() {
		fmt.Fprintf(&text, "\n%s\n", others.paragraph())
	}
	fmt.Fprintf(&text, "\n%s\n", v.next())
	_, err := io.WriteString(out, text.String())
	return err
}

// PageWords are the sentences of status and why, for the live page.
type PageWords struct{}

// State describes the state of the login and the next step.
func (PageWords) State(s machine.Snapshot, entries []persist.Entry, now time.Time) (known, toDo string) {
	v := View{State: s, entries: withoutFailedLogouts(entries), At: now}
	for _, e := range v.entries {
		if begins(e) {
			v.History.LoggedOut = e.Kind == persist.Logout
		}
	}
	known = v.known()
	if reason := s.Assess(now).Reason; s.Phase() == machine.NoAuth && reason != "" {
		known += ": " + strings.ReplaceAll(reason, "_", " ")
	}
	return strings.ToUpper(known[:1]) + known[1:] + ".", v.next()
}

// Refused describes a login whose access token the servers refuse, although it is so new that
// no other one is asked for yet, and the next step.
func (PageWords) Refused(s machine.Snapshot, _ []persist.Entry, now time.Time) (known, toDo string) {
	age := "that was new a moment ago"
	if at := s.RefreshedAt(); !at.IsZero() && now.Sub(at) >= time.Second {
		age = fmt.Sprintf("that the issuer gave %v ago", now.Sub(at).Truncate(time.Second))
	}
	return "The server refuses the access token " + age + ".", "Next: try again in a moment; if the server still refuses it, bezoar login"
}

// Story describes entries of the ledger, the oldest first.
func (PageWords) Story(entries []persist.Entry, now time.Time) []live.Sentence {
	v := View{entries: withoutFailedLogouts(entries), At: now}
	var open []persist.Entry
	for i, e := range v.entries {
		if !v.isOutcomeKnown(i) {
			open = append(open, e)
		}
	}
	var told []live.Sentence
	for _, each := range v.sentences(open) {
		told = append(told, live.Sentence{At: each.At.Time, Kind: each.Kind, Text: each.Text})
	}
	return told
}

// Reason is the reason of a verdict, in words.
func (PageWords) Reason(reason history.Reason) string { return Because(reason) }

// Cause is why a refresh was wanted, in words.
func (PageWords) Cause(cause endpoint.Cause) string { return strings.TrimPrefix(OnCause(cause), " ") }
