package jsonrpc

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
)

const (
	// readBytes is how much is asked for in one Read: as much as a pipe holds.
	readBytes = 64 << 10
	// keepBytes is the largest buffer kept for the next use: one huge line
	// must not cost its memory for the rest of the process.
	keepBytes = 256 << 10
)

// lines splits the input. It is used by one goroutine at a time.
type lines struct {
	r     *bufio.Reader
	limit int    // bytes, with the line ending
	long  []byte // a line that did not fit r's buffer
	err   error  // what ended the input; it is not read again
	log   *slog.Logger
}

func newLines(r io.Reader, limit int, log *slog.Logger) lines {
	return lines{r: bufio.NewReaderSize(r, readBytes), limit: limit, log: log}
}

// next gives the next line, valid until the next call, with its line ending
// if it has one: the last before io.EOF need not. Longer lines than the
// limit are passed over without being held in memory.
func (l *lines) next() ([]byte, error) {
	for l.err == nil {
		line, size := l.read()
		if l.err != nil && l.err != io.EOF {
			break // what stands before a broken read may be half a line
		}
		if size > l.limit {
			l.log.Warn("line dropped", "bytes", size, "reason", "longer than the limit")
			continue
		}
		if size > 0 {
			return line, nil
		}
	}
	return nil, l.err
}

// read reads to the end of a line or of the input and says how long the line
// was, also if it was too long to be kept.
func (l *lines) read() (line []byte, size int) {
	if cap(l.long) > keepBytes {
		l.long = nil
	}
	l.long = l.long[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		size += len(part)
		if err != bufio.ErrBufferFull {
			l.err = err
			if size == len(part) {
				return part, size
			}
		}
		if size <= l.limit {
			l.long = append(l.long, part...)
		} else {
			l.long = nil
		}
		if err != bufio.ErrBufferFull {
			return l.long, size
		}
	}
}

// more says whether a whole line waits that needs no Read.
func (l *lines) more() bool {
	buffered, _ := l.r.Peek(l.r.Buffered())
	return bytes.IndexByte(buffered, '\n') >= 0
}
