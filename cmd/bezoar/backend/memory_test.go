package backend

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/protocol/front/surface"
	"github.com/bezoar-auth/bezoar/store/system/systemtest"
)

// remembering is a memory in a folder of its own, and a command.
func remembering(t *testing.T) (Memory, Command) {
	program := script(t, "codex", "one")
	return OpenMemory(environ{cacheVariable(): t.TempDir()}.get), Command{Words: []string{"codex", "app-server"}, Path: program}
}

func cacheVariable() string {
	if runtime.GOOS == "windows" {
		return "LocalAppData"
	}
	return "XDG_CACHE_HOME"
}

func TestMemoryRecallsWhatItRemembers(t *testing.T) {
	m, c := remembering(t)
	require.Equal(t, Known{}, m.Recall(c))
	known := Known{Version: "0.171.0", Surface: surface.BuiltIn()}
	require.NoError(t, m.Remember(c, known))
	require.Equal(t, known, m.Recall(c))
	known.Version = "0.172.0-alpha.1+x"
	require.NoError(t, m.Remember(c, known))
	require.Equal(t, known, m.Recall(c))
}

func TestMemoryForgetsAProgramThatChanged(t *testing.T) {
	m, c := remembering(t)
	require.NoError(t, m.Remember(c, Known{Version: "1"}))
	info, err := os.Stat(c.Path)
	require.NoError(t, err)

	other := Command{Words: append(c.Words, "--new"), Path: c.Path}
	require.Equal(t, Known{}, m.Recall(other))

	replaced := c.Path + ".new" // of the same size and age, as npm leaves it
	text, err := os.ReadFile(c.Path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(replaced, bytes.ReplaceAll(text, []byte("one"), []byte("two")), 0o755))
	require.NoError(t, os.Chtimes(replaced, info.ModTime(), info.ModTime()))
	require.NoError(t, os.Rename(replaced, c.Path))
	require.Equal(t, Known{}, m.Recall(c))

	require.NoError(t, os.Remove(c.Path))
	require.Equal(t, Known{}, m.Recall(c))
	require.Error(t, m.Remember(c, Known{Version: "1"}))
}

func TestMemoryIsPrivateAndNamesNoWords(t *testing.T) {
	m, c := remembering(t)
	c.Words = append(c.Words, "-c", "key=SECRET")
	require.NoError(t, m.Remember(c, Known{Version: "1"}))
	path, err := m.file(c)
	require.NoError(t, err)
	systemtest.RequireForOwnerAlone(t, path)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(text)+path, "SECRET")
}

func TestMemoryIgnoresAFileThatIsBroken(t *testing.T) {
	m, c := remembering(t)
	require.NoError(t, m.Remember(c, Known{Version: "1"}))
	path, err := m.file(c)
	require.NoError(t, err)
	for _, text := range []string{"", "{", "[]", `{"version":7}`, `{"version":""}`, `{"version":"a b\r\n"}`} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		require.Equal(t, Known{}, m.Recall(c), text)
	}
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Mkdir(path, 0o700))
	require.Equal(t, Known{}, m.Recall(c))
}

func TestMemoryTakesNoVersionThatIsNone(t *testing.T) {
	m, c := remembering(t)
	for _, version := range []string{"", "1 2", "1\n", string(make([]byte, 4000))} {
		require.Error(t, m.Remember(c, Known{Version: version}))
	}
}

func TestMemoryKeepsTheLatestPrograms(t *testing.T) {
	m, c := remembering(t)
	for i := range 3 * rememberedLimit {
		c.Words = []string{"codex", strconv.Itoa(i)}
		require.NoError(t, m.Remember(c, Known{Version: "1"}))
	}
	require.Equal(t, "1", m.Recall(c).Version)
	left, err := os.ReadDir(m.folder)
	require.NoError(t, err)
	require.LessOrEqual(t, len(left), rememberedLimit)
}

func TestMemoryWithoutAFolderRemembersNothing(t *testing.T) {
	_, c := remembering(t)
	relative := environ{"HOME": "x", cacheVariable(): "y"}
	for _, m := range []Memory{OpenMemory(environ{}.get), OpenMemory(relative.get), {folder: filepath.Join(c.Path, "below a file")}} {
		require.Equal(t, Known{}, m.Recall(c))
		require.Error(t, m.Remember(c, Known{Version: "1"}))
	}
	if runtime.GOOS != "windows" && runtime.GOOS != "darwin" {
		require.Equal(t, filepath.Join("/u", ".cache"), cacheFolder(environ{"HOME": "/u"}.get))
	}
}
