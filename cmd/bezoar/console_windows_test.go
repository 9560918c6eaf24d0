package main

import (
	"bytes"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
)

func init() {
	programs["press-ctrl-c"] = pressCtrlC
	programs["in-console"] = inConsole
	programs["from-console"] = fromConsole
}

// withConsole gives a program a console of its own, without a window, so that Ctrl-C there
// reaches it alone.
func withConsole(program *exec.Cmd) {
	program.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NO_WINDOW}
}

// interrupt presses Ctrl-C at the console of a program. Only a program at that console can
// do it, so that one goes there.
func interrupt(program *os.Process) error {
	return exec.Command("press-ctrl-c", strconv.Itoa(program.Pid)).Run()
}

// end asks a server to end. A service manager has no other way than this one to say it.
func end(program *os.Process) error { return interrupt(program) }

// startApart starts a command at a console of its own.
func startApart(t *testing.T, command *exec.Cmd) {
	withConsole(command)
	require.NoError(t, command.Start())
}

// killAll kills a command, as Codex does here: what that has started is not asked for.
func killAll(command *os.Process) error { return command.Kill() }

// interruptAll reaches each program at the console of a command.
func interruptAll(command *os.Process) error { return interrupt(command) }

// isInterrupted reports whether Ctrl-C has killed a program.
func isInterrupted(state *os.ProcessState) bool {
	return uint32(state.ExitCode()) == uint32(windows.STATUS_CONTROL_C_EXIT)
}

func pressCtrlC() {
	pid, err := strconv.Atoi(os.Args[1])
	if err == nil {
		err = call("FreeConsole")
	}
	if err == nil {
		err = call("AttachConsole", uintptr(pid))
	}
	if err == nil {
		const off = 1 // this program ignores it
		err = call("SetConsoleCtrlHandler", 0, off)
	}
	if err == nil {
		err = windows.GenerateConsoleCtrlEvent(windows.CTRL_C_EVENT, 0)
	}
	exitOn(err)
}

var kernel = windows.NewLazySystemDLL("kernel32.dll")

// call calls a function of the system that is not in golang.org/x/sys.
func call(name string, words ...uintptr) error {
	if ok, _, err := kernel.NewProc(name).Call(words...); ok == 0 {
		return os.NewSyscallError(name, err)
	}
	return nil
}

// inConsole runs a program with its input and outputs at the console that this one has, and
// ends after it.
func inConsole() {
	signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGTERM)
	input, err := os.OpenFile("CONIN$", os.O_RDWR, 0)
	if err == nil {
		var output *os.File
		output, err = os.OpenFile("CONOUT$", os.O_RDWR, 0)
		program := exec.Command(os.Args[1], os.Args[2:]...)
		program.Stdin, program.Stdout, program.Stderr = input, output, output
		if err == nil {
			err = program.Run()
		}
	}
	exitOn(err)
}

// fromTerminal is a program at a console of its own, whose input that is.
func fromTerminal(name string, words ...string) *exec.Cmd {
	program := exec.Command("from-console", append([]string{name}, words...)...)
	withConsole(program)
	return program
}

// fromConsole runs a program with its input at the console that this one has, and ends
// after it.
func fromConsole() {
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	input, err := os.OpenFile("CONIN$", os.O_RDWR, 0)
	exitOn(err)
	program := exec.Command(os.Args[1], os.Args[2:]...)
	program.Stdin, program.Stdout, program.Stderr = input, os.Stdout, os.Stderr
	exitAs(program.Run())
}

// console is a window without a screen (Microsoft's "Creating a Pseudoconsole session"),
// with bezoar in it.
type console struct {
	handle  windows.Handle
	keys    *os.File
	ended   windows.Handle // the process
	closing sync.Once

	mu      sync.Mutex // guards what follows
	shown   bytes.Buffer
	changed chan struct{} // closed when more is shown, and made anew
}

