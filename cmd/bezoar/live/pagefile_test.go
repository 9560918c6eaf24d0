package live

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
)

// servedFile is the file of a page that is served until the test ends.
func servedFile(t *testing.T, home string) *PageFile {
	f := &PageFile{URL: newWorld(t, states(t)[machine.Fresh]).url, PID: 4711}
	require.NoError(t, f.write(home))
	return f
}

func urls(files []PageFile, _ error) (all []string) {
	for _, each := range files {
		all = append(all, each.URL)
	}
	return all
}

func TestPageFileIsPrivateAndWhole(t *testing.T) {
	home := t.TempDir()
	f := servedFile(t, home)
	info, err := os.Stat(f.path)
	require.NoError(t, err)
	if runtime.GOOS != "windows" { // which has no modes
		require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	}
	files, err := os.ReadDir(home)
	require.NoError(t, err)
	require.Len(t, files, 1, "no hidden half of it is left")
	f.remove()
	require.NoFileExists(t, f.path)
}

func TestPageFilesAreFoundNewestFirst(t *testing.T) {
	home := t.TempDir()
	first, second := servedFile(t, home), servedFile(t, home)
	before := time.Now().Add(-time.Minute)
	require.NoError(t, os.Chtimes(first.path, before, before))
	require.Equal(t, []string{second.URL, first.URL}, urls(PageFiles(home)))
}

func requireNoPage(t *testing.T, home string) {
	_, err := PageFiles(home)
	require.ErrorIs(t, err, ErrNoPage)
}

// A program that is stopped has a port that takes connections, and no answer.
func TestPageFileOfAStoppedProgramNamesIt(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	home := t.TempDir()
	f := &PageFile{URL: "http://" + listener.Addr().String() + "/x/", PID: 9320}
	require.NoError(t, f.write(home))
	_, err = PageFiles(home)
	require.EqualError(t, err, "process 9320 shows its state, but does not answer")
	require.FileExists(t, f.path)
}

// freeURL is an address of this machine at which no page is.
func freeURL(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return "http://" + listener.Addr().String() + "/x/"
}

func TestPageFileOfAKilledProgramIsRemoved(t *testing.T) {
	home := t.TempDir()
	f := &PageFile{URL: freeURL(t), PID: 7}
	require.NoError(t, f.write(home))
	requireNoPage(t, home)
	require.NoFileExists(t, f.path)
}

func TestPageFileOfAnotherMachineIsKept(t *testing.T) {
	home := t.TempDir()
	path := filepath.Join(home, "auth.inspect.7-abcdef")
	require.NoError(t, os.WriteFile(path, []byte(`{"url":"`+freeURL(t)+`","pid":7,"host":"a.container"}`), 0o600))
	requireNoPage(t, home)
	require.FileExists(t, path, "its loopback is another one")
}

func TestPageFileOfAnOlderBuildIsRead(t *testing.T) {
	home := t.TempDir()
	f := servedFile(t, t.TempDir())
	require.NoError(t, os.WriteFile(filepath.Join(home, "auth.inspect"), []byte(`{"url":"`+f.URL+`","pid":4711}`+"\n"), 0o600))
	require.Equal(t, []string{f.URL}, urls(PageFiles(home)))
}

// TestPageFilesSkipOtherFiles would hang on the pipe, and read the giant into memory.
func TestPageFilesSkipOtherFiles(t *testing.T) {
	home := t.TempDir()
	f := servedFile(t, home)
	makePipe(t, filepath.Join(home, "auth.inspect"))
	makePipe(t, filepath.Join(home, "auth.inspect.1-pipe"))
	require.NoError(t, os.Mkdir(filepath.Join(home, "auth.inspect.2-folder"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(home, "auth.inspect.3-giant"), nil, 0o600))
	require.NoError(t, os.Truncate(filepath.Join(home, "auth.inspect.3-giant"), 1<<40))
	require.NoError(t, os.WriteFile(filepath.Join(home, "auth.inspect.4-none"), []byte("null"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(home, "auth.inspect.5-file"), []byte(`{"url":"file:///etc/passwd"}`), 0o600))
	require.Equal(t, []string{f.URL}, urls(PageFiles(home)))
}

func TestPageFileOfAnotherPageAtThePort(t *testing.T) {
	f := servedFile(t, t.TempDir())
	other := PageFile{URL: strings.TrimSuffix(f.URL, "/") + "x/", PID: 1}
	answers, _ := other.visit()
	require.False(t, answers)
}
