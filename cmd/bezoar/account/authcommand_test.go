package account

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
)

func TestAuthCommandKnowsAnEarlyCallByItsTime(t *testing.T) {
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for age, want := range map[time.Duration]bool{
		0: true, codexInterval - 1: true, codexInterval: false, time.Hour: false,
		-time.Second: false, // a clock was set back: not known
	} {
		a := authCommand{enabled: true, interval: codexInterval}
		a.last.At = at
		require.Equal(t, want, a.tooEarly(at.Add(age)), age)
		a.interval = 0
		require.Equal(t, age >= 0, a.tooEarly(at.Add(age)), age)
	}
}

func TestAuthCommandFlagsGoTogether(t *testing.T) {
	for words, want := range map[string]string{
		"--refresh-interval 1m":                  "--refresh-interval goes with --auth-command",
		"--auth-command --refresh-interval -1s":  "--refresh-interval takes a time such as 300000ms, or 0",
		"--auth-command --refresh-interval soon": "--refresh-interval takes a time such as 5m",
	} {
		var errs bytes.Buffer
		env := cli.Environment{Stdin: bytes.NewReader(nil), Stdout: &errs, Stderr: &errs, Getenv: func(string) string { return "" }, Now: time.Now, Log: cli.NewLogQueue(&errs)}
		require.Equal(t, cli.ExitUsage, cli.Commands(tested).Run(env, append([]string{"token"}, strings.Fields(words)...)))
		require.Contains(t, errs.String(), want)
	}
}
