package account

import (
	"flag"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/view"
)

var Why = cli.Command{
	Name:    "why",
	Summary: "Tell how the login came to be as it is, and what to do.",
	Usage:   "[--json] [flags]",
	About: `The story of the present state from the ledger, the oldest cause first: what was
logged in, refreshed and refused, when and by which process. Tokens have the
fingerprints that bezoar log has for them. It asks no one and writes nothing. With --json
it prints the members of status --json, and story, causes and next.

Exit codes: 0 in every state, 5 if what is stored cannot be read.

Example: bezoar why`,
	Run: why,
}

func why(env cli.Environment, flags *flag.FlagSet, args []string) error {
	var settings config.Flags
	settings.Register(flags)
	asJSON := cli.JsonFlag(flags)
	if err := cli.Parse(flags, args); err != nil {
		return err
	}
	v, err := view.Open(env, settings)
	if err != nil {
		return err
	}
	if *asJSON {
		err = cli.PrintJSON(env.Stdout, v.Explain())
	} else {
		err = v.Tell(env.Stdout, cli.PaintFor(env.Stdout, env.Getenv))
	}
	if err == nil && v.IsUnread() {
		err = cli.Exit(cli.ExitOperator, nil)
	}
	return err
}
