package codextest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/stretchr/testify/require"
)

// Child is the codex that the client's server has started to serve it, where /proc says it.
// The server may run another one at the same time, to ask it for its protocol.
func (c *Client) Child() *os.Process {
	c.t.Helper()
	found := slices.DeleteFunc(childrenOf(c.Process.Process.Pid), func(pid int) bool { return !isServer(pid) })
	require.Len(c.t, found, 1, "children of the server")
	child, err := os.FindProcess(found[0])
	require.NoError(c.t, err)
	return child
}

// isServer reports whether a process has the words that bezoar adds to those of a backend.
func isServer(pid int) bool {
	line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return strings.Contains(string(line), "cli_auth_credentials_store")
}

func childrenOf(parent int) (found []int) {
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, each := range folders {
		stat, err := os.ReadFile(filepath.Join(each, "stat"))
		if err != nil {
			continue // it has ended
		}
		_, behindName, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(behindName) // state, parent, …
		pid, err := strconv.Atoi(filepath.Base(each))
		if err == nil && len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			found = append(found, pid)
		}
	}
	return found
}
