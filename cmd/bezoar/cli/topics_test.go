package cli

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
)

func TestEnvironmentPageHasEveryVariable(t *testing.T) {
	var known []string
	for _, each := range variables {
		known = append(known, strings.Split(each.word, ", ")...)
	}
	read := regexp.MustCompile(`(?:[gG]etenv|env)\("([A-Z_]+)"\)|"((?:BEZOAR|CODEX)_[A-Z_]+)"`)
	found := 0
	require.NoError(t, filepath.WalkDir("../../..", func(source string, _ fs.DirEntry, err error) error {
		require.NoError(t, err)
		if !strings.HasSuffix(source, ".go") || strings.HasSuffix(source, "_test.go") || strings.HasSuffix(filepath.Dir(source), "test") {
			return nil
		}
		text, err := os.ReadFile(source)
		require.NoError(t, err)
		for _, name := range read.FindAllStringSubmatch(string(text), -1) {
			require.Contains(t, known, name[1]+name[2], source)
			found++
		}
		return nil
	}))
	require.Greater(t, found, 15, "are they not seen?")
}

// two are commands that look at a home, as most do.
func two() []Command {
	look := func(_ Environment, flags *flag.FlagSet, args []string) error {
		new(config.Flags).Register(flags)
		return Parse(flags, args)
	}
	return []Command{{Name: "one", Summary: "Look once.", Run: look}, {Name: "two", Summary: "Look twice.", Run: look}}
}

func TestManualPageHasWhatTheProgramHas(t *testing.T) {
	page := Commands(two).manPage("1.2")
	for _, section := range []string{"NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES", "SEE ALSO"} {
		require.Contains(t, page, ".SH "+section+"\n")
	}
	for _, each := range slices.Concat(variables, files, exitCodes) {
		require.Contains(t, page, roff(each.word))
	}
	require.Equal(t, 1, strings.Count(page, roff("--log-format")+"\\fR \\fI"), "flags that all commands have stand there once")
}

func TestCompletedValuesAreTaken(t *testing.T) {
	options := two()[0].options()
	for name, values := range valuesOf {
		i := slices.IndexFunc(options, func(o option) bool { return o.word == dashed(name) })
		require.GreaterOrEqual(t, i, 0, "no command has --%s", name)
		require.Equal(t, values, options[i].values)
		for _, value := range values {
			require.Regexp(t, `\b`+value+`\b`, options[i].meaning)
		}
	}
	unset := func(string) string { return "" }
	for _, level := range valuesOf["log-level"] {
		_, err := config.Load(config.Flags{Home: t.TempDir(), LogLevel: level}, unset)
		require.NoError(t, err)
	}
	for _, format := range valuesOf["log-format"] {
		_, err := config.Load(config.Flags{Home: t.TempDir(), LogFormat: format}, unset)
		require.NoError(t, err)
	}
}
