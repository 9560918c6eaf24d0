package backend

import (
	"os"
	"os/exec"
	"strings"
)

// process is the child's. If this process is killed, the child ends because its input does.
type process struct{ *os.Process }

func prepare(*exec.Cmd) {}

func (p process) terminate() {}
func (p process) kill()      { _ = p.Process.Kill() }

func statusOf(state *os.ProcessState) Status {
	if state == nil {
		return Status{Code: 1}
	}
	return Status{Code: state.ExitCode()}
}

func isSameVariable(a, b string) bool { return strings.EqualFold(a, b) }
