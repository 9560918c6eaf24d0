package demo

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
)

func TestProgressBarIsDrawnRarelyAndRemoved(t *testing.T) {
	var screen bytes.Buffer
	now := time.Unix(0, 0)
	p := &progress{out: &screen, now: func() time.Time { return now }, total: 1000}
	for range 1000 {
		now = now.Add(time.Millisecond)
		p.step()
	}
	require.Equal(t, 21, strings.Count(screen.String(), "\r"), "one at once, then one in 50 ms, and the last")
	require.True(t, strings.HasSuffix(screen.String(), "["+strings.Repeat("=", barCells)+"] 1000 of 1000"))
	p.end()
	require.True(t, strings.HasSuffix(screen.String(), "\r\x1b[K"))
}

func TestProgressBarIsForTerminalsOnly(t *testing.T) {
	getenv := func(string) string { return "xterm" }
	require.Nil(t, newProgress(cli.Environment{Stdout: io.Discard, Getenv: getenv, Now: time.Now}, 10).out)
}
