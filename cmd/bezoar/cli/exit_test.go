package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
)

func TestExitCodeSaysWhoHasToAct(t *testing.T) {
	for _, each := range []struct {
		err  error
		code int
	}{
		{errors.New("any other"), 1},
		{Misuse("name one shell"), 2},
		{&config.SettingError{Name: "--log-level", Err: errors.New("want warn")}, 2},
		{&config.SettingError{Name: "BEZOAR_LOG", Err: errors.New("want warn")}, 1},
		{Exit(ExitLogin, nil), 3},
		{Exit(ExitWait, errors.New("an outage")), 4},
		{&config.HomeError{Path: "/home", Source: "--home", Err: fs.ErrNotExist}, 5},
		{ErrCancelled, 130},
	} {
		require.Equal(t, each.code, CodeFor(each.err), each.err)
		require.Equal(t, each.code, CodeFor(fmt.Errorf("while it ran: %w", each.err)), each.err)
	}
}

func TestAnErrorOfWindowsEndsNoSentenceInTheMiddle(t *testing.T) {
	var says strings.Builder
	err := ForDoctor(errors.New("the login is not stored: Access is denied."))
	fails := Commands(func() []Command {
		return []Command{{Name: "token", Run: func(Environment, *flag.FlagSet, []string) error { return err }}}
	})
	fails.Run(Environment{Stderr: &says, Log: NewLogQueue(io.Discard)}, []string{"token"})
	require.Equal(t, "bezoar: the login is not stored: Access is denied; bezoar doctor looks for the cause\n", says.String())
}
