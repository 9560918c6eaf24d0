package jsonrpc

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// serveUnread serves a client that sends nothing. It has gone at the end of the test.
func serveUnread(t *testing.T, limit int) (c *Conn, output *io.PipeReader, served chan error) {
	r, input := io.Pipe()
	t.Cleanup(func() { input.Close() })
	output, w := io.Pipe()
	c = New(r, w, Options{UnreadLimitBytes: limit})
	served = make(chan error, 1)
	go func() { served <- c.Serve(handler{c: c}) }()
	return c, output, served
}

func notifyMuch(c *Conn, times int) {
	for range times {
		c.Notify("changed", strings.Repeat("x", 1000))
	}
}

func TestClientThatDoesNotReadIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, output, served := serveUnread(t, 64<<10)
		notifyMuch(c, 1)
		synctest.Wait() // it is written
		notifyMuch(c, 60)
		synctest.Wait()
		require.Empty(t, served, "there is some room")
		notifyMuch(c, 100_000)
		require.ErrorIs(t, <-served, ErrUnread)
		require.Empty(t, c.out.queue, "nothing is kept")
		c.AwaitRoom() // and others do not wait for it
		output.Close()
		require.ErrorIs(t, c.Close(t.Context()), ErrUnread)
	})
}

func TestClientThatReadsSlowlyIsNotCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, output, served := serveUnread(t, 64<<10)
		go func() {
			for buffer := make([]byte, 1<<20); ; time.Sleep(time.Second) {
				if _, err := output.Read(buffer); err != nil {
					return
				}
			}
		}()
		for range 100 {
			notifyMuch(c, 30)
			time.Sleep(time.Second)
		}
		require.Empty(t, served)
		output.Close()
		_ = c.Close(context.Background())
		time.Sleep(time.Second) // the reader ends
	})
}

func TestTheOnlyClientIsNeverCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, output, served := serveUnread(t, 0)
		notifyMuch(c, 10_000)
		require.Empty(t, served)
		output.Close()
		_ = c.Close(context.Background())
	})
}
