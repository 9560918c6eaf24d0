package codex

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/properties/codextest"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

func TestDemoShowsADayWithACodex(t *testing.T) {
	t.Parallel()
	s := codextest.NewSite(t, issuer.Options{})
	demo := s.Bezoar("demo", "--backend", codextest.Find(t, codextest.Newest)+" app-server")
	temporary := t.TempDir()
	demo.Env = append(demo.Env, "TMPDIR="+temporary)
	said, err := demo.CombinedOutput()
	require.NoError(t, err, string(said))
	for _, part := range []string{
		`(?s)expired.*turns completed +3 .*posts at the issuer +1 .*401`,
		`(?s)401.*turns completed +3 .*posts at the issuer +1 .*is dead`,
		`(?s)is dead.*turns completed +0 .*posts at the issuer +1 .*anonymous requests +0 .*Next: bezoar login.*try again`,
		`(?s)try again.*turns completed +0 .*posts at the issuer +0 .*logs in again`,
		`(?s)logs in again.*turns completed +3 .*posts at the issuer +0 `,
	} {
		require.Regexp(t, part, string(said))
	}
	require.Empty(t, s.Requests(nil), "the demo has servers of its own")
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	require.Empty(t, left)
}
