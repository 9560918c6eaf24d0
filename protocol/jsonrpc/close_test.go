package jsonrpc

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCloseWritesWhatIsQueuedAndDropsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, Options{}, answerStatus)
		p.send(polls(100))
		p.in.Close()
		require.NoError(t, <-p.served)
		closed := make(chan error, 1)
		go func() { closed <- p.c.Close(t.Context()) }()
		time.Sleep(time.Hour) // the client reads late
		require.Empty(t, closed)
		p.c.Reply(ID{}, "dropped")
		p.c.Notify("dropped", nil)
		requireStatuses(t, 100, p.statuses(100))
		require.NoError(t, <-closed)
		synctest.Wait()
		require.EqualValues(t, 1, p.writes.Load())
	})
}

func TestCloseIsBoundedByItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, Options{}, answerStatus)
		p.send(polls(100))
		synctest.Wait() // answered
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		require.ErrorIs(t, p.c.Close(ctx), context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(start))
		require.NoError(t, <-p.served)
	})
}

func TestCloseEndsServeThoughTheInputIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, Options{}, answerStatus)
		p.send(polls(1))
		p.line()
		synctest.Wait() // the Write is over
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, p.c.Close(ended)) // there is nothing left to wait for
		require.NoError(t, <-p.served)
		p.send(polls(1)) // the lines of the Read under way are not handled
		synctest.Wait()
		require.EqualValues(t, 1, p.taken.Load())
	})
}

func TestRequestsBeforeStopAreAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := make(chan ID, 1)
		p := connect(t, Options{}, func(_ *Conn, r Request) { asked <- r.ID })
		p.send(polls(1))
		id := <-asked
		p.c.Stop()
		require.NoError(t, <-p.served)
		answerStatus(p.c, Request{ID: id})
		require.Equal(t, status(0), p.line())
		require.NoError(t, p.c.Close(t.Context()))
	})
}

func TestBrokenOutputEndsServeThoughTheInputIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, Options{}, answerStatus)
		broken := errors.New("broken")
		p.out.CloseWithError(broken)
		p.send(polls(2))
		require.ErrorIs(t, <-p.served, broken)
		p.c.Reply(ID{}, "dropped")
		p.c.Notify("dropped", nil)
		require.Empty(t, p.c.out.queue)
		require.ErrorIs(t, p.c.Close(t.Context()), broken)
		require.EqualValues(t, 1, p.writes.Load())
	})
}

func TestBrokenOutputFreesAHeldReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, Options{QueueLimitBytes: 1000}, answerStatus)
		go p.send(polls(100))
		time.Sleep(time.Hour)
		require.EqualValues(t, 10, p.taken.Load())
		p.out.Close()
		require.ErrorIs(t, <-p.served, io.ErrClosedPipe)
		synctest.Wait()
		require.EqualValues(t, 10, p.taken.Load())
	})
}

func TestShortWriteIsAnError(t *testing.T) {
	c := New(strings.NewReader(polls(1)), writerFunc(func(lines []byte) (int, error) { return len(lines) - 1, nil }), Options{})
	require.ErrorIs(t, c.Serve(handler{c: c, request: answerStatus}), io.ErrShortWrite)
}
