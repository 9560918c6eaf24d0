//go:build unix

package codex

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/properties/codextest"
	"github.com/bezoar-auth/bezoar/properties/programtest"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt/scripted"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

// midTurn is a client whose turn waits for the model.
func midTurn(t *testing.T, s *codextest.Site, codex string) (c *codextest.Client, thread string) {
	s.Login(0)
	c = s.StartFront(codex)
	thread = c.StartThread()
	requireDone(t, s, c.Turn(thread)) // a thread without one cannot be resumed
	s.Script(scripted.Step{Within: issuer.Pause{Until: make(chan struct{})}})
	c.Answer(c.SendTurn(thread))
	s.AwaitTurns(2)
	return c, thread
}

func TestKilledCodexEndsWhatIsOpenWithAnError(t *testing.T) {
	codextest.Each(t, func(t *testing.T, codex string) {
		s := codextest.NewSite(t, issuer.Options{})
		c, thread := midTurn(t, s, codex)
		open := c.Send("command/exec", map[string]any{
			"command":       []string{"/bin/sh", "-c", "touch running; exec sleep 600"},
			"sandboxPolicy": map[string]string{"type": "dangerFullAccess"},
		})
		require.NoError(t, programtest.Eventually(func() error {
			_, err := os.Stat(filepath.Join(s.Work, "running"))
			return err
		}))
		require.NoError(t, c.Child().Kill())
		answer := c.Answer(open)
		require.NotNil(t, answer.Error, answer.Line)
		require.Equal(t, -32603, answer.Error.Code)
		require.Equal(t, 128+int(syscall.SIGKILL), c.ExitCode())
		require.Contains(t, c.Stderr.String(), "killed")
		s.RequireNoProcess()

		again := s.StartFront(codex)
		again.Call("thread/resume", map[string]string{"threadId": thread}, nil)
		requireDone(t, s, again.Turn(thread))
		requirePosts(t, s, 0)
	})
}

func TestEndOfInputInATurnEndsBoth(t *testing.T) {
	codextest.Each(t, func(t *testing.T, codex string) {
		s := codextest.NewSite(t, issuer.Options{})
		c, _ := midTurn(t, s, codex)
		c.EndInput()
		require.Equal(t, 0, c.ExitCode())
		s.RequireNoProcess()
	})
}

func TestTerminationInATurnEndsBoth(t *testing.T) {
	codextest.Each(t, func(t *testing.T, codex string) {
		s := codextest.NewSite(t, issuer.Options{})
		c, _ := midTurn(t, s, codex)
		c.Signal(syscall.SIGTERM)
		require.Equal(t, 0, c.ExitCode())
		s.RequireNoProcess()
	})
}

func TestNoCodexOutlivesAKilledBezoar(t *testing.T) {
	codextest.Each(t, func(t *testing.T, codex string) {
		for name, stopsChild := range map[string]bool{"running": false, "stopped": true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := codextest.NewSite(t, issuer.Options{})
				c, _ := midTurn(t, s, codex)
				if stopsChild {
					require.NoError(t, c.Child().Signal(syscall.SIGSTOP))
				}
				c.Signal(os.Kill)
				c.ExitCode()
				s.RequireNoProcess()
			})
		}
	})
}
