//go:build unix

package codex

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/properties/codextest"
	"github.com/bezoar-auth/bezoar/properties/programtest"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt/scripted"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

// terminal is a terminal of tmux, with a program in it.
type terminal struct {
	t      *testing.T
	tmux   string
	socket string
}

func openTerminal(t *testing.T, s *codextest.Site, program string) *terminal {
	tmux, err := exec.LookPath("tmux")
	if err != nil {
		t.Skip("there is no tmux")
	}
	terminal := &terminal{t, tmux, filepath.Join(s.Work, "tmux")}
	command := s.Command(tmux, "-S", terminal.socket, "-f", "/dev/null", "new-session", "-d", "-x", "120", "-y", "40", program)
	command.Env = append(command.Env, "TERM=xterm-256color")
	said, err := command.CombinedOutput()
	require.NoError(t, err, string(said))
	t.Cleanup(func() { terminal.run("kill-server") })
	return terminal
}

func (term *terminal) run(words ...string) string {
	said, _ := exec.Command(term.tmux, append([]string{"-S", term.socket}, words...)...).CombinedOutput()
	return string(said)
}

// awaitText waits until a text is on the screen.
func (term *terminal) awaitText(text string) {
	term.t.Helper()
	for late := time.Now().Add(codextest.Patience); ; <-time.After(20 * time.Millisecond) {
		screen := term.run("capture-pane", "-p")
		if strings.Contains(screen, text) {
			return
		}
		if time.Now().After(late) {
			require.FailNow(term.t, text+" is not on the screen", screen)
		}
	}
}

// hasSeenTheNewerModel keeps a terminal from a question that may come at any moment.
const hasSeenTheNewerModel = `
[notice.model_migrations]
"gpt-5.5" = "gpt-6-sol"
`

// A codex in a terminal, without a flag, finds the server at codex's own control socket.
func TestTerminalInterfaceUsesTheControlSocket(t *testing.T) {
	t.Parallel()
	codex := codextest.Find(t, codextest.Newest)
	s := codextest.NewSite(t, issuer.Options{})
	s.AddConfig(fmt.Sprintf("[projects.%q]\ntrust_level = \"trusted\"\n", s.Work) + hasSeenTheNewerModel)
	s.Login(2 * time.Hour)
	server := codextest.Start(t, s.Front(codex, "--listen", "unix://"))
	t.Cleanup(func() { server.Signal(os.Interrupt) }) // the end of its input does not end it
	socket := filepath.Join(s.Home, "app-server-control", "app-server-control.sock")
	require.NoError(t, programtest.Eventually(func() error {
		_, err := os.Stat(socket)
		return err
	}))
	screen := openTerminal(t, s, codex)
	screen.awaitText("Ask Codex to do anything")
	screen.run("send-keys", "hello")
	screen.awaitText("hello")
	screen.run("send-keys", "Enter")
	screen.awaitText(scripted.Hello)
	requirePosts(t, s, 1)
	require.Empty(t, s.Requests(scripted.Request.IsAnonymous))
}
