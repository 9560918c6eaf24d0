package cli

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
)

const tagline = "bezoar keeps an OAuth login usable and never sends a dead refresh token twice."

const helpSummary = "Show the help of a command."

// helpOn is help on everything, on a topic or on a command.
func (l Commands) helpOn(env Environment, args []string) error {
	args = slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return arg == "--help" || arg == "-h" })
	if len(args) == 0 || args[0] == "help" && len(args) == 1 {
		return l.help(env.Stdout)
	}
	for _, each := range topics {
		if each.name == args[0] {
			_, err := io.WriteString(env.Stdout, each.page())
			return err
		}
	}
	if command, rest, ok := l.Find(args); ok && len(rest) == 0 {
		return command.help(env.Stdout)
	}
	var names []string
	for _, each := range topics {
		names = append(names, each.name)
	}
	for _, each := range l.Shown() {
		names = append(names, each.Name)
	}
	wanted := strings.Join(args, " ")
	return Misuse("no help on %q%s (bezoar help lists the commands)", wanted, didYouMean(wanted, names))
}

// help is the map of the program.
func (l Commands) help(out io.Writer) error {
	var page strings.Builder
	fmt.Fprintf(&page, "%s\n\nusage: bezoar COMMAND [flags]\n\n", tagline)
	for _, each := range append(l.Shown(), Command{Name: "help [COMMAND]", Summary: helpSummary}) {
		page.WriteString(columnsOf(each.Name, each.Summary, summaryColumn))
	}
	page.WriteString("\nMore: \"bezoar COMMAND --help\", and \"bezoar help\" with one of these words:\n\n")
	for _, each := range topics {
		page.WriteString(columnsOf(each.name, each.summary, summaryColumn))
	}
	_, err := io.WriteString(out, page.String())
	return err
}

// columns finds what stands in columns: a word and its meaning.
var columns = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^  (\S+)  +(\S.*)$`) })

// filled is a text whose paragraphs fit a terminal. Examples stay as they are: they
// are to be copied.
func filled(text string) string {
	var paragraphs []string
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		switch {
		case strings.HasPrefix(paragraph, "  "):
			var rows strings.Builder
			for line := range strings.Lines(paragraph) {
				row := columns().FindStringSubmatchIndex(strings.TrimRight(line, "\n"))
				if row == nil {
					rows.WriteString(line)
					continue
				}
				rows.WriteString(columnsOf(line[row[2]:row[3]], line[row[4]:row[5]], row[4]))
			}
			paragraph = strings.TrimRight(rows.String(), "\n")
		case !strings.HasPrefix(paragraph, "Example:"):
			paragraph = strings.Join(wrapped(paragraph, helpWidth), "\n")
		}
		paragraphs = append(paragraphs, paragraph)
	}
	return strings.Join(paragraphs, "\n\n")
}

// summaryColumn is where the summary of a command begins.
const summaryColumn = 18

func (c Command) help(out io.Writer) error {
	var page strings.Builder
	fmt.Fprintf(&page, "%s\n\nusage: bezoar %s\n\n%s\n", c.Summary, strings.TrimSpace(c.Name+" "+c.Usage), filled(c.About))
	own, global := c.ownAndGlobal()
	section := func(title string, options []option) {
		if len(options) > 0 {
			page.WriteString("\n" + title + "\n")
		}
		for _, each := range options {
			word := strings.TrimSpace(strings.Join(each.names(), ", ") + " " + each.value)
			page.WriteString(columnsOf(word, each.meaning, helpColumn))
		}
	}
	section("flags:", own)
	section("flags of every command that looks at a home:", global)
	_, err := io.WriteString(out, page.String())
	return err
}
