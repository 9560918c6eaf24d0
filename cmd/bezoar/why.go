package main

import (
	"flag"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
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
		err = printJSON(env.stdout, v.explanation())
	} else {
		err = v.tell(env.stdout, paintFor(env.stdout, env.getenv))
	}
	if err == nil && v.isUnread() {
		err = exiting(exitOperator, nil)
	}
	return err
}
