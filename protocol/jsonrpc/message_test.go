package jsonrpc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// odd are lines that a client can send, and their meaning: a request with the members that
// count, a notification, an answer, or none.
var odd = []struct{ line, want string }{
	{`{"id":1,"method":"m","params":{"a":1}}`, `request 1 m {"a":1}`},
	{`{"method":"m","id":1}`, `request 1 m `},
	{`{"id":1,"method":"m","params":null}`, `request 1 m `},
	{`{"id":1,"method":"m","params":[ 1 , 2 ]}`, `request 1 m [ 1 , 2 ]`},
	{`{"jsonrpc":"2.0","id":1,"method":"m","trace":{"id":2,"method":"n"}}`, `request 1 m `},
	{`{"id":1,"method":"m","result":{}}`, `request 1 m `},
	{" \t{ \"id\" : 1 , \"method\" : \"m\" , \"params\" : { } } \t\r", `request 1 m { }`},
	{`{"id":1,"method":""}`, `request 1  `},
	{`{"id":1,"method":"a\/b\u0063é"}`, `request 1 a/bcé `},
	{`{"\u0069d":1,"m\u0065thod":"m"}`, `request 1 m `},
	{`{"ID":5,"id":1,"method":"m"}`, `request 1 m `},

	{`{"id":"abc","method":"m"}`, `request "abc" m `},
	{`{"id":"","method":"m"}`, `request "" m `},
	{`{"id":"1","method":"m"}`, `request "1" m `},
	{`{"id":"\u0041\/\"<>&` + "\u2028" + `","method":"m"}`, `request "\u0041\/\"<>&` + "\u2028" + `" m `},
	{`{"id":0,"method":"m"}`, `request 0 m `},
	{`{"id":-1,"method":"m"}`, `request -1 m `},
	{`{"id":9223372036854775807,"method":"m"}`, `request 9223372036854775807 m `},
	{`{"id":-9223372036854775808,"method":"m"}`, `request -9223372036854775808 m `},
	{`{"id":9223372036854775808,"method":"m"}`, ``},
	{`{"id":-9223372036854775809,"method":"m"}`, ``},
	{`{"id":-0,"method":"m"}`, `request 0 m `},
	{`{"id":1.0,"method":"m"}`, ``},
	{`{"id":1.5,"method":"m"}`, ``},
	{`{"id":1e2,"method":"m"}`, ``},
	{`{"id":null,"method":"m"}`, ``},
	{`{"id":true,"method":"m"}`, ``},
	{`{"id":{},"method":"m"}`, ``},
	{`{"id":[],"method":"m"}`, ``},

	{`{"method":"m"}`, `notification m `},
	{`{"method":"m","params":{}}`, `notification m {}`},
	{`{"id":1,"result":{"a":1}}`, `answer 1 {"a":1}`},
	{`{"id":1,"result":null}`, `answer 1 null`},
	{`{"id":1,"result":{},"error":null}`, `answer 1 {}`},
	{`{"id":1,"error":{"code":-1,"message":"no"}}`, `answer 1 error -1: no`},
	{`{"id":1,"result":null,"error":{"code":-1,"message":"no"}}`, `answer 1 error -1: no`},
	{`{"id":1,"error":"no"}`, ``},
	{`{"id":1,"error":null}`, ``},
	{`{"result":{}}`, ``},

	{``, ``},
	{" \t\r", ``},
	{`not json`, ``},
	{`[]`, ``},
	{`5`, ``},
	{`"s"`, ``},
	{`null`, ``},
	{`{}`, ``},
	{`{"id":77}`, ``},
	{`{"id":1,"method":5}`, ``},
	{`{"id":1,"method":null,"result":{}}`, ``},
	{`{"method":`, ``},
	{`{"id":1,"method":"m"`, ``},
	{`{"id":1,"method":"m",}`, ``},
	{`{"id":1 "method":"m"}`, ``},
	{`{"id":01,"method":"m"}`, ``},
	{`{"id":1,"method":"m","params":{"a":.5}}`, ``},
	{`{"id":1,"method":"m","params":"\x"}`, ``},
	{`{"id":1,"method":"m","params":"\u12g4"}`, ``},
	{"{\"id\":1,\"method\":\"m\",\"params\":\"\t\"}", ``},
	{`[{"id":1,"method":"m"}]`, ``},
	{`{"id":1,"method":"m"}{"id":2,"method":"m"}`, ``},
	{`{"id":1,"method":"m"} text`, ``},
	{"\ufeff" + `{"id":1,"method":"m"}`, ``},
	{"{\"id\":1,\"method\":\"m\",\"params\":\"\xff\"}", ``},
	{`{"id":1,"id":1,"method":"m"}`, ``},
	{`{"id":1,"method":"m","method":"n"}`, ``},
	{`{"id":1,"i\u0064":2,"method":"m"}`, ``},
	{`{"id":1,"method":"m","params":{},"params":{}}`, ``},
	{`{"id":1,"method":"m","params":` + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth) + `}`, ``},
	{`{"id":1,"method":"m","params":` + strings.Repeat(`{"a":`, maxDepth) + `1` + strings.Repeat("}", maxDepth) + `}`, ``},
}

