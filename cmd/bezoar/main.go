// Command bezoar keeps an OAuth login usable and hands out its token.
package main

import (
	"os"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/account"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/accounts"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/demo"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/doctor"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/issuer"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/mcp"
	_ "github.com/bezoar-auth/bezoar/cmd/bezoar/processor"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/publish"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/server"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/states"
)

// A release build sets both: the version, and the commit that it was built from. It
// has nothing else in it that depends on the place where it is made.
var (
	version  = "0.1.0"
	revision = ""
)

// commands are the map of this program.
func commands() []cli.Command {
	return []cli.Command{
		account.Login, account.Logout, account.Status, account.Token, account.GitCredential,
		accounts.List, accounts.Remove, accounts.Rename,
		account.Why, account.Log, doctor.Command, publish.Command, server.Inspect,
		issuer.List, issuer.Check, mcp.Proxy,
		server.AppServer, server.JSONSchema, server.TypeScript, server.Shim, // the longer names behind their beginning
		demo.Command, demo.Issuer, states.Command,
		cli.Version, cli.CompletionOf(commands), cli.ManualOf(commands), account.RefreshApart, server.RunShim,
	}
}

func main() {
	keepMemoryPrivate()
	os.Exit(cli.Commands(commands).Run(process(), os.Args[1:]))
}

// process is the environment of this very process.
func process() cli.Environment {
	return cli.Environment{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv,
		Now: time.Now, Log: cli.NewLogQueue(os.Stderr), Version: version, Revision: revision,
	}
}
