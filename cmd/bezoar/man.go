package main

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

func manCommand() command { // a function, for it refers to the table it is in
	return command{
		name:    "man",
		summary: "Print the manual page.",
		about:   "Example: bezoar man | man -l -",
		run:     man,
	}
}

func man(env environment, flags *flag.FlagSet, args []string) error {
	if err := parse(flags, args); err != nil {
		return err
	}
	_, err := io.WriteString(env.stdout, manPage())
	return err
}

// manPage is the table of commands in the language of man(7).
func manPage() string {
	var page strings.Builder
	fmt.Fprintf(&page, ".TH BEZOAR 1 \"\" \"bezoar %s\" \"User Commands\"\n", roff(version))
	fmt.Fprintf(&page, ".SH NAME\nbezoar \\- %s\n", roff(strings.TrimSuffix(strings.TrimPrefix(tagline, "bezoar "), ".")))
	page.WriteString(".SH SYNOPSIS\n.B bezoar\n.I COMMAND\n[flags]\n.SH COMMANDS\n")
	for _, each := range commands() {
		each.man(&page)
	}
	_, codes, _ := strings.Cut(exitCodesPage, "\n\n")
	page.WriteString(".SH EXIT STATUS\n")
	manText(&page, codes)
	page.WriteString(manFiles)
	return page.String()
}

const manFiles = `.SH FILES
All are in the home, ~/.codex if nothing else is named.
.TP
.I auth.json
the login, as Codex keeps it
.TP
.I auth.ledger
what became of refresh tokens, in fingerprints; bezoar log prints it
.TP
.I auth.intents
a file for each refresh that is under way
.TP
.I config.toml
settings, as Codex reads them
`

func (c command) man(page *strings.Builder) {
	fmt.Fprintf(page, ".SS %s\n%s\n", roff(strings.TrimSpace("bezoar "+c.name+" "+c.usage)), roff(c.summary))
	manText(page, c.about)
	for _, each := range optionsOf(c.flags()) {
		fmt.Fprintf(page, ".TP\n\\fB%s\\fR", roff(each.word))
		if each.value != "" {
			fmt.Fprintf(page, " \\fI%s\\fR", roff(each.value))
		}
		fmt.Fprintf(page, "\n%s\n", roff(each.meaning))
	}
}

// manText writes paragraphs. One whose lines are indented keeps them, and so
// does one of examples.
func manText(page *strings.Builder, text string) {
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		paragraph = strings.Trim(paragraph, "\n")
		isKept := strings.HasPrefix(paragraph, " ") || strings.HasPrefix(paragraph, "Example:")
		page.WriteString(".PP\n")
		if isKept {
			page.WriteString(".nf\n")
		}
		for line := range strings.Lines(paragraph) {
			page.WriteString(roff(strings.TrimRight(line, "\n")) + "\n")
		}
		if isKept {
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
