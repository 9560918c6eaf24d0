package fronts

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/properties/codextest"
	"github.com/bezoar-auth/bezoar/properties/programtest"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

var costs = flag.Bool("fronts.costs", false, "measure bezoar before a codex beside the codex alone")

// floodVariable makes this test a child that floods its client.
const floodVariable = "FRONTS_FLOOD"

func TestMain(m *testing.M) {
	if os.Getenv(floodVariable) != "" {
		flood()
		return
	}
	programtest.Main(m)
}

const flooded = 100_000

// flood is a codex that answers everything, and writes notifications of 1 KB when it is asked
// to.
func flood() {
	if slices.Contains(os.Args, "--version") {
		fmt.Println("codex-cli 0.171.0")
		return
	}
	out := bufio.NewWriter(os.Stdout)
	eachLine(os.Stdin, func(line string) {
		m := meaningOf([]byte(line))
		switch {
		case m.kind != "request":
			return
		case m.method == "initialize":
			fmt.Fprintf(out, `{"id":%s,"result":{"userAgent":"codex/0.171.0","codexHome":"/","platformFamily":"unix","platformOs":"linux"}}`+"\n", m.id)
		case m.method == "flood":
			for n := range flooded {
				fmt.Fprintf(out, `{"method":"item/delta","params":{"n":%d,"text":%q}}`+"\n", n, strings.Repeat("x", 960))
			}
			fallthrough
		default:
			fmt.Fprintf(out, `{"id":%s,"result":{"account":null}}`+"\n", m.id)
		}
		_ = out.Flush() // bezoar may have ended
	})
}

// peer is an app-server that is measured.
type peer struct {
	t       *testing.T
	program *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	begun   time.Time
	asked   int
}

func spawn(t *testing.T, program *exec.Cmd) *peer {
	p := &peer{t: t, program: program}
	var err error
	p.in, err = program.StdinPipe()
	require.NoError(t, err)
	out, err := program.StdoutPipe()
	require.NoError(t, err)
	p.out = bufio.NewReaderSize(out, 1<<16)
	p.begun = time.Now()
	require.NoError(t, program.Start())
	return p
}

// ask asks, and returns how long the answer takes. pass is called with lines before it.
func (p *peer) ask(method, params string, pass func(line string)) time.Duration {
	p.asked++
	begun := time.Now()
	_, err := fmt.Fprintf(p.in, `{"id":%d,"method":%q,"params":%s}`+"\n", p.asked, method, params)
	require.NoError(p.t, err)
	for answer := fmt.Sprintf(`"id":%d`, p.asked); ; {
		line, err := p.out.ReadString('\n')
		require.NoError(p.t, err)
		if strings.Contains(line[:min(len(line), 60)], answer) || strings.HasSuffix(line, answer+"}\n") {
			return time.Since(begun)
		}
		if pass != nil {
			pass(line)
		}
	}
}

func (p *peer) initialize() {
	p.ask("initialize", `{"clientInfo":{"name":"costs","version":"1"}}`, nil)
}

func (p *peer) median(n int, method, params string) time.Duration {
	var all []time.Duration
	for range n {
		all = append(all, p.ask(method, params, nil))
	}
	slices.Sort(all)
	return all[n/2]
}

func (p *peer) end() {
	p.in.Close()
	_, _ = io.Copy(io.Discard, p.out) // until it has ended
	_ = p.program.Wait()              // however
}

func middle(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2].Round(10 * time.Microsecond)
}

