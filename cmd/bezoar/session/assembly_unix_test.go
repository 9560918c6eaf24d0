//go:build unix

package session

import (
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/machine/evidence"
)

// The file of authorities is another one that a person names, and may be anything.
func TestAuthoritiesFileNeitherBlocksNorFillsMemory(t *testing.T) {
	pipe, huge := filepath.Join(t.TempDir(), "pipe"), filepath.Join(t.TempDir(), "huge")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	require.NoError(t, os.WriteFile(huge, nil, 0o600))
	require.NoError(t, os.Truncate(huge, 1<<40))
	for _, path := range []string{pipe, huge, "/dev/zero"} {
		client := NewIssuer(config.Config{CACertificatePath: path}, os.Getenv, slog.New(slog.DiscardHandler))
		request, err := http.NewRequest(http.MethodGet, "https://127.0.0.1:9/", nil)
		require.NoError(t, err)
		failed := make(chan error, 1)
		go func() {
			_, err := client.Transport().RoundTrip(request)
			failed <- err
		}()
		select {
		case err := <-failed:
			require.ErrorIs(t, err, evidence.ProblemCAFileUnreadable, path)
		case <-time.After(20 * time.Second):
			require.Fail(t, "a call hangs", path)
		}
	}
}
