// Package issuer has the commands that show profiles of issuers, without a login.
package issuer

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/legible"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// List is bezoar issuer list.
var List = cli.Command{
	Name:    "issuer list",
	Summary: "List the issuers that config.toml describes.",
	Usage:   "[--json] [flags]",
	About: `Prints the profile that is built in, codex, and each [issuers.NAME] of config.toml, with
its issuer, or how many mistakes it has. It asks no issuer.

Example: bezoar issuer list`,
	Run: list,
}

// listed is a profile in the list.
type listed struct {
	Profile     string    `json:"profile"`
	DisplayName string    `json:"displayName"`
	Issuer      *string   `json:"issuer"` // null if the profile cannot be read
	BuiltIn     bool      `json:"builtIn"`
	Mistakes    []mistake `json:"mistakes"`
}

// mistake is what is wrong with a profile.
type mistake struct {
	Line    *int    `json:"line"` // of config.toml; null for --config
	Key     *string `json:"key"`  // null for the table
	Problem string  `json:"problem"`
}

func list(env cli.Environment, flags *flag.FlagSet, args []string) error {
	var settings config.Flags
	settings.Register(flags)
	asJSON := cli.JSONFlag(flags)
	if err := cli.Parse(flags, args); err != nil {
		return err
	}
	c, _, err := session.PeekHome(settings, env.Getenv)
	if err != nil {
		return err
	}
	all := []listed{}
	for _, name := range c.Profiles.Names() {
		p, err := c.Profiles.Get(name)
		each := listed{Profile: name, DisplayName: p.DisplayName, Issuer: protocol.Nullable(p.Issuer), BuiltIn: name == profile.CodexName, Mistakes: mistakesOf(err)}
		if err != nil {
			each.DisplayName, each.Issuer, each.BuiltIn = name, nil, false
		}
		all = append(all, each)
	}
	if *asJSON {
		return cli.PrintJSON(env.Stdout, map[string][]listed{"issuers": all})
	}
	warn(env, c)
	return printList(env.Stdout, all)
}

func printList(out io.Writer, all []listed) error {
	width := 0
	for _, each := range all {
		width = max(width, len(legible.Brief(each.Profile)))
	}
	for _, each := range all {
		said := ""
		switch {
		case each.Issuer == nil:
			said = cli.Amount(len(each.Mistakes), "mistake") + ": bezoar issuer check " + cli.ShellWord(legible.Brief(each.Profile))
		case each.BuiltIn:
			said = *each.Issuer + " (built in)"
		default:
			said = *each.Issuer
		}
		if _, err := fmt.Fprintf(out, "%-*s  %s\n", width, legible.Brief(each.Profile), legible.Line(said)); err != nil {
			return err
		}
	}
	return nil
}

// mistakesOf are what an error of [profile.Set.Get] says.
func mistakesOf(err error) []mistake {
	all := []mistake{}
	for _, each := range profile.Errors(err) {
		m := mistake{Key: protocol.Nullable(each.Key), Problem: each.Problem}
		if each.Line > 0 {
			m.Line = &each.Line
		}
		all = append(all, m)
	}
	return all
}

// warn says what is wrong with the file, but for profiles: the commands print that
// themselves.
func warn(env cli.Environment, c config.Config) {
	c.Warnings = slices.DeleteFunc(slices.Clone(c.Warnings), func(w config.Warning) bool { return w.OfProfile })
	session.Warn(env, c)
}

// Check is bezoar issuer check.
var Check = cli.Command{
	Name:    "issuer check",
	Summary: "Ask an issuer what it supports, and show what would be sent.",
	Usage:   "NAME [--json] [flags]",
	About: `NAME is a profile: [issuers.NAME] of config.toml, or codex. The command asks the issuer
for its metadata with one GET request or two, which hold no token, no secret and no
client. Then it prints each endpoint and where it comes from, what the issuer supports of
what bezoar needs, what is wrong and what to do, and each request that a login, a refresh
and a logout would be. What stands in braces is filled in then. There has to be no login.
The accounts of the profile keep what the issuer says now.

Exit codes: 0 nothing is wrong (a warning is no failure), 2 there is no such profile, 5
something is wrong.

Example: bezoar issuer check keycloak
Example: bezoar issuer check codex --json`,
	Words: []string{profile.CodexName},
	Named: true,
	Run:   check,
}

func check(env cli.Environment, flags *flag.FlagSet, args []string) error {
	var settings config.Flags
	settings.Register(flags)
	asJSON := cli.JSONFlag(flags)
	name, err := parseName(flags, args)
	if err != nil {
		return err
	}
	c, _, err := session.PeekHome(settings, env.Getenv)
	if err != nil {
		return err
	}
	ctx, stop := cli.UntilSignal()
	defer stop()
	warn(env, c)
	p, err := c.Profiles.Get(name)
	if unknown, ok := errors.AsType[*profile.UnknownError](err); ok {
		return cli.Misuse("%v", unknown)
	}
	var r report
	if err != nil {
		r = broken(name, err)
	} else {
		r = examine(ctx, env, c, p)
	}
	if *asJSON {
		err = cli.PrintJSON(env.Stdout, r)
	} else {
		err = r.print(env)
	}
	if err != nil {
		return err
	}
	if r.fails() {
		return cli.Exit(cli.ExitOperator, nil)
	}
	return nil
}

// parseName reads the flags, and the name of a profile.
func parseName(flags *flag.FlagSet, args []string) (string, error) {
	const misuse = "name the profile to check, such as codex; bezoar issuer list has all"
	name, err := cli.ParseName(flags, args, misuse)
	if name == "" && err == nil {
		err = cli.Misuse(misuse)
	}
	return name, err
}

// fails reports whether something has to be done before the profile can be used.
func (r report) fails() bool {
	return len(r.Mistakes) > 0 || slices.ContainsFunc(r.Checks, func(f cli.Finding) bool { return f.Result == cli.ResultFail })
}

func (r report) print(env cli.Environment) error {
	var page strings.Builder
	paint := cli.PaintFor(env.Stdout, env.Getenv)
	for _, each := range r.Checks {
		each.Print(&page, paint, checkWidth)
	}
	for _, each := range r.Requests {
		each.print(&page)
	}
	if r.Note != nil {
		fmt.Fprintf(&page, "\n%s\n", *r.Note)
	}
	_, err := io.WriteString(env.Stdout, page.String())
	return err
}
