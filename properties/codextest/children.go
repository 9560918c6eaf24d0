package codextest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/stretchr/testify/require"
)

// Child is the process that the client's server has started, where /proc says it.
func (c *Client) Child() *os.Process {
	c.t.Helper()
	found := childrenOf(c.Process.Process.Pid)
	require.Len(c.t, found, 1, "children of the server")
	child, err := os.FindProcess(found[0])
	require.NoError(c.t, err)
	return child
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
