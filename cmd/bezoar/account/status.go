package account

import (
	"flag"
	"fmt"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/view"
)

var Status = cli.Command{
	Name:    "status",
	Summary: "Show the state of the login, in one line.",
	Usage:   "[--json] [flags]",
	About: `Looks at the stored login and at the ledger, and locks and writes nothing. It does
not ask the issuer whether the login is still good there.

Exit codes: 0 the token command has a token, 3 login needed, 4 waiting, 5 operator needed.

Example: bezoar status --json`,
	Run: status,
}

func status(env cli.Environment, flags *flag.FlagSet, args []string) error {
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
		err = cli.PrintJSON(env.Stdout, v.Report())
	} else {
		_, err = fmt.Fprintln(env.Stdout, v.Line(cli.PaintFor(env.Stdout, env.Getenv)))
	}
	if err != nil {
		return err
	}
	return cli.Exit(v.Code(), nil)
}

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
		err = v.Print(env.Stdout, cli.PaintFor(env.Stdout, env.Getenv))
	}
	if err == nil && v.IsUnread() {
		err = cli.Exit(cli.ExitOperator, nil)
	}
	return err
}
