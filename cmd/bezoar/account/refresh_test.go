package account

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
)

// saysAndHangs has this program say a text and live on.
const saysAndHangs = "BEZOAR_TEST_SAYS_AND_HANGS"

func TestMain(m *testing.M) {
	if says, hangs := os.LookupEnv(saysAndHangs); hangs {
		fmt.Println(says)
		time.Sleep(5 * time.Minute)
	}
	os.Exit(m.Run())
}

func TestRefreshProcessThatHangsIsNotWaitedFor(t *testing.T) {
	const soon = 100 * time.Millisecond
	for name, c := range map[string]struct {
		says                string
		untilPost, untilEnd time.Duration
	}{
		"before its post": {"", soon, time.Hour},
		"after its post":  {sayPosting, time.Hour, soon},
	} {
		t.Run(name, func(t *testing.T) {
			process := exec.Command(os.Args[0])
			process.Env = append(os.Environ(), saysAndHangs+"="+c.says)
			words, err := process.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, process.Start())
			defer process.Process.Kill()
			a := newRefreshProcess(cli.Environment{}, config.Flags{})
			a.untilPost, a.untilEnd = c.untilPost, c.untilEnd
			waited := make(chan error, 1)
			go func() { waited <- a.await(process, words) }()
			select {
			case err := <-waited:
				require.NoError(t, err)
			case <-time.After(20 * time.Second):
				require.Fail(t, "the command hangs")
			}
		})
	}
}

// Each flag that a command takes must reach the process that makes its refresh.
func TestRefreshProcessGetsTheFlagsOfItsCommand(t *testing.T) {
	var given, told config.Flags
	flags := cli.NewFlags("token")
	given.Register(flags)
	given.RegisterRefresh(flags)
	require.NoError(t, flags.Parse([]string{
		"--home", "a home", "--refresh-floor=7s", "--log-level", "info", "--log-format", "json", "-c", "a=1", "--config", "b=2",
	}))
	again := cli.NewFlags("refresh-apart")
	told.Register(again)
	told.RegisterRefresh(again)
	require.NoError(t, again.Parse(given.Args()))
	require.Equal(t, given, told)
}