func openConsole(t *testing.T, words ...string) *console {
	t.Helper()
	c := &console{changed: make(chan struct{})}
	var theirIn, in, out, theirOut windows.Handle
	require.NoError(t, windows.CreatePipe(&theirIn, &in, nil, 0))
	require.NoError(t, windows.CreatePipe(&out, &theirOut, nil, 0))
	require.NoError(t, windows.CreatePseudoConsole(windows.Coord{X: 200, Y: 50}, theirIn, theirOut, 0, &c.handle))
	require.NoError(t, windows.CloseHandle(theirIn))
	require.NoError(t, windows.CloseHandle(theirOut))
	c.keys = os.NewFile(uintptr(in), "keys")
	go c.watch(os.NewFile(uintptr(out), "screen"))

	attributes, err := windows.NewProcThreadAttributeList(1)
	require.NoError(t, err)
	defer attributes.Delete()
	require.NoError(t, attributes.Update(windows.PROC_THREAD_ATTRIBUTE_PSEUDOCONSOLE, *(*unsafe.Pointer)(unsafe.Pointer(&c.handle)), unsafe.Sizeof(c.handle)))
	start := windows.StartupInfoEx{ProcThreadAttributeList: attributes.List()}
	start.Cb = uint32(unsafe.Sizeof(start))
	program, err := exec.LookPath("in-console")
	require.NoError(t, err)
	line, err := windows.UTF16PtrFromString(windows.ComposeCommandLine(append([]string{program, "bezoar"}, words...)))
	require.NoError(t, err)
	var process windows.ProcessInformation
	require.NoError(t, windows.CreateProcess(nil, line, nil, nil, false, windows.EXTENDED_STARTUPINFO_PRESENT, nil, nil, &start.StartupInfo, &process))
	require.NoError(t, windows.CloseHandle(process.Thread))
	c.ended = process.Process
	t.Cleanup(func() {
		c.close()
		windows.CloseHandle(c.ended)
		c.keys.Close()
	})
	return c
}

func (c *console) watch(screen *os.File) {
	defer screen.Close()
	for piece := make([]byte, 4096); ; {
		n, err := screen.Read(piece)
		c.mu.Lock()
		c.shown.Write(piece[:n])
		close(c.changed)
		c.changed = make(chan struct{})
		c.mu.Unlock()
		if err != nil || n == 0 {
			return
		}
	}
}

// shows waits until a text is on the screen, and returns all that was.
func (c *console) shows(t *testing.T, text string) string {
	t.Helper()
	for late := time.After(patience); ; {
		c.mu.Lock()
		shown, changed := c.shown.String(), c.changed
		c.mu.Unlock()
		if strings.Contains(shown, text) {
			return shown
		}
		select {
		case <-changed:
		case <-late:
			require.Contains(t, shown, text)
		}
	}
}

// ends waits for the end of the program.
func (c *console) ends(t *testing.T, limit time.Duration) {
	t.Helper()
	event, err := windows.WaitForSingleObject(c.ended, uint32(limit.Milliseconds()))
	require.NoError(t, err)
	require.EqualValues(t, windows.WAIT_OBJECT_0, event, "it goes on: %s", c.shows(t, ""))
}

// close closes the window, once. A second call waits for the first one.
func (c *console) close() { c.closing.Do(func() { windows.ClosePseudoConsole(c.handle) }) }

func TestConsoleDoesNotShowAKey(t *testing.T) {
	t.Parallel()
	home := filepath.Join(t.TempDir(), "Ада 名前")
	require.NoError(t, os.Mkdir(home, 0o700))
	c := openConsole(t, "login", "--with-api-key", "--home", home)
	c.shows(t, "It is not shown:")
	_, err := c.keys.WriteString("sk-of-this-test\r")
	require.NoError(t, err)
	shown := c.shows(t, "Logged in with an API key.")
	c.ends(t, patience)
	require.NotContains(t, shown, "sk-of")
	login, err := os.ReadFile(filepath.Join(home, "auth.json"))
	require.NoError(t, err)
	require.Contains(t, string(login), `"sk-of-this-test"`)

	c = openConsole(t, "status", "--home", home)
	c.shows(t, "ApiKey")
	c.ends(t, patience)
	c = openConsole(t, "doctor", "--offline", "--home", home)
	c.shows(t, "Ада 名前")
	c.ends(t, patience)
}

// The system kills a program five seconds after its console was closed.
func TestClosedConsoleIsAnOrderlyEnd(t *testing.T) {
	machinetest.SkipUnderWine(t, machinetest.LacksClose)
	t.Parallel()
	home := t.TempDir()
	c := openConsole(t, "app-server", "--home", home, "--listen", "ws://127.0.0.1:0", "--inspect", "127.0.0.1:0")
	c.shows(t, "readyz:")
	require.Len(t, pageFiles(t, home), 1)
	go c.close()
	c.ends(t, patience)
	require.Empty(t, pageFiles(t, home), "it was killed")
}

// A console of Windows 10 obeys control sequences for a program that asks for it.
func TestConsoleShowsABarAndColours(t *testing.T) {
	t.Parallel()
	c := openConsole(t, "demo", "--polls", "400")
	c.shows(t, " of 400")
	shown := c.shows(t, "posts at the issuer")
	c.ends(t, patience)
	require.NotContains(t, shown, "\u2190[", "a sequence that is shown and not obeyed")

	c = openConsole(t, "doctor", "--offline", "--home", t.TempDir())
	c.shows(t, "\x1b[32m")
	c.ends(t, patience)
}
