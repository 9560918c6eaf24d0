package file

import (
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// living starts a process that does nothing until it is killed, at the latest until the end of
// the test.
func living(t *testing.T) *exec.Cmd {
	t.Helper()
	body := exec.Command("cat")
	if runtime.GOOS == "windows" { // which has none
		body = exec.Command(os.Args[0], "-test.run=^TestLivingProcess$")
		body.Env = append(os.Environ(), livingVariable+"=1")
	}
	input, err := body.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, body.Start())
	t.Cleanup(func() { input.Close(); body.Wait() })
	return body
}

const livingVariable = "BEZOAR_TEST_LIVING"

// TestLivingProcess is that process on Windows. Else it does nothing.
func TestLivingProcess(*testing.T) {
	if os.Getenv(livingVariable) != "" {
		io.Copy(io.Discard, os.Stdin)
	}
}