func TestEveryOddLineIsUnderstoodOrDropped(t *testing.T) {
	for _, o := range odd {
		t.Run(o.line[:min(len(o.line), 60)], func(t *testing.T) {
			m, err := parse([]byte(o.line))
			require.Equal(t, o.want, show(m, err == nil))
		})
	}
}

func TestDeepParamsAreTakenUp(t *testing.T) {
	deep := strings.Repeat("[", maxDepth-1) + strings.Repeat("]", maxDepth-1)
	m, err := parse([]byte(`{"id":1,"method":"m","params":` + deep + `}`))
	require.NoError(t, err)
	require.Equal(t, deep, string(m.params))
}

func show(m message, ok bool) string {
	if !ok {
		return ""
	}
	switch m.kind {
	case request:
		return fmt.Sprintf("request %s %s %s", m.id.appendTo(nil), m.method, m.params)
	case notification:
		return fmt.Sprintf("notification %s %s", m.method, m.params)
	}
	if m.err != nil {
		return fmt.Sprintf("answer %s %s", m.id.appendTo(nil), m.err)
	}
	return fmt.Sprintf("answer %s %s", m.id.appendTo(nil), m.result)
}

// understand is a second implementation of parse, slow and with encoding/json.
func understand(line []byte) (m message, ok bool) {
	if !utf8.Valid(line) || !json.Valid(line) {
		return m, false
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	if start, _ := decoder.Token(); start != json.Delim('{') {
		return m, false
	}
	member := map[string]json.RawMessage{}
	for decoder.More() {
		name, _ := decoder.Token()
		var value json.RawMessage
		if decoder.Decode(&value) != nil {
			return m, false
		}
		if _, twice := member[name.(string)]; twice && slices.Contains(memberNames, name.(string)) {
			return m, false
		}
		member[name.(string)] = value
	}
	if id, given := member["id"]; given {
		var text string
		number, err := strconv.ParseInt(string(id), 10, 64)
		switch {
		case err == nil:
			m.id = ID{integer: number}
		case id[0] == '"' && json.Unmarshal(id, &text) == nil:
			m.id = ID{text: string(id)}
		default:
			return m, false
		}
	}
	return m, classify(&m, member)
}

var memberNames = []string{"id", "method", "params", "result", "error"}

func classify(m *message, member map[string]json.RawMessage) bool {
	_, id := member["id"]
	method, call := member["method"]
	result, yes := member["result"]
	no := member["error"] != nil && string(member["error"]) != "null"
	switch {
	case call:
		var name *string
		if json.Unmarshal(method, &name) != nil || name == nil {
			return false
		}
		m.kind, m.method = notification, []byte(*name)
		if id {
			m.kind = request
		}
		if string(member["params"]) != "null" {
			m.params = member["params"]
		}
		return true
	case id && no:
		m.kind = answer
		return json.Unmarshal(member["error"], &m.err) == nil
	case id && yes:
		m.kind, m.result = answer, result
		return true
	}
	return false
}

func TestParseAgreesWithEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := lineOf(t)
		got, err := parse(line)
		want, ok := understand(line)
		require.Equal(t, ok, err == nil, "%q: %v", line, err)
		require.Equal(t, show(want, ok), show(got, ok), "%q", line)
	})
}

