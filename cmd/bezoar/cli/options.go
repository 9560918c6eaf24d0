package cli

import (
	"flag"
	"fmt"
	"slices"
	"strings"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
)

// option is a word of a command line or of a list of help, and what it means.
type option struct {
	word, meaning string
	short         string   // of a flag, "-c"; "" for none
	value         string   // what a flag takes, "" for nothing
	values        []string // all values, if they are a few words
	isAccount     bool     // its value is the name of an account
}

// shortOf has the flags that have a second, short name.
var shortOf = map[string]string{"config": "c", "lines": "n"}

// valuesOf are the flags of every command that take one of a few words, with these
// words.
var valuesOf = map[string][]string{
	"log-format": config.LogFormats,
	"log-level":  config.LogLevels,
}

var helpOption = option{word: "--help", meaning: "print the help of this command"}

// options are the flags of a command, as they are written.
func (c Command) options() []option { return optionsOf(c.Flags(), c.Values) }

// optionsOf are flags as they are written. values has those that take one of a few
// words, besides the ones that every command has.
func optionsOf(flags *flag.FlagSet, values map[string][]string) []option {
	var options []option
	flags.VisitAll(func(f *flag.Flag) {
		for _, short := range shortOf {
			if f.Name == short {
				return
			}
		}
		value, meaning := flag.UnquoteUsage(f)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "-1" { // which stands for all lines
			meaning += " (default " + f.DefValue + ")"
		}
		o := option{word: dashed(f.Name), meaning: meaning, value: value, values: values[f.Name]}
		if o.values == nil {
			o.values = valuesOf[f.Name]
		}
		o.isAccount = f.Name == "account"
		if short, ok := shortOf[f.Name]; ok {
			o.short = dashed(short)
		}
		options = append(options, o)
	})
	return options
}

// globalFlags are the flags of every command that reads a home.
func globalFlags() *flag.FlagSet {
	flags := NewFlags("bezoar")
	new(config.Flags).Register(flags)
	return flags
}

// ownAndGlobal are the flags of the command alone, and those that all commands have.
func (c Command) ownAndGlobal() (own, global []option) {
	everywhere := globalFlags()
	for _, each := range c.options() {
		if everywhere.Lookup(strings.TrimLeft(each.word, "-")) != nil {
			global = append(global, each)
		} else {
			own = append(own, each)
		}
	}
	return own, global
}

// names are all ways to write a flag.
func (o option) names() []string {
	if o.short == "" {
		return []string{o.word}
	}
	return []string{o.short, o.word}
}

// dashed is a flag as it is written.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// helpWidth is the width of a usual terminal.
const helpWidth = 80

// helpColumn is where the meaning of a flag begins.
const helpColumn = 26

// columnsOf is a word and its meaning, in lines that fit a terminal.
func columnsOf(word, meaning string, column int) string {
	word = "  " + word
	indent := "\n" + strings.Repeat(" ", column)
	meaning = strings.Join(wrapped(meaning, helpWidth-column), indent) + "\n"
	if len(word) >= column {
		return word + indent + meaning
	}
	return fmt.Sprintf("%-*s%s", column, word, meaning)
}

// wrapped is a text in lines of at most width characters, broken at spaces.
func wrapped(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(lines, line)
}

// completable is what a shell can complete behind a command.
type completable struct {
	command string
	options []option
	words   []option
	folder  bool // a folder may follow
	account bool // the name of an account may follow
}

// completables are the commands, the longest name first, so that a shell finds the longer
// of two names that a line begins with. The last one stands for no command.
func (l Commands) completables() []completable {
	top := []option{helpOption, {word: "--version", meaning: Version.Summary}}
	all := []completable{{options: append(top, optionsOf(globalFlags(), nil)...)}, {command: "help"}}
	add := func(parent string, word option) {
		for i := range all {
			if all[i].command == parent {
				all[i].words = append(all[i].words, word)
				return
			}
		}
		all = append(all, completable{command: parent, words: []option{word}})
	}
	for _, each := range l.Shown() {
		c := completable{command: each.Name, options: append(each.options(), helpOption), folder: each.Folder, account: each.Account}
		for _, word := range each.Words {
			c.words = append(c.words, option{word: word})
		}
		parent, word, nested := strings.Cut(each.Name, " ")
		if !nested {
			parent, word = "", each.Name
		}
		named := option{word: word, meaning: each.Summary}
		add(parent, named)
		add(strings.TrimSpace("help "+parent), named)
		all = append(all, c)
	}
	add("", option{word: "help", meaning: helpSummary})
	for _, topic := range topics {
		add("help", option{word: topic.name, meaning: topic.summary})
	}
	slices.SortStableFunc(all, func(a, b completable) int { return len(b.command) - len(a.command) })
	return all
}

// valued are the flags of all commands that take a value, each once.
func valued(all []completable) []option {
	var found []option
	for _, each := range all {
		for _, o := range each.options {
			known := slices.ContainsFunc(found, func(f option) bool { return f.word == o.word })
			if o.value != "" && !known {
				found = append(found, o)
			}
		}
	}
	return found
}
