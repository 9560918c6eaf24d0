// Package rival finds the programs that refresh the login of a home beside bezoar: each
// codex of this user that has the home and opens its auth.json itself. It reads what the
// system says of running processes, asks none of them, and changes nothing. It returns
// no word of a command line but those that it knows, because the others may be secret.
package rival

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Process is a codex that refreshes the home's login by itself.
type Process struct {
	PID   int
	Mode  Mode
	Since time.Time // when it was started, zero if that is not known
	// MayBeServed says that a server has come to the socket since it was started. If it has
	// found that server, it refreshes nothing.
	MayBeServed bool
}

// Mode is what a codex was started as. Each is put behind bezoar in a way of its own.
type Mode string

// The modes that spend a refresh token: [Interactive] is a codex in a terminal.
const (
	Interactive Mode = ""
	AppServer   Mode = "app-server"
	Exec        Mode = "exec"
)

// String is the command as a person would start it.
func (m Mode) String() string {
	if m == Interactive {
		return "codex"
	}
	return "codex " + string(m)
}

// Find returns the codexes of this user that refresh the login of a home, the oldest
// first. isKnown is false where the system does not say which home a process has: then
// there may be some. A codex in a terminal that was started while a server was at its
// socket is no rival, nor is one that is connected to it now: the server refreshes in its
// place.
func Find(home string) (found []Process, isKnown bool) {
	running, isKnown := processes()
	s, socket := scene{home: home, running: running}, ControlSocket(home)
	if info, err := os.Stat(socket); err == nil && answers(socket) {
		s.served, s.isClient = info.ModTime(), connectedTo(socket)
	}
	for _, each := range running {
		if mode, ok := s.rivals(each); ok {
			found = append(found, Process{each.pid, mode, each.began, s.mayBeServed(each, mode)})
		}
	}
	slices.SortFunc(found, func(a, b Process) int { return a.Since.Compare(b.Since) })
	return found, isKnown
}

// answers reports whether a program listens at a socket.
func answers(socket string) bool {
	conn, err := net.DialTimeout("unix", socket, dialLimit)
	if err == nil {
		conn.Close()
	}
	return err == nil
}

const dialLimit = time.Second

// process is a running program of this user.
type process struct {
	pid, parent int
	words       []string // of its command line, the program first
	began       time.Time
	variables   func() []string     // of its environment; none if it cannot be read
	path        func(string) string // how this program reaches a file that the other one names
}

// scene is what a process is judged in.
type scene struct {
	home    string
	running map[int]process

	served   time.Time          // since when a server is at the socket of plain codexes; zero for none
	isClient func(pid int) bool // whether a process is known to be connected to it; nil without a server
}

// rivals reports whether a process refreshes the login of the home by itself.
func (s scene) rivals(p process) (Mode, bool) {
	mode, ok := modeOf(p.words)
	if !ok || keepsNothing(p.words) || s.isBehind(p) || s.isConnected(p, mode) {
		return "", false
	}
	return mode, s.hasHome(p)
}

// modeOf is what the words start, if that is a codex which uses a login.
func modeOf(words []string) (Mode, bool) {
	if len(words) == 0 || !isCodex(words[0]) {
		return "", false
	}
	for _, word := range words[1:] {
		if mode, isMode := modes[word]; isMode {
			return mode, true
		}
		if slices.Contains(harmless, word) || word == "--remote" || strings.HasPrefix(word, "--remote=") {
			return "", false
		}
	}
	return Interactive, true
}

// isCodex reports whether a program is named codex, with a version or a platform behind
// it as in codex-x86_64-unknown-linux-musl. Others, such as codex-linux-sandbox, are
// parts of Codex that use no login.
func isCodex(program string) bool {
	name := strings.TrimSuffix(strings.ToLower(filepath.Base(program)), ".exe")
	after, ok := strings.CutPrefix(name, "codex")
	return ok && (after == "" || slices.ContainsFunc([]string{"-x86_64-", "-aarch64-"}, func(p string) bool { return strings.HasPrefix(after, p) }) ||
		len(after) > 1 && after[0] == '-' && after[1] >= '0' && after[1] <= '9')
}

// modes are the words of Codex that use a login for as long as the program runs.
var modes = map[string]Mode{
	"app-server": AppServer, "exec": Exec, "e": Exec, "review": "review", "resume": Interactive, "fork": Interactive,
	"mcp-server": "mcp-server", "cloud": "cloud", "remote-control": "remote-control", "agents": "agents",
}

// harmless are the words of Codex that start no such program.
var harmless = []string{
	"login", "logout", "mcp", "plugin", "completion", "update", "doctor", "sandbox", "debug", "apply", "a", "archive", "delete", "unarchive",
	"features", "help", "exec-server", "-h", "--help", "-V", "--version",
}

// keepsNothing reports whether the words keep logins in memory, as bezoar has each codex
// behind it do, or start a part of the app-server that has no login.
func keepsNothing(words []string) bool {
	return slices.ContainsFunc(words, func(word string) bool {
		return strings.Contains(word, "cli_auth_credentials_store") && strings.Contains(word, "ephemeral") ||
			word == "proxy" || strings.HasPrefix(word, "generate-")
	})
}

// isBehind reports whether a bezoar app-server has started the process, itself or through
// other programs. What a codex behind it starts for its user is not.
func (s scene) isBehind(p process) bool {
	for range s.running { // parents of a list that changes may be a ring
		above, ok := s.running[p.parent]
		if !ok || len(above.words) > 0 && isCodex(above.words[0]) {
			return false
		}
		if len(above.words) > 0 && strings.HasPrefix(filepath.Base(above.words[0]), "bezoar") && slices.Contains(above.words, "app-server") {
			return true
		}
		p = above
	}
	return false
}

// isConnected reports whether a codex in a terminal found a server at the socket when it
// started, or has found one that was started again since. The server refreshes then.
func (s scene) isConnected(p process, mode Mode) bool {
	return s.mayBeServed(p, mode) && (p.began.After(s.served) || s.isClient != nil && s.isClient(p.pid))
}

// mayBeServed reports whether a codex in a terminal looks for a server at the socket, and
// there is one. A codex that is older than the server may have been connected to one before, and found this one when that ended.
func (s scene) mayBeServed(p process, mode Mode) bool {
	return mode == Interactive && !s.served.IsZero() && !slices.Contains(p.words, "--no-daemon")
}

// homeVariable has the folder of the user in it, with Codex's default home.
var homeVariable = map[bool]string{true: "USERPROFILE", false: "HOME"}[runtime.GOOS == "windows"]

// hasHome reports whether the home of a codex is this one, by whatever path.
func (s scene) hasHome(p process) bool {
	theirs, user := "", ""
	for _, variable := range p.variables() {
		switch name, value, _ := strings.Cut(variable, "="); name {
		case "CODEX_HOME":
			theirs = value
		case homeVariable:
			user = value
		}
	}
	if theirs == "" && user != "" {
		theirs = filepath.Join(user, ".codex")
	}
	if theirs == "" {
		return false
	}
	a, err := os.Stat(p.path(theirs))
	if err != nil {
		return false
	}
	b, err := os.Stat(s.home)
	return err == nil && os.SameFile(a, b)
}
