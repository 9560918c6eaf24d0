package cli

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A client that starts the server with a pipe for its log and never reads it must not
// stop anything but the log.
func TestLogQueueNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read, write := io.Pipe() // no byte of it is buffered
		queue := NewLogQueue(write)
		log := slog.New(slog.NewTextHandler(queue, nil))
		begun := time.Now()
		for range 100_000 {
			log.Warn("a line", "padding", strings.Repeat("x", 100))
		}
		require.Zero(t, time.Since(begun), "no line waited")
		require.LessOrEqual(t, queue.bytes, logQueueBytes)
		queue.drain(logDrainLimit)
		require.Equal(t, logDrainLimit, time.Since(begun), "and the end waits for a bounded time")

		said := make(chan string)
		go func() {
			all, _ := io.ReadAll(read)
			said <- string(all)
		}()
		synctest.Wait()
		log.Warn("the last line")
		queue.drain(logDrainLimit)
		write.Close()
		text := <-said
		lines := strings.Count(text, "msg=\"a line\"")
		require.Greater(t, lines, 1000)
		require.Less(t, lines, 100_000)
		require.Regexp(t, `dropped=\d{5}\n.*the last line`, text, "what was dropped is counted")
	})
}

// stuckQueue is a log of which one long line is under way, and not read.
func stuckQueue(t *testing.T, lineBytes int) (*logQueue, *io.PipeReader) {
	read, write := io.Pipe()
	t.Cleanup(func() { write.Close() })
	queue := NewLogQueue(write)
	_, err := queue.Write(bytes.Repeat([]byte("x"), lineBytes))
	require.NoError(t, err)
	synctest.Wait()
	return queue, read
}

// rest is what is still written when the log is read again.
func rest(t *testing.T, queue *logQueue, read *io.PipeReader) string {
	said := make(chan string)
	go func() {
		all, _ := io.ReadAll(read)
		said <- string(all)
	}()
	synctest.Wait()
	queue.drain(logDrainLimit)
	require.NoError(t, queue.out.(io.Closer).Close())
	return <-said
}

func TestLogQueueCountsTheLineBeingWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue, read := stuckQueue(t, logQueueBytes/2)
		for range logQueueBytes {
			_, _ = queue.Write([]byte("line\n"))
		}
		require.LessOrEqual(t, len(rest(t, queue, read)), logQueueBytes)
	})
}

// A logger writes its next line into the same bytes.
func TestLogQueueCopiesItsLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue, read := stuckQueue(t, 1)
		line := []byte("the first\n")
		_, _ = queue.Write(line)
		copy(line, "the other")
		require.Contains(t, rest(t, queue, read), "the first")
	})
}
