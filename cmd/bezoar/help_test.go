package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/scenetest"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/file"
)

// said is what the program writes when it is called without an environment.
func said(args ...string) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	env := cli.Environment{Stdin: bytes.NewReader(nil), Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }}
	code = run(env, args)
	return out.String(), errs.String(), code
}

func TestBadCommandLineGivesOneLineWithAHint(t *testing.T) {
	for line, want := range map[string]string{
		"statsu":                           `bezoar: unknown command "statsu"; did you mean status? (bezoar help lists the commands)`,
		"tokne":                            `bezoar: unknown command "tokne"; did you mean token? (bezoar help lists the commands)`,
		"fly":                              `bezoar: unknown command "fly" (bezoar help lists the commands)`,
		"--versoin":                        `bezoar: unknown flag --versoin; did you mean --version? (bezoar help lists the commands)`,
		"--home":                           `bezoar: --home needs a value (folder) (bezoar help lists the commands)`,
		"--home x":                         `bezoar: no command follows the flags (bezoar help lists the commands)`,
		"--home x version":                 `bezoar version: unknown flag --home (bezoar version --help)`,
		"status --jsno":                    `bezoar status: unknown flag --jsno; did you mean --json? (bezoar status --help)`,
		"status -jsno":                     `bezoar status: unknown flag --jsno; did you mean --json? (bezoar status --help)`,
		"status --json=maybe":              `bezoar status: --json takes no value (bezoar status --help)`,
		"status --home":                    `bezoar status: --home needs a value (folder) (bezoar status --help)`,
		"status now":                       `bezoar status: unexpected argument "now" (bezoar status --help)`,
		"demo --polls many":                `bezoar demo: --polls takes a number (bezoar demo --help)`,
		"demo --page --polls":              `bezoar demo: --polls needs a value (N) (bezoar demo --help)`,
		"help statsu":                      `bezoar: no help on "statsu"; did you mean status? (bezoar help lists the commands)`,
		"help exit-code":                   `bezoar: no help on "exit-code"; did you mean exit-codes? (bezoar help lists the commands)`,
		"token --output xml":               `bezoar token: --output takes plain, header, env, json, exec-credential (bezoar token --help)`,
		"status --home . --log-level loud": `bezoar status: --log-level takes debug, info, warn or error (bezoar status --help)`,
		"demo issuer --access-lifetime x":  `bezoar demo issuer: --access-lifetime takes a time such as 5m (bezoar demo issuer --help)`,
		"log -n x":                         `bezoar log: -n takes a number (bezoar log --help)`,
	} {
		stdout, stderr, code := said(strings.Fields(line)...)
		require.Equal(t, want+"\n", stderr, line)
		require.Empty(t, stdout, line)
		require.Equal(t, cli.ExitUsage, code, line)
	}
}

func TestBadValueIsNotRepeated(t *testing.T) {
	for _, line := range []string{"--with-api-key=sk-secret", "status --json=sk-secret", "status --key=sk-secret", "demo --polls sk-secret"} {
		_, stderr, code := said(strings.Fields(line)...)
		require.Equal(t, cli.ExitUsage, code, line)
		require.NotContains(t, stderr, "sk-secret", line)
	}
}

func TestHelpIsFoundInEveryUsualWay(t *testing.T) {
	page, _, _ := said("help")
	for _, line := range []string{"--help", "-h", "-help", "help help", "help --help", "--home x --help"} {
		stdout, stderr, code := said(strings.Fields(line)...)
		require.Equal(t, page, stdout, line)
		require.Empty(t, stderr, line)
		require.Equal(t, cli.ExitOK, code, line)
	}
	status, _, _ := said("help", "status")
	for _, line := range []string{"status --help", "status -h", "help status --help", "--home x status --help"} {
		stdout, _, code := said(strings.Fields(line)...)
		require.Equal(t, status, stdout, line)
		require.Equal(t, cli.ExitOK, code, line)
	}
}

func TestHelpFitsATerminal(t *testing.T) {
	pages := []string{"help", "help exit-codes"}
	for _, each := range cli.Commands(commands).Shown() {
		pages = append(pages, "help "+each.Name)
	}
	for _, each := range pages {
		page, _, code := said(strings.Fields(each)...)
		require.Equal(t, cli.ExitOK, code, each)
		for line := range strings.Lines(page) {
			require.LessOrEqual(t, len(strings.TrimRight(line, "\n")), 80, "%s: %s", each, line)
		}
	}
}

func TestCompletedValuesStandInTheHelp(t *testing.T) {
	found := 0
	for _, each := range cli.Commands(commands).Shown() {
		for name, values := range each.Values {
			for _, value := range values {
				require.Regexp(t, `\b`+value+`\b`, each.Flags().Lookup(name).Usage, "bezoar %s --%s: its help names another value", each.Name, name)
				found++
			}
		}
	}
	require.NotZero(t, found)
}

func TestFilesPageHasEveryFileOfAHome(t *testing.T) {
	s := scenetest.New(t, -time.Hour).Note(time.Hour, persist.Entry{Kind: persist.Refused, Reason: history.ReasonReused})
	ledger := file.OpenLedger(s.Home, s.Issuer, file.LedgerOptions{})
	require.NoError(t, ledger.Intend(context.Background(), persist.Entry{Kind: persist.Intended, At: scenetest.Noon, TokenID: "other"}, history.Doubt{}))
	unlock, err := file.Open(s.Home, file.Options{}).Lock(context.Background())
	require.NoError(t, err)
	unlock()
	found, err := os.ReadDir(s.Home)
	require.NoError(t, err)
	require.Greater(t, len(found), 4)
	page, _, _ := said("help", "files")
	var known []string
	for _, row := range regexp.MustCompile(`(?m)^  (\S.*?)(?:  |$)`).FindAllStringSubmatch(page, -1) {
		known = append(known, strings.Split(row[1], ", ")...)
	}
	for _, each := range found {
		require.True(t, slices.ContainsFunc(known, func(pattern string) bool {
			matched, err := filepath.Match(pattern, each.Name())
			return err == nil && matched
		}), "bezoar help files does not know %s", each.Name())
	}
}
