package backend

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// environ is an environment that no other test sees.
type environ map[string]string

func (e environ) get(name string) string { return e[name] }

// write makes a program in a folder of its own.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o755))
	return path
}

func TestParseFindsTheProgramOnPath(t *testing.T) {
	codex := script(t, "codex", "")
	unreadable := filepath.Join(t.TempDir(), "codex")
	require.NoError(t, os.WriteFile(unreadable, nil, 0o644))
	path := strings.Join([]string{"relative", "", t.TempDir(), filepath.Dir(unreadable), filepath.Dir(codex)}, string(os.PathListSeparator))
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
	none, below := filepath.Join(folder, "none"), filepath.Join(folder, "text", "none")
	shim := script(t, "codex", "# "+shimMark+none)
	for line, want := range map[string]string{
		"":           "the backend is empty",
		quote(""):    "the backend is empty",
		"codex":      "the backend codex is in no folder of PATH",
		quote(none):  none + ": " + problemOf(none),
		quote(below): below + ": " + problemOf(below),
		quote(filepath.Join(folder, "directory")): "directory is a folder",
		quote(filepath.Join(folder, "text")):      "text " + unrunnable,
		"text":                                    "text " + unrunnable,
		quote(itself) + " app-server":             "is bezoar itself",
		quote(shim) + " app-server":               "is a shim, and the codex behind it cannot be used: the backend " + none + ": " + problemOf(none),
	} {
		_, err := Parse(line, environ{"PATH": folder}.get)
		require.ErrorContains(t, err, want, line)
	}
}

// problemOf is what the system says of a path.
func problemOf(path string) string {
	_, err := os.Stat(path)
	return err.(*fs.PathError).Err.Error()
}

func TestShimLeadsToTheCodexBehindIt(t *testing.T) {
	codex := script(t, "codex", "")
	shim := script(t, "codex", "# "+shimMark+codex)
	command, err := Parse(quote(shim)+" -c a=b app-server", environ{}.get)
	require.NoError(t, err)
	require.Equal(t, Command{Words: []string{codex, "-c", "a=b", "app-server"}, Path: codex}, command)
	_, err = Parse(quote(script(t, "codex", "# "+shimMark+shim))+" app-server", environ{}.get)
	require.ErrorContains(t, err, "is a shim of a shim, "+shim+": name the codex behind it, "+codex)
	itself, err := os.Executable()
	require.NoError(t, err)
	_, err = Parse(quote(script(t, "codex", "# "+shimMark+itself))+" app-server", environ{}.get)
	require.ErrorContains(t, err, "is bezoar itself")
	none := filepath.Join(t.TempDir(), "codex")
	_, err = Codex(none, environ{}.get)
	require.EqualError(t, err, "--codex "+none+": "+problemOf(none))
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
