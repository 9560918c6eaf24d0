// Package accounts has the commands on the accounts of a home: to list, rename and remove
// them. A login makes one.
package accounts

import (
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/view"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/legible"
)

// List is bezoar accounts.
var List = cli.Command{
	Name:    "accounts",
	Summary: "List the accounts of the home, each with a login of its own.",
	Usage:   "[--json | --names] [flags]",
	About: `Prints each account with its profile, the state of its login, whose it is, and when it
is due for a refresh. It reads only, and asks no issuer. The login of the home itself is no
account: bezoar status shows it.

bezoar login --issuer PROFILE --account NAME makes an account; every command on a login takes
--account NAME, or BEZOAR_ACCOUNT=NAME.

Example: bezoar accounts --json`,
	Run: list,
}

// listed is an account in the list.
type listed struct {
	Name     string  `json:"name"`
	Profile  *string `json:"profile"`  // null if account.json does not say it
	Issuer   *string `json:"issuer"`   // its address; null if the profile cannot be used
	State    *string `json:"state"`    // null likewise
	Usable   bool    `json:"usable"`   // it has a token that may be used
	Action   *string `json:"action"`   // none, wait, login or operator
	Email    *string `json:"email"`    // null if nothing tells
	Subject  *string `json:"subject"`  // likewise
	DueAt    *string `json:"dueAt"`    // when the login is due for a refresh; null for never
	Problem  *string `json:"problem"`  // why the account cannot be used
	NextStep *string `json:"nextStep"` // null for nothing to do

	due time.Time
}

func list(env cli.Environment, flags *flag.FlagSet, args []string) error {
	var settings config.Flags
	settings.Register(flags)
	names := flags.Bool("names", false, "print the names alone, one a line")
	asJSON := cli.JSONFlag(flags)
	if err := cli.Parse(flags, args); err != nil {
		return err
	}
	c, noHome, err := session.PeekHome(settings, env.Getenv)
	if err != nil {
		return err
	}
	known := []string{}
	if !noHome {
		known = config.AccountNames(c.Root)
	}
	if *names {
		return printNames(env.Stdout, known)
	}
	all := []listed{}
	for _, name := range known {
		all = append(all, lookAt(env, settings, name))
	}
	if *asJSON {
		return cli.PrintJSON(env.Stdout, map[string][]listed{"accounts": all})
	}
	session.Warn(env, c)
	return printList(env, all)
}

// lookAt is an account as one look finds it.
func lookAt(env cli.Environment, settings config.Flags, name string) listed {
	settings.Account = name
	c, _, err := session.Peek(settings, env.Getenv)
	if err != nil {
		problem := err.Error()
		return listed{Name: name, Problem: &problem}
	}
	v := view.Of(env, c)
	phase, action, issuer := v.Phase(), string(v.Assess().Action), session.ProfileOf(c).Issuer
	return listed{
		Name: name, Profile: &c.Account.Profile, Issuer: &issuer, State: &phase, Action: &action, Usable: v.Assess().Usable,
		Email: protocol.Nullable(v.State.Account().Email), Subject: protocol.Nullable(v.Subject()), DueAt: protocol.Timestamp(v.State.DueAt()),
		NextStep: protocol.Nullable(v.NextStep()), due: v.State.DueAt(),
	}
}

func printNames(out io.Writer, names []string) error {
	for _, name := range names {
		if _, err := fmt.Fprintln(out, name); err != nil {
			return err
		}
	}
	return nil
}

func printList(env cli.Environment, all []listed) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(env.Stdout, "There are no accounts. bezoar login --issuer PROFILE --account NAME makes one.")
		return err
	}
	widths := [3]int{}
	rows := make([][4]string, len(all))
	for i, each := range all {
		rows[i] = each.row(env.Now())
		for column := range widths {
			widths[column] = max(widths[column], len(rows[i][column]))
		}
	}
	for _, row := range rows {
		if _, err := fmt.Fprintf(env.Stdout, "%-*s  %-*s  %-*s  %s\n", widths[0], row[0], widths[1], row[1], widths[2], row[2], row[3]); err != nil {
			return err
		}
	}
	return nil
}

// row is the account in a line: its name, profile and state, and the rest.
func (l listed) row(now time.Time) [4]string {
	if l.Problem != nil {
		return [4]string{l.Name, "?", "?", legible.Line(*l.Problem)}
	}
	rest := ""
	add := func(text string) {
		if rest != "" {
			rest += ", "
		}
		rest += legible.Line(text)
	}
	switch {
	case l.Email != nil:
		add(*l.Email)
	case l.Subject != nil:
		add("subject " + *l.Subject)
	}
	if !l.due.IsZero() {
		add("due " + cli.NearTime(l.due, now))
	}
	if l.NextStep != nil {
		add("next: " + *l.NextStep)
	}
	return [4]string{l.Name, legible.Line(*l.Profile), *l.State, rest}
}
