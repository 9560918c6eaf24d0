package mcp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"time"
)

// events reads a stream of server-sent events (HTML standard, section 9.2). One goroutine
// uses it at a time.
type events struct {
	r     *bufio.Reader
	limit int // bytes of a line, and of the data of an event

	lastID string        // of the last event that came to its end; what a resumption begins behind
	retry  time.Duration // how long to wait before one, 0 if the server has not said
	count  int           // events that came to their end, also those without data

	text   []byte // the line that was read last
	data   []byte // of the event that is being read, each line with its newline
	id     string // of the event that is being read
	name   string
	midway bool // behind a CR, to which an LF belongs
	begun  bool // the byte order mark was looked for
}

var errEventTooLong = errors.New("an event is longer than the limit")

func newEvents(r io.Reader, limit int, lastID string) *events {
	return &events{r: bufio.NewReaderSize(r, 32<<10), limit: limit, lastID: lastID, id: lastID}
}

// next is the data of the next message that has any, valid until the next call. io.EOF is
// the end of the stream: an event that it tears is none.
func (e *events) next() ([]byte, error) {
	e.data, e.name = e.data[:0], ""
	for {
		line, err := e.line()
		if err != nil {
			return nil, err
		}
		if len(line) > 0 {
			if err := e.field(line); err != nil {
				return nil, err
			}
			continue
		}
		e.lastID = e.id
		e.count++
		if len(e.data) > 1 && (e.name == "" || e.name == "message") {
			return e.data[:len(e.data)-1], nil
		}
		e.data, e.name = e.data[:0], ""
	}
}

// field takes up one line. Comments and unknown fields are left out.
func (e *events) field(line []byte) error {
	name, value, _ := bytes.Cut(line, []byte{':'})
	value = bytes.TrimPrefix(value, []byte{' '})
	switch string(name) {
	case "data":
		if len(e.data)+len(value) > e.limit {
			return errEventTooLong
		}
		e.data = append(append(e.data, value...), '\n')
	case "event":
		e.name = string(value)
	case "id":
		if bytes.IndexByte(value, 0) < 0 {
			e.id = string(value)
		}
	case "retry":
		if ms, err := strconv.ParseUint(string(value), 10, 31); err == nil {
			e.retry = time.Duration(ms) * time.Millisecond
		}
	}
	return nil
}

// line is the next line without its end, which is CR, LF or both.
func (e *events) line() ([]byte, error) {
	e.text = e.text[:0]
	for {
		if _, err := e.r.Peek(1); err != nil {
			return nil, err
		}
		chunk, _ := e.r.Peek(e.r.Buffered())
		if e.midway {
			e.midway = false
			if chunk[0] == '\n' {
				_, _ = e.r.Discard(1)
				continue
			}
		}
		end := bytes.IndexAny(chunk, "\r\n")
		if end >= 0 {
			e.text = append(e.text, chunk[:end]...)
			e.midway = chunk[end] == '\r'
			_, _ = e.r.Discard(end + 1)
			return e.withoutMark(), nil
		}
		e.text = append(e.text, chunk...)
		_, _ = e.r.Discard(len(chunk))
		if len(e.text) > e.limit+len("data: ") {
			return nil, errEventTooLong
		}
	}
}

// withoutMark is the line without the byte order mark that may begin the stream.
func (e *events) withoutMark() []byte {
	if e.begun {
		return e.text
	}
	e.begun = true
	return bytes.TrimPrefix(e.text, []byte("\uFEFF"))
}
