package main

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/file"
)

// words are the names that a list of reference has.
func words(entries []option) []string {
	var all []string
	for _, each := range entries {
		all = append(all, strings.Split(each.word, ", ")...)
	}
	return all
}

func TestTheReferenceHasEveryVariableThatIsRead(t *testing.T) {
	read := regexp.MustCompile(`(?:getenv|env)\("([A-Z_]+)"\)|"((?:BEZOAR|CODEX)_[A-Z_]+)"`)
	known, found := words(variables), 0
	require.NoError(t, filepath.WalkDir("../..", func(source string, _ fs.DirEntry, err error) error {
		require.NoError(t, err)
		if !strings.HasSuffix(source, ".go") || strings.HasSuffix(source, "_test.go") {
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

func TestTheReferenceHasEveryFileOfAHome(t *testing.T) {
	s := newScene(t, -time.Hour).note(time.Hour, persist.Entry{Kind: persist.Refused, Reason: history.ReasonReused})
	ledger := file.OpenLedger(s.home, s.issuer, file.LedgerOptions{})
	require.NoError(t, ledger.Intend(context.Background(), persist.Entry{Kind: persist.Intended, At: noon, TokenID: "other"}, history.Doubt{}))
	unlock, err := file.Open(s.home, file.Options{}).Lock(context.Background())
	require.NoError(t, err)
	unlock()
	found, err := os.ReadDir(s.home)
	require.NoError(t, err)
	require.Greater(t, len(found), 4)
	for _, each := range found {
		require.True(t, slices.ContainsFunc(words(files), func(pattern string) bool {
			matched, err := filepath.Match(pattern, each.Name())
			return err == nil && matched
		}), "bezoar help files does not know %s", each.Name())
	}
}

func TestTheManualPageHasWhatTheProgramHas(t *testing.T) {
	page := manPage()
	for _, section := range []string{"NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES", "SEE ALSO"} {
		require.Contains(t, page, ".SH "+section+"\n")
	}
	for _, each := range slices.Concat(variables, files, exitCodes) {
		require.Contains(t, page, roff(each.word))
	}
	require.Equal(t, 1, strings.Count(page, roff("--log-format")+"\\fR \\fI"), "flags that all commands have stand there once")
}

func TestTheRevisionIsFoundWhereItCanBeKnown(t *testing.T) {
	built := func(version string, settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: settings}
	}
	seen := debug.BuildSetting{Key: "vcs.revision", Value: "0123456789abcdef"}
	require.Equal(t, "", revisionOf(built("(devel)")))
	require.Equal(t, "", revisionOf(built("v1.2.3")))
	require.Equal(t, "fa95d2626105", revisionOf(built("v0.0.0-20261127115517-fa95d2626105")))
	require.Equal(t, "fa95d2626105", revisionOf(built("v1.2.4-0.20261127115517-fa95d2626105")))
	require.Equal(t, "0123456789abcdef", revisionOf(built("(devel)", seen, debug.BuildSetting{Key: "vcs.modified", Value: "false"})))
	require.Equal(t, "0123456789abcdef+changes", revisionOf(built("(devel)", seen, debug.BuildSetting{Key: "vcs.modified", Value: "true"})))
	defer func(was string) { revision = was }(revision)
	revision = "abc"
	require.Equal(t, "abc", revisionOf(built("(devel)", seen)))
}
