package codex

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/properties/codextest"
	"github.com/bezoar-auth/bezoar/properties/programtest"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt/scripted"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

func TestMain(m *testing.M) { programtest.Main(m) }

// A turn of codex alone: what the others differ from.
func TestCodexAloneDoesATurn(t *testing.T) {
	codextest.Each(t, func(t *testing.T, codex string) {
		s := codextest.NewSite(t, issuer.Options{})
		s.Login(0)
		c := codextest.Start(t, s.Command(codex, "app-server"))
		c.Initialize()
		turn := c.Turn(c.StartThread())
		require.Equal(t, "completed", turn.Status)
		require.Equal(t, scripted.Hello, turn.Text)
	})
}
