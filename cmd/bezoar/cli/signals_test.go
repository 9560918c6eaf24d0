package cli

import (
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// brokenPipe is an output whose reader has gone.
func brokenPipe(t *testing.T) io.Writer {
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { writer.Close() })
	require.NoError(t, reader.Close())
	return writer
}

func TestHangupIsOfTheCommandsOutputAlone(t *testing.T) {
	for _, choose := range []func(*Environment) *io.Writer{
		func(e *Environment) *io.Writer { return &e.Stdout },
		func(e *Environment) *io.Writer { return &e.Stderr },
	} {
		env := Environment{Stdout: io.Discard, Stderr: io.Discard}
		*choose(&env) = brokenPipe(t)
		ctx, env, stop := UntilSignalOrHangup(env)
		defer stop()
		_, err := brokenPipe(t).Write([]byte("to a client that was killed"))
		require.Error(t, err)
		require.NoError(t, ctx.Err())
		_, err = (*choose(&env)).Write([]byte("to a reader that has gone"))
		require.Error(t, err)
		<-ctx.Done()
	}
}
