package rival

import (
	"encoding/binary"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
)

func TestModeSaysWhichCodexSpendsATokenForItself(t *testing.T) {
	for line, want := range map[string]Mode{
		"codex":                                 Interactive,
		"/usr/bin/codex -m gpt fix-the-bug":     Interactive,
		"codex resume --last":                   Interactive,
		"codex app-server --listen stdio://":    AppServer,
		"codex-0.171.0 -c a=b app-server":       AppServer,
		"codex-x86_64-unknown-linux-musl e hi":  Exec,
		`codex.exe exec hi`:                     Exec,
		"codex mcp-server":                      "mcp-server",
		"codex app-server --listen unix:// -c=": AppServer,
	} {
		mode, ok := modeOf(strings.Fields(line))
		require.True(t, ok, line)
		require.Equal(t, want, mode, line)
	}
	for _, line := range []string{
		"", "node codex.js", "codex-linux-sandbox x", "codexx", "codex-mcp", "codex --version", "codex login", "codex --remote unix://", "codex exec-server",
		"codex --remote=ws://127.0.0.1:1 exec", "codex- app-server", "vim codex",
	} {
		_, ok := modeOf(strings.Fields(line))
		require.False(t, ok, line)
	}
}

// world is a scene with a bezoar and a process of the home below it.
func world(t *testing.T, words string) (scene, process) {
	home := t.TempDir()
	p := process{
		pid: 3, parent: 2, words: strings.Fields(words), began: time.Unix(1000, 0), path: func(path string) string { return path },
		variables: func() []string { return []string{"A=b", "CODEX_HOME=" + home} },
	}
	return scene{home: home, running: map[int]process{2: {pid: 2, parent: 1, words: []string{"sh"}}, 1: {pid: 1, words: []string{"init"}}}}, p
}

func TestRivalIsACodexWithTheHome(t *testing.T) {
	s, p := world(t, "codex app-server")
	mode, ok := s.rivals(p)
	require.True(t, ok)
	require.Equal(t, AppServer, mode)

	user := t.TempDir()
	s.home = filepath.Join(user, ".codex")
	require.NoError(t, os.Mkdir(s.home, 0o700))
	_, ok = s.rivals(p)
	require.False(t, ok, "it has another home")
	p.variables = func() []string { return []string{homeVariable + "=" + user, "CODEX_HOME="} }
	_, ok = s.rivals(p)
	require.True(t, ok, "the default home is this one")
	p.variables = func() []string { return nil }
	_, ok = s.rivals(p)
	require.False(t, ok, "a process that may not be read is not accused")
}

func TestRivalIsNoCodexBehindBezoar(t *testing.T) {
	s, p := world(t, `codex app-server -c cli_auth_credentials_store="ephemeral"`)
	_, ok := s.rivals(p)
	require.False(t, ok, "it keeps its login in memory")

	s, p = world(t, "codex app-server")
	s.running[1] = process{pid: 1, words: []string{"/usr/bin/bezoar", "app-server", "--backend", "codex app-server"}}
	_, ok = s.rivals(p)
	require.False(t, ok, "a bezoar started it, through a shell")
	s.running[2] = process{pid: 2, parent: 1, words: []string{"codex", "app-server"}}
	_, ok = s.rivals(p)
	require.True(t, ok, "the codex behind that bezoar started it, for a user")
	s, p = world(t, "codex app-server")
	s.running[1] = process{pid: 1, parent: 2, words: []string{"/usr/bin/bezoar", "why"}}
	_, ok = s.rivals(p)
	require.True(t, ok, "this bezoar hands it no token, and a ring of parents ends")
}

func TestRivalIsNoTerminalThatFoundAServer(t *testing.T) {
	for words, want := range map[string]bool{"codex": false, "codex --no-daemon": true, "codex exec hi": true} {
		s, p := world(t, words)
		s.served = p.began.Add(-time.Second)
		_, ok := s.rivals(p)
		require.Equal(t, want, ok, words)
		s.served = p.began.Add(time.Second)
		_, ok = s.rivals(p)
		require.True(t, ok, "%s: it was there before the server", words)
		mode, _ := modeOf(p.words)
		require.Equal(t, !want, s.mayBeServed(p, mode), words)
	}
}

func TestRivalIsNoTerminalThatCameBackToAServer(t *testing.T) {
	for words, want := range map[string]bool{"codex": false, "codex --no-daemon": true, "codex exec hi": true} {
		s, p := world(t, words)
		s.served, s.isClient = p.began.Add(time.Second), func(pid int) bool { return pid == p.pid }
		_, ok := s.rivals(p)
		require.Equal(t, want, ok, words)
		s.isClient = func(int) bool { return false }
		_, ok = s.rivals(p)
		require.True(t, ok, "%s: it has not come back", words)
	}
}

