package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
)

func completionCommand() command { // a function, for it refers to the table it is in
	return command{
		name:    "completion",
		summary: "Print what makes a shell complete this program's commands and flags.",
		usage:   "bash|zsh|fish",
		about: `To try it in the shell you are in:

  bash   source <(bezoar completion bash)
  zsh    source <(bezoar completion zsh)
  fish   bezoar completion fish | source

To keep it, put that line into the shell's own start file.

Example: bezoar completion fish > ~/.config/fish/completions/bezoar.fish`,
		words: []string{"bash", "zsh", "fish"},
		run:   completion,
	}
}

func completion(env environment, flags *flag.FlagSet, args []string) error {
	rest, err := parseWords(flags, args)
	if err != nil {
		return err
	}
	print := map[string]func(io.Writer, []completable) error{"bash": bash, "zsh": zsh, "fish": fish}
	if len(rest) != 1 || print[rest[0]] == nil {
		return fmt.Errorf("%w: name one shell: bash, zsh or fish", errUsage)
	}
	return print[rest[0]](env.stdout, completables())
}

// completable is what a shell can complete behind a command.
type completable struct {
	command string
	options []option
	words   []option
}

// option is a word to complete, and what it means.
type option struct {
	word, meaning string
	value         string   // what a flag takes, "" for nothing
	values        []string // all that it can be, if that is a few words
}

// valuesOf are the flags that take one of a few words, with these words.
var valuesOf = map[string][]string{
	"log-format": config.LogFormats,
	"log-level":  config.LogLevels,
	"output":     tokenFormats,
}

// completables are the commands, the longest first: of two names that a line
// begins with the longer one is meant. The last one is no command at all.
func completables() []completable {
	all := []completable{{words: []option{{word: "help", meaning: "Say more about a command."}}}}
	for _, each := range commands() {
		c := completable{command: each.name, options: optionsOf(each.flags())}
		for _, word := range each.words {
			c.words = append(c.words, option{word: word})
		}
		parent, word, isLonger := strings.Cut(each.name, " ")
		if !isLonger {
			parent, word = "", each.name
		}
		at := slices.IndexFunc(all, func(c completable) bool { return c.command == parent })
		all[at].words = append(all[at].words, option{word: word, meaning: each.summary})
		all = append(all, c)
	}
	slices.SortStableFunc(all, func(a, b completable) int { return len(b.command) - len(a.command) })
	return all
}

// optionsOf are the flags of a command, as they are written.
func optionsOf(flags *flag.FlagSet) []option {
	var options []option
	flags.VisitAll(func(f *flag.Flag) {
		value, meaning := flag.UnquoteUsage(f)
		if f.DefValue != "" && f.DefValue != "false" {
			meaning += " (default " + f.DefValue + ")"
		}
		options = append(options, option{dashed(f.Name), meaning, value, valuesOf[f.Name]})
	})
	return options
}

// valued are the flags of all commands that take a value, each once.
func valued(all []completable) []option {
	var found []option
	for _, each := range all {
		for _, o := range each.options {
			isKnown := slices.ContainsFunc(found, func(f option) bool { return f.word == o.word })
			if o.value != "" && !isKnown {
				found = append(found, o)
			}
		}
	}
	return found
}

// dashed is a flag as it is written.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// bash completes what a flag takes where it is known, and else names of files.
func bash(out io.Writer, all []completable) error {
	fmt.Fprint(out, "_bezoar() {\n  local words line=\"${COMP_WORDS[*]:1:COMP_CWORD-1}\"\n  case \"$line\" in\n")
	for _, each := range all {
		var words []string
		for _, option := range slices.Concat(each.words, each.options) {
			words = append(words, option.word)
		}
		fmt.Fprintf(out, "  %s) words='%s' ;;\n", pattern(each.command), strings.Join(words, " "))
	}
	fmt.Fprint(out, "  esac\n  case \"${COMP_WORDS[COMP_CWORD-1]}\" in\n")
	for _, flag := range valued(all) {
		fmt.Fprintf(out, "  %s) words='%s' ;;\n", flag.word, strings.Join(flag.values, " "))
	}
	_, err := fmt.Fprint(out, "  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n}\ncomplete -o default -F _bezoar bezoar\n")
	return err
}

// pattern matches a line that begins with a command.
func pattern(command string) string {
	if command == "" {
		return `""`
	}
	return fmt.Sprintf("%q|%q*", command, command+" ")
}

func zsh(out io.Writer, all []completable) error {
	fmt.Fprint(out, "#compdef bezoar\n_bezoar() {\n  local -a known\n  local line=\"${(j: :)words[2,CURRENT-1]}\"\n  case \"$line\" in\n")
	for _, each := range all {
		fmt.Fprintf(out, "  %s) known=(\n", pattern(each.command))
		for _, option := range slices.Concat(each.words, each.options) {
			fmt.Fprintf(out, "    %s\n", quoted(strings.TrimSuffix(strings.ReplaceAll(option.word, ":", `\:`)+":"+option.meaning, ":")))
		}
		fmt.Fprint(out, "  ) ;;\n")
	}
	fmt.Fprint(out, "  esac\n  case \"${words[CURRENT-1]}\" in\n")
	for _, flag := range valued(all) {
		fmt.Fprintf(out, "  %s) known=(%s) ;;\n", flag.word, strings.Join(flag.values, " "))
	}
	_, err := fmt.Fprint(out, "  esac\n  _describe bezoar known || _files\n}\nif [[ $funcstack[1] == _bezoar ]]; then _bezoar \"$@\"; else compdef _bezoar bezoar; fi\n")
	return err
}

func fish(out io.Writer, all []completable) error {
	fmt.Fprint(out, `function __bezoar_line
  set -l words (commandline -opc)
  test (string join ' ' -- $words[2..]) = "$argv"; or string match -q -- "$argv *" (string join ' ' -- $words[2..])
end
function __bezoar_starts
  test (count (commandline -opc)) -eq 1
end
`)
	for _, each := range all {
		condition := "__bezoar_starts"
		if each.command != "" {
			condition = "__bezoar_line " + each.command
		}
		for _, o := range slices.Concat(each.words, each.options) {
			fmt.Fprintf(out, "complete -c bezoar -n %s %s -d %s\n", fishQuoted(condition), o.fish(), fishQuoted(o.meaning))
		}
	}
	return nil
}

func (o option) fish() string {
	value := ""
	switch {
	case o.values != nil:
		value = " -x -a " + fishQuoted(strings.Join(o.values, " "))
	case o.value != "":
		value = " -r"
	}
	switch name := strings.TrimLeft(o.word, "-"); {
	case strings.HasPrefix(o.word, "--"):
		return "-l " + name + value
	case strings.HasPrefix(o.word, "-"):
		return "-s " + name + value
	}
	return "-f -a " + o.word
}

// fishQuoted is text as one word of fish, whose quotes are not POSIX's.
func fishQuoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}
