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