// lineOf draws a line like a message, in one of three cases with a byte changed, removed or
// added.
func lineOf(t *rapid.T) []byte {
	space := rapid.SampledFrom([]string{"", "", "", " ", "\t", "\r", "  "})
	name := rapid.SampledFrom([]string{"id", "method", "params", "result", "error", "x", "ID", `i\u0064`, `\/`})
	var line strings.Builder
	line.WriteString(space.Draw(t, "space") + "{")
	for i := range rapid.IntRange(0, 4).Draw(t, "members") {
		if i > 0 {
			line.WriteString(",")
		}
		s := space.Draw(t, "space")
		fmt.Fprintf(&line, `%s"%s"%s:%s%s%s`, s, name.Draw(t, "name"), s, s, valueOf(t, 3), s)
	}
	line.WriteString("}" + space.Draw(t, "space"))
	return damage(t, []byte(line.String()))
}

func valueOf(t *rapid.T, depth int) string {
	plain := rapid.SampledFrom([]string{
		"null", "true", "false", "0", "-0", "7", "-12", "1.0", "1.5e+3", "2E-1", "9223372036854775807", "9223372036854775808",
		`""`, `"m"`, `"1"`, `"é"`, `"\ud83d\ude00"`, `"\ud800"`, `"a\/\b\f\n\r\t\"\\"`, `"\u00e9"`,
		`{"code":-1,"message":"no"}`, `{"code":1.5}`, `{"code":"x"}`, "[]", "{}",
	}).Draw(t, "value")
	if depth == 0 {
		return plain
	}
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0:
		return "[" + valueOf(t, depth-1) + " , " + valueOf(t, depth-1) + "]"
	case 1:
		return `{"id":` + valueOf(t, depth-1) + `,"id" : ` + valueOf(t, depth-1) + "}"
	}
	return plain
}

func damage(t *rapid.T, line []byte) []byte {
	where := rapid.IntRange(0, len(line)-1).Draw(t, "where")
	what := rapid.SampledFrom([]byte("{}[]\",:\\u0-+.eEtn \x00\x1f\x7f\x80\xc3\xff")).Draw(t, "what")
	switch rapid.IntRange(0, 8).Draw(t, "damage") {
	case 0:
		line[where] = what
	case 1:
		line = slices.Delete(line, where, where+1)
	case 2:
		line = slices.Insert(line, where, what)
	}
	return line
}

// FuzzLine: parse agrees with encoding/json on anything, and the connection
// answers the requests among the lines, and nothing else, one line each.
func FuzzLine(f *testing.F) {
	for _, o := range odd {
		f.Add([]byte(o.line))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		var want []string
		for line := range bytes.SplitSeq(input, []byte{'\n'}) {
			got, err := parse(line)
			expected, ok := understand(line)
			require.Equal(t, ok, err == nil, "%q: %v", line, err)
			require.Equal(t, show(expected, ok), show(got, ok), "%q", line)
			if ok && got.kind == request {
				want = append(want, fmt.Sprintf(`{"id":%s,"result":{}}`, got.id.appendTo(nil)))
			}
		}
		answers := exchange(t, bytes.NewReader(input), func(c *Conn, r Request) { c.ReplyRaw(r.ID, json.RawMessage("{}")) })
		require.Equal(t, want, answers)
	})
}

// exchange serves the whole input and returns the lines of the output.
func exchange(t testing.TB, input io.Reader, serve func(*Conn, Request)) []string {
	t.Helper()
	var output bytes.Buffer
	c := New(input, &output, Options{})
	require.NoError(t, c.Serve(handler{c: c, request: serve}))
	require.NoError(t, c.Close(t.Context()))
	if output.Len() == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(output.String(), "\n"), "\n")
}

// handler makes a Handler of functions.
type handler struct {
	c            *Conn
	request      func(*Conn, Request)
	notification func(*Conn, Notification)
}

func (h handler) Request(r Request) {
	if h.request != nil {
		h.request(h.c, r)
	}
}

func (h handler) Notification(n Notification) {
	if h.notification != nil {
		h.notification(h.c, n)
	}
}