// TestCostsBesideCodexAlone prints the figures of cmd/bezoar/docs/costs.md, with -fronts.costs.
func TestCostsBesideCodexAlone(t *testing.T) {
	if !*costs {
		t.Skip("it measures: only with -fronts.costs, on a machine that does nothing else")
	}
	codex := codextest.Find(t, codextest.Newest)
	s := codextest.NewSite(t, issuer.Options{})
	s.Login(0)
	programs := map[string]func() *exec.Cmd{
		"codex alone":             func() *exec.Cmd { return s.Command(codex, "app-server") },
		"bezoar before it":        func() *exec.Cmd { return s.Front(codex) },
		"bezoar without backend":  func() *exec.Cmd { return s.Bezoar("app-server") },
		"bezoar before a 3 s one": func() *exec.Cmd { return s.Front(slow(t, s, codex)) },
	}
	first := spawn(t, s.Front(codex)) // remembers the version
	first.initialize()
	first.ask("thread/loaded/list", `{}`, nil)
	first.end()
	hello, account, passed, status := map[string][]time.Duration{}, map[string][]time.Duration{}, map[string][]time.Duration{}, map[string][]time.Duration{}
	for round := range 5 {
		for name, program := range programs {
			p := spawn(t, program())
			p.initialize()
			hello[name] = append(hello[name], time.Since(p.begun))
			p.ask("account/read", `{}`, nil)
			account[name] = append(account[name], time.Since(p.begun))
			if !strings.Contains(name, "without") && (round == 0 || !strings.Contains(name, "3 s")) {
				p.ask("thread/loaded/list", `{}`, nil)
				passed[name] = append(passed[name], p.median(300, "thread/loaded/list", `{}`))
			}
			status[name] = append(status[name], p.median(300, "getAuthStatus", `{"includeToken":true}`))
			p.end()
		}
	}
	for name := range programs {
		pass := time.Duration(0)
		if passed[name] != nil {
			pass = middle(passed[name])
		}
		t.Logf("%-24s initialize %v, first account answer %v, passed request %v, getAuthStatus %v",
			name, middle(hello[name]), middle(account[name]), pass, middle(status[name]))
	}
}

// slow is a program that is a codex after three seconds. It says its version at once.
func slow(t *testing.T, s *codextest.Site, codex string) string {
	path := s.Home + "/slow-codex"
	script := fmt.Sprintf("#!/bin/sh\n[ \"$1\" = --version ] || [ \"$2\" = generate-json-schema ] || sleep 3\nexec %s \"$@\"\n", codex)
	if _, err := os.Stat(path); err != nil {
		require.NoError(t, os.WriteFile(path, []byte(script), 0o700))
		p := spawn(t, s.Front(path)) // remembers the version
		p.initialize()
		p.ask("thread/loaded/list", `{}`, nil)
		p.end()
	}
	return path
}

// No notification is lost, however fast they come, and they fill no memory.
func TestFloodOfNotificationsPassesWhole(t *testing.T) {
	s := codextest.NewSite(t, issuer.Options{})
	s.Login(0)
	program, err := os.Executable()
	require.NoError(t, err)
	command := s.Front(program)
	command.Env = append(command.Env, floodVariable+"=1")
	p := spawn(t, command)
	p.initialize()
	p.ask("thread/loaded/list", `{}`, nil)
	before, busy := resident(t, p.program.Process.Pid), processorTime(t, p.program.Process.Pid)
	n := 0
	took := p.ask("flood", `{}`, func(line string) {
		if strings.HasPrefix(line, fmt.Sprintf(`{"method":"item/delta","params":{"n":%d,`, n)) {
			n++
		}
	})
	after, spent := resident(t, p.program.Process.Pid), processorTime(t, p.program.Process.Pid)-busy
	p.end()
	t.Logf("%d notifications in %v, %v of processor time each, %d KiB more at most", n, took, spent/flooded, after-before)
	require.Equal(t, flooded, n)
	require.Less(t, after-before, 32<<10, "KiB more than at rest")
}

// resident is the most memory that a process has had, in KiB.
func resident(t *testing.T, pid int) (kib int) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	_, err = fmt.Sscan(rest, &kib)
	require.NoError(t, err)
	return kib
}

// processorTime is what a process has used, to a hundredth of a second.
func processorTime(t *testing.T, pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	_, behindName, _ := strings.Cut(string(stat), ") ")
	var user, system int
	fields := strings.Fields(behindName)
	_, err = fmt.Sscan(fields[11]+" "+fields[12], &user, &system)
	require.NoError(t, err)
	return time.Duration(user+system) * 10 * time.Millisecond
}
