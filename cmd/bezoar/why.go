package main

import (
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

var whyCommand = command{
	name:    "why",
	summary: "Tell how the login came to be as it is, and what to do.",
	usage:   "[--json] [flags]",
	about: `The story of the present state from the ledger, the oldest cause first: what was
logged in, refreshed and refused, when and by which process. Tokens have the
fingerprints that bezoar log has for them. It asks no one and writes nothing. With --json
it prints the members of status --json, and story, causes and next.

Exit codes: 0 in every state, 5 if what is stored cannot be read.

Example: bezoar why`,
	run: why,
}

// whyReport is the story for programs: all that status says, and how it came to that.
type whyReport struct {
	statusReport
	Story  []happening `json:"story"`
	Causes *string     `json:"causes"` // what usually leads there
	Next   *string     `json:"next"`   // a command to run, or what to wait for; null if there is nothing to do
}

func why(env environment, flags *flag.FlagSet, args []string) error {
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
		err = printJSON(env.stdout, whyReport{v.report(), v.story(), nullable(v.causes()), nullable(v.nextStep())})
	} else {
		err = v.tell(env.stdout, paintFor(env.stdout, env.getenv))
	}
	if err == nil && (v.label() == unknown || v.storeProblem != nil && v.code() == exitOperator) {
		err = exiting(exitOperator, nil)
	}
	return err
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

// causes are what usually leads to the present state, as far as it is known. The
// ledger of one home cannot tell what was done with a copy of it; what it does tell
// goes before what is usual.
func (v *view) causes() string {
	if v.state.Phase != machine.Poisoned {
		return ""
	}
	verdict, _ := v.state.Verdict()
	if verdict.Reason == history.ReasonReused || verdict.Reason == history.ReasonInvalidGrant {
		if known := v.lostGrant(); known != "" {
			return known
		}
	}
	switch verdict.Reason {
	case history.ReasonReused:
		return "This comes of two programs that each refresh a copy of one login: another home, another\nmachine, a backup, or a program that keeps the tokens in its memory. Give each a login of its own."
	case history.ReasonSpent:
		if lost := v.lostByHolder(); lost != "" {
			return lost
		}
		return "This comes of an auth.json that was put back from a backup or a copy."
	case history.ReasonRevoked:
		return "This comes of a logout elsewhere, a changed password, or an administrator."
	case history.ReasonExpired:
		return "This comes of a login that was not used for a long time."
	case history.ReasonInDoubt:
		return "This comes of processes that were ended, or connections that broke, while the issuer answered."
	}
	return ""
}

// lostGrant tells of an earlier post of the refresh token in use whose answer
// never came to be known: it may have been a grant, and then the token was spent
// by it, and by no copy of the login.
func (v *view) lostGrant() string {
	key := v.key()
	for i := len(v.entries) - 1; i >= 0; i-- {
		switch e := v.entries[i]; {
		case e.TokenID != key:
		case e.Kind == persist.Intended && !v.isOutcomeKnown(i):
			return fmt.Sprintf("This comes of process %d, which ended while the issuer answered (killed, or the machine went\ndown): what it was granted is lost, and the refresh token was spent by that.", e.PID)
		case e.Kind == persist.Deferred && e.Lost:
			return fmt.Sprintf("This comes of an answer that was lost on its way to process %d: it was a grant, and the refresh\ntoken was spent by that.", e.PID)
		}
	}
	return ""
}
