//go:build unix

package backend

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// environ is an environment that no other test sees.
type environ map[string]string

func (e environ) get(name string) string { return e[name] }

// script makes a program in a folder of its own.
func script(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755))
	return path
}

func TestParseReadsQuotesAsAShell(t *testing.T) {
	codex := script(t, "my codex", "")
	command, err := Parse(`'`+codex+`' -c "a=\"b c\"" x\ y app-server`, environ{}.get)
	require.NoError(t, err)
	require.Equal(t, Command{Words: []string{codex, "-c", `a="b c"`, "x y", "app-server"}, Path: codex}, command)
	again, err := Parse(command.Line(), environ{}.get)
	require.NoError(t, err)
	require.Equal(t, command, again)
}

func TestParseRefusesAQuoteWithoutEnd(t *testing.T) {
	_, err := Parse(`codex 'app-server`, environ{}.get)
	require.ErrorContains(t, err, "the backend is no line of words")
}

func TestParseFindsTheProgramOnPath(t *testing.T) {
	codex := script(t, "codex", "")
	unreadable := filepath.Join(t.TempDir(), "codex")
	require.NoError(t, os.WriteFile(unreadable, nil, 0o644))
	path := "relative::" + t.TempDir() + ":" + filepath.Dir(unreadable) + ":" + filepath.Dir(codex)
	command, err := Parse("codex app-server", environ{"PATH": path}.get)
	require.NoError(t, err)
	require.Equal(t, codex, command.Path)
}

func TestParseSaysWhyAProgramCannotBeRun(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(folder, "directory"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "text"), nil, 0o644))
	itself, err := os.Executable()
	require.NoError(t, err)
	shim := script(t, "codex", "# "+shimMark+"/no/such/codex")
	for line, want := range map[string]string{
		"":                            "the backend is empty",
		"''":                          "the backend is empty",
		"codex":                       "the backend codex is in no folder of PATH",
		folder + "/none":              folder + "/none: no such file or directory",
		folder + "/text/none":         folder + "/text/none: not a directory",
		folder + "/directory":         folder + "/directory is a folder",
		folder + "/text":              folder + "/text cannot be run by this user",
		"text":                        folder + "/text cannot be run by this user",
		"'" + itself + "' app-server": "is bezoar itself",
		shim + " app-server":          "is a shim, and the codex behind it cannot be used: the backend /no/such/codex: no such file",
	} {
		_, err := Parse(line, environ{"PATH": folder}.get)
		require.ErrorContains(t, err, want, line)
	}
}

func TestShimLeadsToTheCodexBehindIt(t *testing.T) {
	codex := script(t, "codex", "")
	shim := script(t, "codex", "# "+shimMark+codex)
	command, err := Parse(shim+" -c a=b app-server", environ{}.get)
	require.NoError(t, err)
	require.Equal(t, Command{Words: []string{codex, "-c", "a=b", "app-server"}, Path: codex}, command)
	_, err = Parse(script(t, "codex", "# "+shimMark+shim)+" app-server", environ{}.get)
	require.ErrorContains(t, err, "is a shim of a shim, "+shim+": name the codex behind it, "+codex)
	itself, err := os.Executable()
	require.NoError(t, err)
	_, err = Parse(script(t, "codex", "# "+shimMark+itself)+" app-server", environ{}.get)
	require.ErrorContains(t, err, "is bezoar itself")
	_, err = Codex("/no/such/codex", environ{}.get)
	require.EqualError(t, err, "--codex /no/such/codex: no such file or directory")
}

func TestRemoveShimSaysThatThereIsNone(t *testing.T) {
	folder := t.TempDir()
	path, err := WriteShim(folder, "/opt/bezoar", "/opt/codex")
	require.NoError(t, err)
	removed, err := RemoveShim(folder)
	require.NoError(t, err)
	require.Equal(t, path, removed)
	_, err = RemoveShim(folder)
	require.EqualError(t, err, "there is no shim in "+folder)
}

func TestGuardStopsABackendThatLeadsBack(t *testing.T) {
	require.NoError(t, Guard(environ{}.get))
	require.ErrorContains(t, Guard(environ{BehindVariable: "77"}.get), "already in front here (process 77")
}

func TestChildHasTheHomeAndNoLogin(t *testing.T) {
	got := environment([]string{"A=1", "CODEX_API_KEY=k", "OPENAI_API_KEY=k", "CODEX_ACCESS_TOKEN=t", "CODEX_HOME=/old", "BEZOAR_BACKEND=codex", "CODEX_API_KEYS=2"}, "/home")
	require.Equal(t, []string{"A=1", "CODEX_API_KEYS=2", "CODEX_HOME=/home"}, got[:len(got)-1])
	require.Contains(t, got[len(got)-1], BehindVariable+"=")
}

func TestEphemeralComesAfterAllOtherWords(t *testing.T) {
	c := Command{Words: []string{"codex", "app-server", "-c", `cli_auth_credentials_store="file"`}}
	require.Equal(t, []string{"app-server", "-c", `cli_auth_credentials_store="file"`, "--new", "-c", `cli_auth_credentials_store="ephemeral"`}, c.arguments([]string{"--new"}))
}

func TestOverridesAreSeenInEachSpelling(t *testing.T) {
	c := Command{Words: []string{"codex", "-c", "a=1", "--config", "b=2", "--config=c=3", "-cd=4", "-c=e=5", "app-server", "--cd", "x", "-c"}}
	require.Equal(t, []string{"a=1", "b=2", "c=3", "d=4", "e=5"}, c.Overrides())
}
