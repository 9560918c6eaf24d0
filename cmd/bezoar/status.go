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
