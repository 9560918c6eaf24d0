//go:build unix

package backend

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/protocol/front/surface"
)

// writesSchema is a codex that writes two methods, one of them experimental.
const writesSchema = `
last=; out=
for word; do
	[ "$last" = --out ] && out=$word
	last=$word
done
[ "$1 $2 $3 $4" = "-c a=b app-server generate-json-schema" ] || exit 9
stable='{"properties":{"method":{"enum":["thread/start"]},"params":{"type":"object"}}}'
new='{"properties":{"method":{"enum":["new"]},"params":{"type":"null"}}}'
if [ "$last" = --experimental ]; then
	echo "{\"oneOf\":[$stable,$new]}" >"$out/ClientRequest.json"
else
	echo "{\"oneOf\":[$stable]}" >"$out/ClientRequest.json"
fi
[ "$CODEX_HOME" = "$HOME_OF_USER" ] && touch "$CODEX_HOME/touched"
exit 0`

func TestSurfaceIsWhatTheProgramWrites(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv("HOME_OF_USER", t.TempDir())
	program := script(t, "codex", writesSchema)
	c := Command{Words: []string{program, "-c", "a=b", "app-server", "--strict-config"}, Path: program}
	table, err := c.Surface(context.Background())
	require.NoError(t, err)
	require.Equal(t, map[string]surface.Method{"new": {}}, table.Methods)
	require.NoFileExists(t, filepath.Join(os.Getenv("HOME_OF_USER"), "touched"))
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestSurfaceIsNotLearnedFromOtherPrograms(t *testing.T) {
	for name, text := range map[string]string{
		"fails":          "exit 2",
		"writes nothing": "exit 0",
	} {
		program := script(t, "codex", text)
		_, err := Command{Words: []string{program, "app-server"}, Path: program}.Surface(context.Background())
		require.Error(t, err, name)
	}
	_, err := Command{Words: []string{"wrapper"}, Path: "/wrapper"}.Surface(context.Background())
	require.ErrorIs(t, err, ErrNotAsked)
}

func TestSurfaceIsGivenUpWithItsContext(t *testing.T) {
	t.Parallel()
	program := script(t, "codex", "echo noise; trap '' TERM; while :; do sleep 0.1; done")
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := Command{Words: []string{program, "app-server"}, Path: program}.Surface(ctx)
	require.Error(t, err)
	require.Less(t, time.Since(start), patience)
}
