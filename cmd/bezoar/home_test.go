package main

import (
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/store/system"
)

// namedFiles are the patterns of files in the first column of docs/home.md.
func namedFiles(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("docs/home.md")
	require.NoError(t, err)
	table, _, _ := strings.Cut(string(page), "## Locks")
	var patterns []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]+) \\|").FindAllStringSubmatch(table, -1) {
		for _, each := range span.FindAllStringSubmatch(row[1], -1) {
			patterns = append(patterns, each[1])
		}
	}
	require.Greater(t, len(patterns), 15, "is the table not found?")
	return patterns
}

// unnamedFiles are the files of a home that no pattern names.
func unnamedFiles(t *testing.T, home string, patterns []string) []string {
	t.Helper()
	var unnamed []string
	for _, name := range slices.Sorted(maps.Keys(filesIn(home))) {
		named := slices.ContainsFunc(patterns, func(pattern string) bool {
			ok, err := filepath.Match(pattern, name)
			require.NoError(t, err)
			return ok
		})
		if !named {
			unnamed = append(unnamed, name)
		}
	}
	return unnamed
}

// filesIn are the files below a folder, by their paths in it. Some may go meanwhile.
func filesIn(home string) map[string]bool {
	found := map[string]bool{}
	_ = filepath.WalkDir(home, func(path string, entry fs.DirEntry, err error) error {
		if name, _ := filepath.Rel(home, path); err == nil && !entry.IsDir() {
			found[filepath.ToSlash(name)] = true
		}
		return nil
	})
	return found
}

// TestHomePageNamesEveryFile compares docs/home.md with a home in which the program
// shows its page, posts, is killed, recovers, serves a caller and logs out.
func TestHomePageNamesEveryFile(t *testing.T) {
	patterns, s := namedFiles(t), newSlowSite(t, time.Minute)
	look := func(when string, files ...string) {
		t.Helper()
		require.Empty(t, unnamedFiles(t, s.home, patterns), "cmd/bezoar/docs/home.md does not name these files (%s)", when)
		for _, pattern := range files {
			require.True(t, slices.ContainsFunc(slices.Collect(maps.Keys(filesIn(s.home))), func(name string) bool {
				ok, _ := filepath.Match(pattern, name)
				return ok
			}), "there is no %s (%s)", pattern, when)
		}
	}
	s.call()
	look("a caller has a token", "auth.callers/*")
	server := s.program("app-server", "--inspect", "127.0.0.1:0")
	input, err := server.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, server.Start())
	_, err = io.WriteString(input, `{"id":1,"method":"initialize","params":{"clientInfo":{"name":"t","version":"1"}}}`+"\n"+
		`{"id":2,"method":"getAuthStatus","params":{"includeToken":true,"refreshToken":true}}`+"\n")
	require.NoError(t, err)
	s.awaitPost()
	look("a post is under way", "auth.intents/*", "auth.json.*.tmp", "auth.ledger", "auth.lock", "auth.inspect*")
	require.NoError(t, server.Process.Kill())
	_ = server.Wait()
	look("the process was killed")

	s.goOn()
	_ = s.program("token").Run() // the issuer refuses the replay
	look("the next process has asked", "auth.ledger.lock")
	require.NoError(t, os.WriteFile(filepath.Join(s.home, "auth.json"), []byte("no login"), 0o600))
	_ = s.program("logout", "--local").Run()
	look("what was no login is set aside", "auth.json.unreadable")
	_ = s.program("doctor", "--offline").Run()
	look("the doctor was here")
}

func TestHomePageNamesFilesOfEarlierHomes(t *testing.T) {
	homes, err := filepath.Glob("../../store/file/testdata/home-*/*/auth.json")
	require.NoError(t, err)
	require.NotEmpty(t, homes)
	for _, login := range homes {
		require.Empty(t, unnamedFiles(t, filepath.Dir(login), namedFiles(t)), login)
	}
}

// promiseOf is what a row of the table of systems in docs/home.md says of a promise that
// decides what a death leaves.
var promiseOf = map[string]system.Promise{
	"two files change names in one step":    system.Exchanges,
	"which boot, when a process started":    system.KnowsProcesses,
	"locks":                                 system.HasLocks,
	"second names of a file, mounts, flags": system.CountsNames,
}

func TestHomePageSaysWhatEachSystemKeeps(t *testing.T) {
	text, err := os.ReadFile("docs/home.md")
	require.NoError(t, err)
	_, table, _ := strings.Cut(string(text), "## Systems")
	table, _, _ = strings.Cut(table, "## Locks")
	var rows [][]string
	for _, row := range regexp.MustCompile(`(?m)^\| (.+) \|$`).FindAllStringSubmatch(table, -1) {
		rows = append(rows, strings.Split(row[1], " | "))
	}
	kinds := slices.DeleteFunc(system.Kinds(), func(k system.Kind) bool { return k.GOOS == "" })
	head := []string{"question"}
	for _, kind := range kinds {
		head = append(head, kind.Name)
	}
	require.Equal(t, append(head, "without it"), rows[0])
	var said []system.Promise
	for _, row := range rows[1:] {
		require.Len(t, row, len(rows[0]), row[0])
		promise, decides := promiseOf[row[0]]
		for n, kind := range kinds {
			if decides {
				require.Equal(t, kind.Keeps(promise), row[1+n] != "–", "%s, on %s", row[0], kind.Name)
			}
		}
		if decides {
			said = append(said, promise)
		}
	}
	require.ElementsMatch(t, system.Promises(), said, "docs/home.md has a row for each promise")
}
