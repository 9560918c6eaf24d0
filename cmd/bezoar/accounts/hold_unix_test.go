//go:build unix

package accounts_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
)

func TestAnAccountOfAStoreThatCannotBeAskedStays(t *testing.T) {
	s := newSite(t)
	s.logIn("work")
	login := filepath.Join(s.of("work").Home, "login.json")
	require.NoError(t, os.Remove(login))
	require.NoError(t, os.Symlink("login.json", login)) // a loop
	s.fails(cli.ExitOperator, "store is unavailable", "accounts", "rename", "work", "job")
	s.fails(cli.ExitOperator, "store is unavailable", "accounts", "remove", "--yes", "--local", "work")
	require.Equal(t, "work\n", s.must("accounts", "--names"))
}
