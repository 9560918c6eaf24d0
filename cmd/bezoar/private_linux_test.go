package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestProcessMemoryIsPrivate starts one as a user who is not root, for
// root may read everything. The kernel gives what is in /proc of a process that
// cannot be dumped to root.
func TestProcessMemoryIsPrivate(t *testing.T) {
	var limit unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_CORE, &limit))
	raised := unix.Rlimit{Cur: limit.Max, Max: limit.Max}
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_CORE, &raised)) // a child inherits it
	defer unix.Setrlimit(unix.RLIMIT_CORE, &limit)

	program := exec.Command("/proc/self/exe", "demo", "issuer")
	program.Args[0] = "bezoar"
	if os.Getuid() == 0 {
		program.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		program.Env = append(os.Environ(), "TMPDIR=/tmp")
	}
	stdout, err := program.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, program.Start())
	defer program.Wait()
	defer program.Process.Signal(os.Interrupt)
	_, err = bufio.NewReader(stdout).ReadString('\n') // it runs
	require.NoError(t, err)

	process := fmt.Sprintf("/proc/%d/", program.Process.Pid)
	for _, name := range []string{"mem", "environ"} {
		info, err := os.Stat(process + name)
		require.NoError(t, err)
		require.Zero(t, info.Sys().(*syscall.Stat_t).Uid, "%s belongs to the user", name)
	}
	limits, err := os.ReadFile(process + "limits")
	require.NoError(t, err)
	require.Regexp(t, `Max core file size +0 `, string(limits))
}
