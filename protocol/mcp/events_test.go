package mcp

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

func readAll(e *events) (all []string, err error) {
	for {
		data, err := e.next()
		if err != nil {
			return all, err
		}
		all = append(all, string(data))
	}
}

// The examples and rules are those of the HTML standard, section 9.2.6.
func TestEventsAreReadAsTheStandardSays(t *testing.T) {
	for text, want := range map[string][]string{
		"data: a\n\n":                         {"a"},
		"data:a\r\rdata: b\r\n\r\ndata:c\n\n": {"a", "b", "c"},
		"\uFEFFdata: a\n\n":                   {"a"},
		"data: YHOO\ndata: +2\ndata: 10\n\n":  {"YHOO\n+2\n10"},
		"data:  two blanks\n\n":               {" two blanks"},
		": comment\n\ndata: a\n: more\n\n":    {"a"},
		"data\n\ndata\ndata\n\n":              {"\n"},
		"data: torn":                          nil,
		"data: torn\n":                        nil,
		"event: message\ndata: a\n\nevent: x\ndata: b\n\ndata: c\n\n": {"a", "c"},
		"unknown: a\nfield\ndata: a\n\n":                              {"a"},
		"":                                                            nil,
		"\n\n\n":                                                      nil,
	} {
		for name, wrap := range map[string]func(io.Reader) io.Reader{"at once": func(r io.Reader) io.Reader { return r }, "by bytes": iotest.OneByteReader} {
			all, err := readAll(newEvents(wrap(strings.NewReader(text)), 1<<20, ""))
			require.Equal(t, io.EOF, err)
			require.Equal(t, want, all, "%q %s", text, name)
		}
	}
}

func TestPlaceOfAStreamIsThatOfItsLastWholeEvent(t *testing.T) {
	e := newEvents(strings.NewReader("id: 1\ndata: a\n\nid: 2\nretry: 1500\n\nid: n\x00l\nretry: soon\n\nid: 3\ndata: torn"), 1<<20, "0")
	require.Equal(t, "0", e.lastID)
	_, err := readAll(e)
	require.Equal(t, io.EOF, err)
	require.Equal(t, "2", e.lastID)
	require.Equal(t, 1500*time.Millisecond, e.retry)
	require.Equal(t, 3, e.count)
}

func TestEventHasALimit(t *testing.T) {
	long := strings.Repeat("x", 1001)
	for _, text := range []string{"data: " + long + "\n\n", ":" + long + strings.Repeat("x", 40000), "data: " + long[:600] + "\ndata: " + long[:600] + "\n\n"} {
		_, err := readAll(newEvents(strings.NewReader(text), 1000, ""))
		require.Equal(t, errEventTooLong, err)
	}
	all, err := readAll(newEvents(strings.NewReader("data: "+long[:999]+"\n\n"), 1000, ""))
	require.Equal(t, io.EOF, err)
	require.Len(t, all, 1)
}

// FuzzEvents compares the reader with one that is written for clarity.
func FuzzEvents(f *testing.F) {
	for _, text := range []string{"data: a\n\n", "id: 1\r\ndata: b\rdata: c\n\n", ": x\n\nevent: y\ndata\n\n", "\uFEFFdata:\n\n", "retry: 10\n\n", "data: \r\n\r"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, wantID := plainly(text)
		for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text))} {
			e := newEvents(r, 1<<20, "")
			all, err := readAll(e)
			require.Equal(t, io.EOF, err)
			require.Equal(t, want, all)
			require.Equal(t, wantID, e.lastID)
		}
	})
}

func plainly(text string) (all []string, lastID string) {
	text = strings.TrimPrefix(text, "\uFEFF")
	lines := strings.Split(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"), "\n")
	data, name, id := []string(nil), "", ""
	for _, line := range lines[:len(lines)-1] {
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			lastID = id
			if text := strings.Join(data, "\n"); text != "" && (name == "" || name == "message") {
				all = append(all, text)
			}
			data, name = nil, ""
		case field == "data":
			data = append(data, value)
		case field == "event":
			name = value
		case field == "id" && !strings.Contains(value, "\x00"):
			id = value
		}
	}
	return all, lastID
}

func FuzzLines(f *testing.F) {
	for _, text := range []string{`{"a":1}`, "{\r\n}", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		line := onOneLine([]byte(text))
		require.Len(t, line, len(text))
		require.False(t, bytes.ContainsAny(line, "\r\n"))
		m := &message{method: methodCallTool}
		m.read(line)
		for _, value := range []string{m.version, inHeader(m.name)} {
			require.NotRegexp(t, `[^\t -~]`, value, "a header can hold it")
		}
		(&tools{}).learn(line)
	})
}
