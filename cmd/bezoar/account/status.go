package account

import (
	"flag"
	"fmt"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/view"
)

// Status is bezoar status.
var Status = cli.Command{
	Name:    "status",
	Summary: "Show the state of the login, in one line.",
	Usage:   "[--json] [flags]",
	About: `Reads the stored login and the ledger. It locks and writes nothing, and it does not
ask the issuer whether the login is still valid.

Exit codes: 0 bezoar token has a token, 3 login needed, 4 waiting, 5 operator needed.

Example: bezoar status --json`,
	Run: status,
}

func status(env cli.Environment, flags *flag.FlagSet, args []string) error {
	v, asJSON, err := look(env, flags, args)
	if err != nil {
		return err
	}
	if asJSON {
		err = cli.PrintJSON(env.Stdout, v.Report())
	} else {
		_, err = fmt.Fprintln(env.Stdout, v.Line(cli.PaintFor(env.Stdout, env.Getenv)))
	}
	if err != nil {
		return err
	}
	return cli.Exit(v.Code(), nil)
}

// Why is bezoar why.
var Why = cli.Command{
	Name:    "why",
	Summary: "Explain how the login came to its state, and what to do.",
	Usage:   "[--json] [flags]",
	About: `The story of the present state from the ledger, the oldest cause first: what was
logged in, refreshed and refused, when and by which process. Tokens have the
fingerprints that bezoar log has for them. It also names each codex that refreshes this
home by itself, where the system says which home a process has (Linux, macOS). It reads
only. With --json it prints the members of status --json, and story, causes, next and
others.

Exit codes: 0 in every state, 5 if what is stored cannot be read.

Example: bezoar why`,
	Run: why,
}

func why(env cli.Environment, flags *flag.FlagSet, args []string) error {
	v, asJSON, err := look(env, flags, args)
	if err != nil {
		return err
	}
	if asJSON {
		err = cli.PrintJSON(env.Stdout, v.Explain())
	} else {
		err = v.Print(env.Stdout, cli.PaintFor(env.Stdout, env.Getenv))
	}
	if err == nil && v.IsUnread() {
		err = cli.Exit(cli.ExitOperator, nil)
	}
	return err
}

// look is the login of the home that a command line names, and whether to print JSON.
func look(env cli.Environment, flags *flag.FlagSet, args []string) (v view.View, asJSON bool, err error) {
	var settings config.Flags
	settings.Register(flags)
	json := cli.JSONFlag(flags)
	if err := cli.Parse(flags, args); err != nil {
		return view.View{}, false, err
	}
	v, err = view.Open(env, settings)
	return v, *json, err
}
