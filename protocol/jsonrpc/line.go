package jsonrpc

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
)

const (
	// readBytes is the size of one Read: as much as a pipe holds.
	readBytes = 64 << 10
	// keepBytes is the largest buffer that is kept for the next use, so that one huge line
	// does not cost its memory for the rest of the process.
	keepBytes = 256 << 10
)

// lines cuts the input into lines. One goroutine uses it at a time.
type lines struct {
	r     *bufio.Reader
	limit int      // bytes, with the line ending
	long  []byte   // a line that did not fit r's buffer, up to keepBytes
	rest  [][]byte // the parts behind that: a line that is never whole costs one copy
	err   error    // what ended the input; it is not read again
	drop  func(head []byte, size int, reason error)

	dropped bool // the line that is being read has been reported
}

func newLines(r io.Reader, limit int, drop func(head []byte, size int, reason error)) lines {
	return lines{r: bufio.NewReaderSize(r, readBytes), limit: limit, drop: drop}
}

var (
	errTooLong = errors.New("longer than the limit")
	errEndless = errors.New("longer than twice the limit, and goes on")
)

// headBytes is how much of a line that is too long is shown to who may know what it is.
const headBytes = 1 << 10

// next is the next line with its line ending, which the last line may lack. It is valid
// until the next call. A line longer than the limit is skipped without being buffered.
func (l *lines) next() ([]byte, error) {
	for l.err == nil {
		line, size := l.read()
		if l.err != nil && l.err != io.EOF {
			break // what stands before a broken read may be half a line
		}
		if size > l.limit {
			if !l.dropped {
				l.drop(line, size, errTooLong)
			}
			continue
		}
		if size > 0 {
			return line, nil
		}
	}
	return nil, l.err
}

// read reads up to the end of a line or of the input. size is the length of the line,
// also of one that was too long to be kept, of which line is the head.
func (l *lines) read() (line []byte, size int) {
	l.long, l.dropped = l.long[:0], false
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
			l.keep(part)
		} else if len(l.long) > headBytes {
			l.long, l.rest = bytes.Clone(l.long[:headBytes]), nil
		}
		if size > 2*l.limit && !l.dropped { // its end may never come
			l.dropped = true
			l.drop(l.long, size, errEndless)
		}
		if err != bufio.ErrBufferFull {
			return l.whole(), size
		}
	}
}

func (l *lines) keep(part []byte) {
	if len(l.rest) == 0 && len(l.long)+len(part) <= keepBytes {
		l.long = append(l.long, part...)
		return
	}
	l.rest = append(l.rest, bytes.Clone(part))
}

func (l *lines) whole() []byte {
	if len(l.rest) == 0 {
		return l.long
	}
	line := bytes.Join(slices.Insert(l.rest, 0, l.long), nil)
	l.rest = nil
	return line
}

// more reports whether a whole line is buffered, so that next needs no Read.
func (l *lines) more() bool {
	buffered, _ := l.r.Peek(l.r.Buffered())
	return bytes.IndexByte(buffered, '\n') >= 0
}
