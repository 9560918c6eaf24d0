package processor

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProcessorIsOneUnlessGOMAXPROCSIsSet(t *testing.T) {
	if os.Getenv("COUNT_PROCESSORS") != "" {
		fmt.Println("processors:", runtime.GOMAXPROCS(0))
		return
	}
	for setting, want := range map[string]string{"": "1", "GOMAXPROCS=1": "1", "GOMAXPROCS=3": "3"} {
		program := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		program.Env = []string{"COUNT_PROCESSORS=1", setting}
		said, err := program.Output()
		require.NoError(t, err)
		require.Contains(t, string(said), "processors: "+want+"\n", "with %q", setting)
	}
}
