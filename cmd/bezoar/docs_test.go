package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/shlex"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
)

// pages are what people read.
func pages(t *testing.T) []string {
	found, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(found), 5)
	return append(found, "../../README.md")
}

// spoken finds a call of this program in a piece of code: at its beginning,
// behind a prompt, or where a shell begins a command.
var spoken = regexp.MustCompile(`(?:^(?:\$ )?|[|(] ?|&& |if )(?:\./|go run \./cmd/)?bezoar ([a-z][^|)&;<>#]*)`)

var span = regexp.MustCompile("`([^`]+)`")

// codeIn is what a page has as code: lines between fences, lines that stand
// further in, and pieces of sentences.
func codeIn(page string) []string {
	var code []string
	isFenced := false
	for line := range strings.Lines(page) {
		line = strings.TrimRight(line, "\n")
		indented, isIndented := strings.CutPrefix(line, "    ")
		switch {
		case strings.HasPrefix(line, "```"):
			isFenced = !isFenced
		case isFenced:
			code = append(code, line)
		case isIndented:
			code = append(code, indented)
		default:
			for _, each := range span.FindAllStringSubmatch(line, -1) {
				code = append(code, each[1])
			}
		}
	}
	return code
}

// linked is what a page shows or leads to.
var linked = regexp.MustCompile(`\]\(([^)]+)\)|src="([^"]+)"`)

// TestDocsNameExistingCommands parses what the pages tell people to type, as
// the program itself would.
func TestDocsNameExistingCommands(t *testing.T) {
	calls := 0
	for _, page := range pages(t) {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, code := range codeIn(string(text)) {
			for _, call := range spoken.FindAllStringSubmatch(code, -1) {
				requireCommand(t, page, strings.TrimSpace(call[1]))
				calls++
			}
		}
	}
	require.Greater(t, calls, 50, "are the commands of the pages not found?")
}

func requireCommand(t *testing.T, page, line string) {
	words, err := shlex.Split(line)
	if err != nil { // it ends with a quote that began before it
		words = strings.Fields(strings.Trim(line, ` "'`))
	}
	if words[0] == "help" {
		code := run(cli.Environment{Stdout: &strings.Builder{}, Stderr: &strings.Builder{}}, words)
		require.Equal(t, cli.ExitOK, code, "%s: bezoar %s", page, line)
		return
	}
	command, rest, found := cli.Commands(commands).Find(words)
	require.True(t, found, "%s: there is no bezoar %s", page, line)
	flags := command.Flags()
	if i := slices.Index(rest, "--"); i >= 0 {
		rest = rest[:i] // the words of a backend
	}
	if !slices.Contains(rest, "--help") {
		require.NoError(t, flags.Parse(rest), "%s: bezoar %s", page, line)
	}
	words = flags.Args()
	for named := command.Folder || command.Named || command.Account; named && len(words) > 0; named = command.Account { // rename takes two
		require.NoError(t, flags.Parse(words[1:]), "%s: bezoar %s", page, line)
		words = flags.Args()
	}
	for _, word := range words {
		require.Contains(t, command.Words, word, "%s: bezoar %s", page, line)
	}
}

func TestDocsLinkToExistingFiles(t *testing.T) {
	for _, page := range pages(t) {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, link := range linked.FindAllStringSubmatch(string(text), -1) {
			target, _, _ := strings.Cut(link[1]+link[2], "#")
			if target != "" && !strings.Contains(target, "://") {
				require.FileExists(t, filepath.Join(filepath.Dir(page), target), page)
			}
		}
	}
}

// TestDocsShowRealOutput runs the scripts of testdata/docs, which set scenes
// for the pages and replay their recordings.
func TestDocsShowRealOutput(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("what is recorded was typed into a shell of Unix")
	}
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/docs",
		Setup: func(env *testscript.Env) error {
			env.Setenv("ROOT", root)
			env.Setenv("BEZOAR_HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("OPENAI_API_KEY", "sk-example")
			env.Setenv("PATH", withoutCodex(env.Getenv("PATH")))
			return setUpWorld(env)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "loggedin": loggedIn, "spent": spent, "person": person, "replay": replay,
		},
	})
}

// withoutCodex leaves the folders that have a codex out of a PATH: the pages were recorded on
// a machine that has none.
func withoutCodex(path string) string {
	folders := slices.DeleteFunc(filepath.SplitList(path), func(folder string) bool {
		_, err := exec.LookPath(filepath.Join(folder, "codex"))
		return err == nil
	})
	return strings.Join(folders, string(os.PathListSeparator))
}

// recording is a block of a page with what was typed behind "$ " and what came.
var recording = regexp.MustCompile("(?s)```console\n(.*?)```\n")

// replay FILE N has a shell do what was typed in the Nth recording of a page.
// All must come as it was recorded, but for times, numbers of processes,
// fingerprints and places.
func replay(ts *testscript.TestScript, neg bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	found := recording.FindAllStringSubmatch(ts.ReadFile(args[0]), -1)
	if n > len(found) {
		ts.Fatalf("%s has %d recordings", args[0], len(found))
	}
	recorded := found[n-1][1]
	script := "code=0\n"
	for line := range strings.Lines(recorded) {
		if typed, ok := strings.CutPrefix(line, "$ "); ok {
			quoted := "'" + strings.ReplaceAll(strings.TrimSpace(typed), "'", `'\''`) + "'"
			script += "printf '$ %s\\n' " + quoted + "\n(exit $code)\neval " + quoted + " 2>&1\ncode=$?\n"
		}
	}
	ts.Check(ts.Exec("sh", "-c", script+"true"))
	if got, want := plain(ts.ReadFile("stdout")), plain(recorded); got != want {
		ts.Fatalf("recording %d of %s is\n%s\nand now it is\n%s", n, args[0], want, got)
	}
}

// ephemeral is what differs from run to run.
var ephemeral = []*regexp.Regexp{
	regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+Z`),
	regexp.MustCompile(`(\d{4}-\d\d-\d\d )?\d\d:\d\d(:\d\d)?( {2,})?`), // a column is wider when one of its times is yesterday's
	regexp.MustCompile(`\b[0-9a-f]{8}\b`),
	regexp.MustCompile(`process \d+`),
	regexp.MustCompile(`only \S+ has access`),
	regexp.MustCompile(`127\.0\.0\.1:\w+`),
	regexp.MustCompile(`\b[A-Z2-7]{4}-[A-Z2-7]{4}\b`),
	regexp.MustCompile(`/\S+/home\b`),
}

func plain(text string) string {
	for _, each := range ephemeral {
		text = each.ReplaceAllString(text, "…")
	}
	return text
}
