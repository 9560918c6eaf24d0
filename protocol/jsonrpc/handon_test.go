package jsonrpc

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// note is a notification of a size.
func note(size int) string { return `{"method":"` + strings.Repeat("x", size-14) + "\"}\n" }

// handsOn is a handler of one connection that hands everything on to another one, but answers
// polls itself.
type handsOn struct{ from, to *Conn }

func (h handsOn) Request(r Request)           { answerStatus(h.from, r) }
func (h handsOn) Notification(n Notification) { h.from.HandOn(h.to, n.Line) }

// bridge is a connection that is read from input and hands on to to.
func bridge(o Options, to *Conn) (input *io.PipeWriter, output *io.PipeReader) {
	r, input := io.Pipe()
	output, w := io.Pipe()
	c := New(r, w, o)
	go func() { _ = c.Serve(handsOn{c, to}) }()
	return input, output
}

func TestABurstIsHandedOnInPipefulsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var writes []int
		to := New(strings.NewReader(""), writerFunc(func(lines []byte) (int, error) {
			writes = append(writes, len(lines))
			return len(lines), nil
		}), Options{})
		input, output := bridge(Options{}, to)
		begun := time.Now()
		io.WriteString(input, strings.Repeat(note(100), 10))
		synctest.Wait()
		require.Equal(t, []int{1000}, writes)
		io.WriteString(input, strings.Repeat(note(1024), 63))
		synctest.Wait()
		require.Equal(t, []int{1000, batchBytes, 31 << 10}, writes)
		require.Zero(t, time.Since(begun))
		input.Close()
		output.Close()
	})
}

// Who does not read what is handed on holds no answer, but for a moment once.
func TestAReaderThatIsStuckElsewhereIsRelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		unread, w := io.Pipe()
		to := New(strings.NewReader(""), w, Options{})
		input, output := bridge(Options{}, to)
		var said bytes.Buffer
		var copied sync.WaitGroup
		copied.Go(func() { _, _ = io.Copy(&said, output) })
		begun := time.Now()
		for range 3 {
			io.WriteString(input, note(100)+polls(1))
		}
		synctest.Wait()
		require.Equal(t, 3, strings.Count(said.String(), "\n"))
		require.LessOrEqual(t, time.Since(begun), 2*writeDelay)
		var heard bytes.Buffer
		copied.Go(func() { _, _ = io.Copy(&heard, unread) })
		synctest.Wait()
		require.Equal(t, strings.Repeat(note(100), 3), heard.String(), "in its order, and nothing is lost")
		io.WriteString(input, note(100))
		synctest.Wait()
		require.Equal(t, 400, heard.Len())
		input.Close()
		output.Close()
		unread.Close()
		copied.Wait()
	})
}

// A handler may wait long after it has handed a line on, and the burst may go on.
func TestWhatIsHandedOnDoesNotWaitForABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heard := make(chan string, 10)
		to := New(strings.NewReader(""), writerFunc(func(lines []byte) (int, error) {
			heard <- string(lines)
			return len(lines), nil
		}), Options{})
		r, input := io.Pipe()
		c := New(r, io.Discard, Options{})
		go func() {
			_ = c.Serve(handler{c: c, request: func(c *Conn, q Request) {
				c.HandOn(to, q.Line)
				time.Sleep(time.Hour)
			}})
		}()
		io.WriteString(input, polls(2))
		begun := time.Now()
		require.Equal(t, polls(1), <-heard)
		to.Pass([]byte("{}"))
		require.Equal(t, "{}\n", <-heard)
		require.LessOrEqual(t, time.Since(begun), 3*writeDelay)
		input.Close()
		time.Sleep(3 * time.Hour)
	})
}

// A Read that blocks would keep the processor from those who answer.
func TestInputIsAwaitedUnlessAllIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		awaited := 0
		to := New(strings.NewReader(""), io.Discard, Options{})
		input, output := bridge(Options{AwaitInput: func() { awaited++ }}, to)
		go io.Copy(io.Discard, output)
		for _, each := range []struct {
			lines string
			want  int
		}{{polls(3), 0}, {note(100), 1}, {polls(1), 1}, {note(100) + polls(1), 2}, {note(100) + note(50), 3}} {
			io.WriteString(input, each.lines)
			synctest.Wait()
			require.Equal(t, each.want, awaited, each.lines)
		}
		input.Close()
		output.Close()
	})
}
