package cli

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

// ManualOf is the command that prints the manual page.
func ManualOf(all Commands) Command {
	return Command{
		Name:    "man",
		Summary: "Print the manual page.",
		About:   "Example: bezoar man | man -l -",
		Run: func(env Environment, flags *flag.FlagSet, args []string) error {
			return all.man(env, flags, args)
		},
	}
}

func (l Commands) man(env Environment, flags *flag.FlagSet, args []string) error {
	if err := Parse(flags, args); err != nil {
		return err
	}
	_, err := io.WriteString(env.Stdout, l.manPage(env.Version))
	return err
}

// manPage is the table of commands in the language of man(7).
func (l Commands) manPage(version string) string {
	var page strings.Builder
	fmt.Fprintf(&page, ".TH BEZOAR 1 \"\" \"bezoar %s\" \"User Commands\"\n", roff(version))
	fmt.Fprintf(&page, ".SH NAME\nbezoar \\- %s\n", roff(strings.TrimSuffix(strings.TrimPrefix(tagline, "bezoar "), ".")))
	page.WriteString(".SH SYNOPSIS\n.B bezoar\n.I COMMAND\n[flags]\n.SH DESCRIPTION\n")
	manText(&page, manDescription)
	page.WriteString(".SH COMMANDS\n")
	for _, each := range l.Shown() {
		each.man(&page)
	}
	page.WriteString(".SH OPTIONS\nThese are flags of every command that looks at a home. They may also stand before it.\n")
	manList(&page, optionsOf(globalFlags(), nil))
	page.WriteString(".SH EXIT STATUS\nThe same for every command:\n")
	manList(&page, exitCodes)
	page.WriteString(".SH ENVIRONMENT\nOf several names the first one that is set counts.\n")
	manList(&page, variables)
	page.WriteString(".SH FILES\nAll are in the home, ~/.codex if nothing else is named.\n")
	manList(&page, files)
	page.WriteString(manSeeAlso)
	return page.String()
}

const manDescription = `bezoar keeps an OAuth login fresh, hands out its access token, and never sends a refresh token again that the issuer has refused for good: not from any process on this machine, and not after a restart.

app-server speaks the account part of the Codex app-server protocol to an editor. The other commands are for people and scripts, and work on the same home: the folder with auth.json.

A login is in one of five states. NoAuth: there is none. ApiKey: a key, which never ages. Fresh: the access token is good. Stale: it should be refreshed, which the next use does. Poisoned: the issuer refused the refresh token for good, and only a new login helps.`

const manSeeAlso = `.SH SEE ALSO
.BR codex (1),
.BR curl (1),
.BR jq (1),
.BR kubectl (1)
.PP
https://github.com/bezoar\-auth/bezoar: README.md, STATES.md and the pages of tasks
`

func (c Command) man(page *strings.Builder) {
	fmt.Fprintf(page, ".SS %s\n%s\n", roff(strings.TrimSpace("bezoar "+c.Name+" "+c.Usage)), roff(c.Summary))
	manText(page, c.About)
	own, _ := c.ownAndGlobal()
	manList(page, own)
}

// manList is a list of words and their meanings.
func manList(page *strings.Builder, entries []option) {
	for _, each := range entries {
		var names []string
		for _, name := range each.names() {
			names = append(names, "\\fB"+roff(name)+"\\fR")
		}
		value := ""
		if each.value != "" {
			value = " \\fI" + roff(each.value) + "\\fR"
		}
		fmt.Fprintf(page, ".TP\n%s%s\n%s\n", strings.Join(names, ", "), value, roff(each.meaning))
	}
}

// manText writes paragraphs. One whose lines are indented keeps them, and so
// does one of examples.
func manText(page *strings.Builder, text string) {
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		paragraph = strings.Trim(paragraph, "\n")
		verbatim := strings.HasPrefix(paragraph, " ") || strings.HasPrefix(paragraph, "Example:")
		page.WriteString(".PP\n")
		if verbatim {
			page.WriteString(".nf\n")
		}
		for line := range strings.Lines(paragraph) {
			page.WriteString(roff(strings.TrimRight(line, "\n")) + "\n")
		}
		if verbatim {
			page.WriteString(".fi\n")
		}
	}
}

// roff is a line of text without a meaning to the formatter.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "→", `\(->`).Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}
