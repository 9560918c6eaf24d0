package cli

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// CompletionOf is the command that prints what a shell needs to complete the others.
func CompletionOf(all Commands) Command {
	return Command{
		Name:    "completion",
		Summary: "Print the completion script of a shell.",
		Usage:   "bash|zsh|fish",
		About: `To try it in the shell you are in:

  bash   source <(bezoar completion bash)
  zsh    source <(bezoar completion zsh)
  fish   bezoar completion fish | source

To keep it, put that line into the shell's own start file.

Example: bezoar completion fish > ~/.config/fish/completions/bezoar.fish`,
		Words: []string{"bash", "zsh", "fish"},
		Run: func(env Environment, flags *flag.FlagSet, args []string) error {
			return all.completion(env, flags, args)
		},
	}
}

func (l Commands) completion(env Environment, flags *flag.FlagSet, args []string) error {
	rest, err := ParseWords(flags, args)
	if err != nil {
		return err
	}
	print := map[string]func(io.Writer, []completable) error{"bash": bash, "zsh": zsh, "fish": fish}
	if len(rest) != 1 || print[rest[0]] == nil {
		return Misuse("name one shell: bash, zsh or fish")
	}
	return print[rest[0]](env.Stdout, l.completables())
}

// listAccounts is what a shell runs for the names of the accounts.
const listAccounts = "bezoar accounts --names 2>/dev/null"

// all are the words that may follow the command, each way to write a flag apart.
func (c completable) all() []option {
	all := slices.Clone(c.words)
	for _, o := range c.options {
		for _, name := range o.names() {
			all = append(all, option{word: name, meaning: o.meaning})
		}
	}
	return all
}

// flagsWithValue are the names of the flags that take a value, put together.
func flagsWithValue(all []completable, between string) string {
	var names []string
	for _, flag := range valued(all) {
		names = append(names, flag.names()...)
	}
	return strings.Join(names, between)
}

// bash completes what a flag takes where it is known, and else names of files. It
// takes --flag=value for three words.
func bash(out io.Writer, all []completable) error {
	var script strings.Builder
	fmt.Fprintf(&script, `_bezoar() {
  local words="" skip word="${COMP_WORDS[COMP_CWORD]}" flag="${COMP_WORDS[COMP_CWORD-1]}"
  local -a line=("${COMP_WORDS[@]:1:COMP_CWORD-1}")
  if [[ $word == = ]]; then word=; elif [[ $flag == = ]]; then flag="${COMP_WORDS[COMP_CWORD-2]}"; fi
  while [[ ${line[0]} == -* ]]; do # flags may stand before the command
    skip=1
    case "${line[0]}" in %s) skip=2 ;; esac
    [[ ${line[1]} == = ]] && skip=3
    line=("${line[@]:skip}")
  done
  case "${line[*]}" in
`, flagsWithValue(all, "|"))
	for _, each := range all {
		var words []string
		for _, option := range each.all() {
			words = append(words, option.word)
		}
		fmt.Fprintf(&script, "  %s) words='%s'%s ;;\n", pattern(each.command), strings.Join(words, " "), map[bool]string{true: "\" $(" + listAccounts + ")\""}[each.account])
	}
	script.WriteString("  esac\n  case \"$flag\" in\n")
	for _, flag := range valued(all) {
		words := "'" + strings.Join(flag.values, " ") + "'"
		if flag.isAccount {
			words = `"$(` + listAccounts + `)"`
		}
		fmt.Fprintf(&script, "  %s) words=%s ;;\n", strings.Join(flag.names(), "|"), words)
	}
	script.WriteString("  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\ncomplete -o default -F _bezoar bezoar\n")
	_, err := io.WriteString(out, script.String())
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
	var script strings.Builder
	fmt.Fprintf(&script, `#compdef bezoar
_bezoar() {
  local -a known line
  local flag=$words[CURRENT-1]
  line=("${(@)words[2,CURRENT-1]}")
  while [[ $line[1] == -* ]]; do # flags may stand before the command
    case $line[1] in (%s) shift line ;; esac
    shift line 2>/dev/null || break
  done
  case "${(j: :)line}" in
`, flagsWithValue(all, "|"))
	for _, each := range all {
		fmt.Fprintf(&script, "  %s) known=(\n", pattern(each.command))
		for _, option := range each.all() {
			fmt.Fprintf(&script, "    %s\n", Quoted(strings.TrimSuffix(strings.ReplaceAll(option.word, ":", `\:`)+":"+option.meaning, ":")))
		}
		if each.account {
			fmt.Fprintf(&script, "    ${(f)\"$(%s)\"}\n", listAccounts)
		}
		script.WriteString("  ) ;;\n")
	}
	script.WriteString("  esac\n  if compset -P '--*='; then flag=${IPREFIX##* }; flag=${flag%=}; known=(); fi\n  case \"$flag\" in\n")
	for _, flag := range valued(all) {
		known := strings.Join(flag.values, " ")
		if flag.isAccount {
			known = `${(f)"$(` + listAccounts + `)"}`
		}
		fmt.Fprintf(&script, "  %s) known=(%s) ;;\n", strings.Join(flag.names(), "|"), known)
	}
	script.WriteString("  esac\n  _describe bezoar known || _files\n}\nif [[ $funcstack[1] == _bezoar ]]; then _bezoar \"$@\"; else compdef _bezoar bezoar; fi\n")
	_, err := io.WriteString(out, script.String())
	return err
}

// fish finds the command of a line once, and each completion asks for it.
func fish(out io.Writer, all []completable) error {
	var script strings.Builder
	fmt.Fprintf(&script, `function __bezoar_command
  set -l line (commandline -opc)[2..]
  while string match -q -- '-*' "$line[1]" # flags may stand before the command
    contains -- "$line[1]" %s; and set -e line[1]
    set -e line[1]
  end
  switch "$line"
`, flagsWithValue(all, " "))
	for _, each := range all {
		if each.command != "" {
			fmt.Fprintf(&script, "    case %s %s\n      echo %s\n", fishQuoted(each.command), fishQuoted(each.command+" *"), fishQuoted(each.command))
		}
	}
	script.WriteString(`    case ''
      echo
  end
end
function __bezoar_in
  set -l command (__bezoar_command); and test "$command" = "$argv"
end
complete -c bezoar -f
`)
	for _, each := range all {
		condition := fishQuoted(strings.TrimSpace("__bezoar_in " + each.command))
		for _, o := range slices.Concat(each.words, each.options) {
			fmt.Fprintf(&script, "complete -c bezoar -n %s %s -d %s\n", condition, o.fish(), fishQuoted(o.meaning))
		}
		if each.account {
			fmt.Fprintf(&script, "complete -c bezoar -n %s -a '(%s)'\n", condition, listAccounts)
		}
		if each.folder {
			fmt.Fprintf(&script, "complete -c bezoar -n %s -a '(__fish_complete_directories)'\n", condition)
		}
	}
	_, err := io.WriteString(out, script.String())
	return err
}

func (o option) fish() string {
	if !strings.HasPrefix(o.word, "-") {
		return "-a " + o.word
	}
	line := "-l " + strings.TrimLeft(o.word, "-")
	if o.short != "" {
		line = "-s " + strings.TrimLeft(o.short, "-") + " " + line
	}
	switch {
	case o.isAccount:
		line += " -x -a '(" + listAccounts + ")'"
	case o.values != nil:
		line += " -x -a " + fishQuoted(strings.Join(o.values, " "))
	case o.value != "":
		line += " -r -F"
	}
	return line
}

// fishQuoted is text as one word of fish, whose quotes are not POSIX's.
func fishQuoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}
