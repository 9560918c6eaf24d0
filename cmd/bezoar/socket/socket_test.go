//go:build unix

package socket

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/rival"
)

// folder is a folder with a short name: the path of a socket has little room.
func folder(t *testing.T) string {
	path, err := os.MkdirTemp("", "s")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(path) })
	return path
}

func listen(t *testing.T, path string) *Socket {
	t.Helper()
	s, err := Listen(path)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// die leaves the socket as a killed program does: it is there, and refuses.
func die(t *testing.T, s *Socket) { require.NoError(t, s.UnixListener.Close()) }

func TestSocketIsItsOwnersAlone(t *testing.T) {
	path := filepath.Join(folder(t), "new", "folder", "sock")
	before := syscall.Umask(0)
	s, err := Listen(path)
	syscall.Umask(before)
	require.NoError(t, err)
	defer s.Close()
	info, err := os.Lstat(path)
	require.NoError(t, err)
	require.Equal(t, os.ModeSocket|0o600, info.Mode())
	info, err = os.Stat(filepath.Dir(path))
	require.NoError(t, err)
	require.Equal(t, os.ModeDir|0o700, info.Mode())
	conn, err := net.Dial("unix", path)
	require.NoError(t, err)
	conn.Close()
}

func TestSocketOfALivingProgramIsTaken(t *testing.T) {
	path := filepath.Join(folder(t), "sock")
	first := listen(t, path)
	_, err := Listen(path)
	taken, ok := errors.AsType[*TakenError](err)
	require.True(t, ok, err)
	require.Equal(t, path, taken.Path)
	if taken.By.PID != 0 {
		require.Equal(t, os.Getpid(), taken.By.PID)
		require.Contains(t, err.Error(), "process ")
	}
	require.NoError(t, first.Close())
	require.NoFileExists(t, path)
	require.NoError(t, listen(t, path).Close())
}

func TestSocketOfADeadProgramIsReplaced(t *testing.T) {
	path := filepath.Join(folder(t), "sock")
	first := listen(t, path)
	die(t, first)
	second := listen(t, path)
	conn, err := net.Dial("unix", path)
	require.NoError(t, err)
	conn.Close()
	require.NoError(t, second.Close())
	require.NoFileExists(t, path)
}

func TestWhatIsNoSocketOfOursStays(t *testing.T) {
	home := folder(t)
	for name, make := range map[string]func(path string) error{
		"a file":          func(path string) error { return os.WriteFile(path, []byte("precious"), 0o600) },
		"an empty file":   func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"a folder":        func(path string) error { return os.Mkdir(path, 0o700) },
		"a pipe":          func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a dangling link": func(path string) error { return os.Symlink(filepath.Join(home, "nowhere"), path) },
		"a link to a file": func(path string) error {
			target := filepath.Join(home, "target")
			return errors.Join(os.WriteFile(target, nil, 0o600), os.Symlink(target, path))
		},
		"a socket for datagrams": func(path string) error {
			conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
			if err == nil {
				t.Cleanup(func() { conn.Close() })
			}
			return err
		},
	} {
		path := filepath.Join(home, strings.ReplaceAll(name, " ", "-"))
		require.NoError(t, make(path), name)
		before, err := os.Lstat(path)
		require.NoError(t, err)
		_, err = Listen(path)
		foreign, ok := errors.AsType[*ForeignError](err)
		require.True(t, ok, "%s: %v", name, err)
		require.Equal(t, path, foreign.Path)
		after, err := os.Lstat(path)
		require.NoError(t, err)
		require.True(t, os.SameFile(before, after), name)
	}
}

// Codex puts a link at its control socket, which leads to a folder of its own, and leaves
// it there when it is killed.
func TestLinkOfADeadCodexIsReplaced(t *testing.T) {
	home := folder(t)
	far := filepath.Join(home, "codex-daemon-1000")
	require.NoError(t, os.Mkdir(far, 0o700))
	path, target := rival.ControlSocket(home), filepath.Join(far, "5e63")
	require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
	codex := listen(t, target)
	require.NoError(t, os.Symlink(target, path))
	_, err := Listen(path)
	taken := new(TakenError)
	require.ErrorAs(t, err, &taken)

	die(t, codex)
	s := listen(t, path)
	require.NoError(t, s.Close())
	require.FileExists(t, target, "the rest is Codex's own")
	require.NoError(t, os.Remove(target))
	require.NoError(t, os.Symlink(target, path))
	require.NoError(t, listen(t, path).Close())
}

// Of many programs that start at once, over and over and with a dead socket in their way,
// one has it.
func TestOneOfManyThatStartAtOnceHasTheSocket(t *testing.T) {
	path := filepath.Join(folder(t), "sock")
	for range 20 {
		die(t, listen(t, path))
		var all sync.WaitGroup
		won := make(chan *Socket, 16)
		for range cap(won) {
			all.Go(func() {
				s, err := Listen(path)
				if err == nil {
					won <- s
					return
				}
				taken := new(TakenError)
				if !errors.As(err, &taken) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		require.Len(t, won, 1)
		s := <-won
		conn, err := net.Dial("unix", path)
		require.NoError(t, err)
		conn.Close()
		die(t, s)
	}
}

// A program without the lock may put its socket where one was looked at.
func TestSocketThatCameInBetweenGoesBack(t *testing.T) {
	path := filepath.Join(folder(t), "sock")
	die(t, listen(t, path))
	looked, err := os.Lstat(path)
	require.NoError(t, err)
	require.NoError(t, os.Remove(path))
	other, err := net.Listen("unix", path)
	require.NoError(t, err)
	defer other.Close()
	err = remove(path, looked)
	taken := new(TakenError)
	require.ErrorAs(t, err, &taken)
	conn, err := net.Dial("unix", path)
	require.NoError(t, err)
	conn.Close()
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 2, "the socket and the lock")
}

func TestEndRemovesNoSocketOfAnother(t *testing.T) {
	path := filepath.Join(folder(t), "sock")
	s := listen(t, path)
	require.NoError(t, os.Remove(path))
	other, err := net.Listen("unix", path)
	require.NoError(t, err)
	defer other.Close()
	require.NoError(t, s.Close())
	require.FileExists(t, path)
}

func TestPathThatIsTooLongIsNamed(t *testing.T) {
	path := filepath.Join(folder(t), strings.Repeat("x", pathLimitBytes))
	_, err := Listen(path)
	long := new(TooLongError)
	require.ErrorAs(t, err, &long)
	require.NoDirExists(t, filepath.Dir(filepath.Dir(path))+"/x")

	short := folder(t)
	longest := filepath.Join(short, strings.Repeat("x", pathLimitBytes-len(short)-1))
	require.Len(t, longest, pathLimitBytes)
	require.NoError(t, listen(t, longest).Close())
}

func TestFolderOfEveryUserIsRefused(t *testing.T) {
	home := folder(t)
	require.NoError(t, os.Chmod(home, 0o777))
	_, err := Listen(filepath.Join(home, "sock"))
	unsafe := new(UnsafeFolderError)
	require.ErrorAs(t, err, &unsafe)
	require.NoError(t, os.Chmod(home, os.ModeSticky|0o777))
	require.NoError(t, listen(t, filepath.Join(home, "sock")).Close())
}

func TestLockOfTheControlSocketIsThatOfCodex(t *testing.T) {
	require.Equal(t, "/home/ada/.codex/app-server-control/app-server-startup.lock", lockPath(rival.ControlSocket("/home/ada/.codex")))
	require.Equal(t, "/tmp/.x.sock.lock", lockPath("/tmp/x.sock"))
}
