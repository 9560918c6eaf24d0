package file

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
)

// A crash here is a real one: a process of its own, which kills itself before the
// system call that it was given. Nothing is deferred, nothing is flushed.

// deeds are what a process may be doing when it dies. Each calls arm before the part
// that it may die in.
var deeds = map[string]func(home string, step func(string), arm func()) error{}

const crashVariable = "BEZOAR_TEST_CRASH" // what, after how many steps, in which home

// TestCrashingProcess is the process that dies. Without an order it does nothing.
func TestCrashingProcess(t *testing.T) {
	order, ok := os.LookupEnv(crashVariable)
	if !ok {
		return
	}
	fields := strings.SplitN(order, ",", 3)
	left, err := strconv.Atoi(fields[1])
	require.NoError(t, err)
	armed := false
	step := func(name string) {
		if !armed {
			return
		}
		if left--; left < 0 {
			os.Stdout.WriteString("died before " + name + "\n")
			self, _ := os.FindProcess(os.Getpid())
			self.Kill()
			select {}
		}
	}
	require.NoError(t, deeds[fields[0]](fields[2], step, func() { armed = true }))
	os.Stdout.WriteString("died at the end\n")
	os.Exit(0)
}

// crashEverywhere runs a deed in one process after the other, each of which dies one
// system call later, and calls look with the home that it left. It returns what look
// said, by the place of the death.
func crashEverywhere(t *testing.T, what string, prepare func(home string), look func(place, home string) string, environment ...string) map[string]string {
	t.Helper()
	outcomes := map[string]string{}
	for steps := 0; ; steps++ {
		home := machinetest.Dir(t)
		prepare(home)
		child := exec.Command(os.Args[0], "-test.run=^TestCrashingProcess$")
		child.Env = append(os.Environ(), crashVariable+"="+what+","+strconv.Itoa(steps)+","+home)
		child.Env = append(child.Env, environment...)
		output, _ := child.Output()
		place, found := strings.CutPrefix(strings.SplitN(string(output), "\n", 2)[0], "died ")
		require.True(t, found, string(output))
		outcome := look(place, home)
		if earlier, ok := outcomes[place]; ok && earlier != outcome {
			outcome = earlier + ", then " + outcome
		}
		outcomes[place] = outcome
		if place == "at the end" {
			return outcomes
		}
	}
}