// asCodex is how a test starts this program as a codex that runs until its input ends.
const asCodex = "RIVAL_TEST_RUNS"

func TestMain(m *testing.M) {
	if os.Getenv(asCodex) != "" {
		os.Stdout.WriteString("up\n")
		os.Stdin.Read(make([]byte, 1))
		return
	}
	os.Exit(m.Run())
}

func TestFindSeesARunningCodexOfThisUser(t *testing.T) {
	t.Parallel()
	if !slices.Contains([]string{"linux", "darwin", "windows"}, runtime.GOOS) {
		_, isKnown := Find(t.TempDir())
		require.False(t, isKnown)
		return
	}
	home := t.TempDir()
	program, err := os.Executable()
	require.NoError(t, err)
	codex := exec.CommandContext(t.Context(), program)
	codex.Args = []string{"codex", "app-server", "--token", "sk-a-secret-of-this-test"}
	codex.Env = append(os.Environ(), asCodex+"=1", "CODEX_HOME="+home)
	stdin, err := codex.StdinPipe()
	require.NoError(t, err)
	stdout, err := codex.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, codex.Start())
	_, err = stdout.Read(make([]byte, 3))
	require.NoError(t, err)

	found, isKnown := Find(home)
	require.True(t, isKnown)
	require.Len(t, found, 1)
	require.Equal(t, codex.Process.Pid, found[0].PID)
	require.Equal(t, "codex app-server", found[0].Mode.String())
	require.WithinDuration(t, time.Now(), found[0].Since, time.Minute)

	found, _ = Find(t.TempDir())
	require.Empty(t, found, "another home")
	stdin.Close()
	require.NoError(t, codex.Wait())
	found, _ = Find(home)
	require.Empty(t, found, "it has ended")
}

func TestFindAsksWhetherASocketIsServed(t *testing.T) {
	machinetest.SkipUnderWine(t, machinetest.LacksUnixSockets)
	folder, err := os.MkdirTemp("", "s") // a path of a socket has to be short
	require.NoError(t, err)
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "s")
	require.False(t, answers(path))
	listener, err := net.Listen("unix", path)
	require.NoError(t, err)
	require.True(t, answers(path))
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	listener.Close()
	require.False(t, answers(path), "its program has ended")
}

func TestTheSystemSaysWhoIsConnectedToASocket(t *testing.T) {
	if runtime.GOOS != "linux" {
		require.False(t, connectedTo("/tmp/s")(os.Getpid()), "no other system says it")
		return
	}
	folder, err := os.MkdirTemp("", "s")
	require.NoError(t, err)
	defer os.RemoveAll(folder)
	path, other := filepath.Join(folder, "s"), filepath.Join(folder, "o")
	listener, err := net.Listen("unix", path)
	require.NoError(t, err)
	defer listener.Close()
	apart, err := net.Listen("unix", other)
	require.NoError(t, err)
	defer apart.Close()
	require.False(t, connectedTo(path)(os.Getpid()), "no connection yet")

	client, err := net.Dial("unix", path)
	require.NoError(t, err)
	server, err := listener.Accept()
	require.NoError(t, err)
	defer server.Close()
	require.True(t, connectedTo(path)(os.Getpid()))
	require.False(t, connectedTo(path)(os.Getppid()), "another process")
	require.False(t, connectedTo(other)(os.Getpid()), "another socket")
	link := filepath.Join(folder, "link")
	require.NoError(t, os.Symlink(folder, link))
	require.True(t, connectedTo(filepath.Join(link, "s"))(os.Getpid()), "by another path")
	client.Close()
	require.False(t, connectedTo(path)(os.Getpid()), "it has left")
}

func TestApartCutsWhatMacOSAnswers(t *testing.T) {
	block := binary.NativeEndian.AppendUint32(nil, 2)
	block = append(block, "/bin/codex\x00\x00\x00codex\x00app-server\x00CODEX_HOME=/x\x00HOME=/y\x00"...)
	words, variables := apart(block)
	require.Equal(t, []string{"codex", "app-server"}, words)
	require.Equal(t, []string{"CODEX_HOME=/x", "HOME=/y"}, variables[:2])
	for _, broken := range [][]byte{nil, {1}, binary.NativeEndian.AppendUint32(nil, 9), append(binary.NativeEndian.AppendUint32(nil, 9), "/bin/a\x00a\x00"...)} {
		words, _ := apart(broken)
		require.Empty(t, words)
	}
}
