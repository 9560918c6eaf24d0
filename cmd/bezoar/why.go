package main

import (
	"flag"
	"fmt"
	"io"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/machine"
)

var whyCommand = command{
	name:    "why",
	summary: "Tell how the login came to be as it is, and what to do.",
	usage:   "[--json] [flags]",
	about: `The story of the present state from the ledger, the oldest cause first: what was
logged in, refreshed and refused, when and by which process. Tokens have the
fingerprints that logs and the ledger call them by. Nothing is asked or written.

Example: bezoar why`,
	run: why,
}

// whyReport is the story for programs.
type whyReport struct {
	State   string      `json:"state"`
	Story   []happening `json:"story"`
	Message string      `json:"message"`
	Causes  *string     `json:"causes"` // what usually leads there
	Action  string      `json:"action"`
	Next    string      `json:"next"`
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
		return printJSON(env.stdout, whyReport{
			State: v.label(), Story: v.story(), Message: v.clause(), Causes: nullable(v.causes()),
			Action: string(v.action()), Next: v.next(),
		})
	}
	return v.tell(env.stdout, paintFor(env.stdout, env.getenv))
}

func (v *view) tell(out io.Writer, p paint) error {
	story, width := v.story(), 0
	for _, each := range story {
		width = max(width, len(exactTime(each.At, v.at)))
	}
	for _, each := range story {
		fmt.Fprintf(out, "%-*s  %s\n", width, exactTime(each.At, v.at), each.Text)
	}
	if len(story) == 0 {
		fmt.Fprintln(out, "The ledger of this home tells nothing of it: bezoar had no part in what happened before.")
	}
	fmt.Fprintf(out, "\n%s\n", v.head(p))
	if causes := v.causes(); causes != "" {
		fmt.Fprintln(out, causes)
	}
	_, err := fmt.Fprintf(out, "\n%s\n", v.next())
	return err
}

// causes are what usually leads to the present state, as far as it is known. The
// ledger of one home cannot tell what was done with a copy of it.
func (v *view) causes() string {
	verdict, _ := v.state.Verdict()
	switch {
	case v.state.Label != machine.Poisoned:
		return ""
	case verdict.Reason == machine.ReasonReused:
		return "This comes of two programs that each refresh a copy of one login: another home, another\nmachine, a backup, or a program that keeps the tokens in its memory. Give each a login of its own."
	case verdict.Reason == machine.ReasonSpent:
		return "This comes of an auth.json that was put back from a backup or a copy."
	case verdict.Reason == machine.ReasonRevoked:
		return "This comes of a logout elsewhere, a changed password, or an administrator."
	case verdict.Reason == machine.ReasonExpired:
		return "This comes of a login that nobody used for a long time."
	case verdict.Reason == machine.ReasonInDoubt:
		return "This comes of processes that were ended, or connections that broke, while the issuer answered."
	}
	return ""
}
