package appserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/engine/enginetest"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
	"github.com/bezoar-auth/bezoar/protocol/schema/schematest"
	"github.com/bezoar-auth/bezoar/store/memory"
)

// FuzzEveryRequestHasOneAnswer sends a whole server any input. No input ends it;
// each request, as encoding/json decodes it, has one answer, which matches the schemas;
// and no other line has one.
func FuzzEveryRequestHasOneAnswer(f *testing.F) {
	for _, method := range methodNames {
		f.Add([]byte(hello+"\n"+`{"id":1,"method":"`+method+`","params":{}}`), true)
	}
	for _, lines := range []string{
		hello + "\n" + loginLine + "\n" + statusLine + "\n" + logoutLine + "\n" + statusLine,
		hello + "\n" + `{"id":1,"method":"getAuthStatus","params":{"refreshToken":true,"includeToken":true}}`,
		strings.Replace(hello, `}}`, `},"capabilities":{"experimentalApi":true}}`, 1) + "\n" +
			`{"id":2,"method":"account/login/start","params":{"type":"chatgptAuthTokens","accessToken":"e30.e30.e30","chatgptAccountId":"a"}}` + "\n" + loginLine,
		"{}\n[]\n\r\n \n{\"id\":1.0,\"method\":\"x\"}\n{\"id\":-0,\"method\":\"x\"}\n\ufeff{\"id\":1,\"method\":\"x\"}",
		`{"id":1,"id":1,"method":"x"}` + "\n" + `{"id":1,"method":"x","method":"x"}` + "\n" + `{"\u0069d":"\u0000","method":"\ud800"}`,
		`{"id":9223372036854775808,"method":"x"}` + "\n" + `{"id":-9223372036854775808,"method":"x"}` + "\n" + `{"id":1e2,"method":"x"}`,
		`{"id":1,"result":{}}` + "\n" + `{"id":1,"error":{"code":1,"message":"x"}}` + "\n" + `{"id":1,"method":null,"result":1}`,
	} {
		f.Add([]byte(lines), false)
	}
	f.Fuzz(func(t *testing.T, input []byte, loggedIn bool) {
		var wanted, found []string
		conversation := schematest.New(t)
		for line := range bytes.SplitSeq(input, []byte{'\n'}) {
			conversation.Client(line)
			if id, ok := idOfRequest(line); ok {
				wanted = append(wanted, id)
			}
		}
		for line := range strings.Lines(serveAll(t, input, loggedIn)) {
			conversation.Server([]byte(line))
			if id, ok := idOfAnswer(t, line); ok {
				found = append(found, id)
			}
		}
		slices.Sort(wanted)
		slices.Sort(found)
		require.Equal(t, wanted, found)
	})
}

// hasty is an issuer that answers at once.
type hasty struct{}

func (hasty) Refresh(_ context.Context, _ machine.Issuer, token secret.Token, _ endpoint.Cause) endpoint.Answer {
	return grants("a", token.Reveal()+"+")
}

func (hasty) Revoke(context.Context, machine.Issuer, machine.Credential) error { return nil }

// serveAll is the output of a server for an input.
func serveAll(t *testing.T, input []byte, loggedIn bool) string {
	kept := memory.NewStore()
	if loggedIn {
		require.NoError(t, kept.Replace(t.Context(), *tokens("access-1", "refresh-1")))
	}
	parts := engine.Options{Store: kept, Ledger: memory.NewLedger(machine.Issuer{}).Process(1), AuthorizationServer: hasty{}}
	auth := enginetest.Start(parts)
	var output bytes.Buffer
	conn := jsonrpc.New(bytes.NewReader(input), &output, jsonrpc.Options{})
	server := New(conn, offline(auth, Options{Terminal: "xterm", RequiresAuth: true, Introduce: func(string, string) {}}))
	require.NoError(t, conn.Serve(server))
	auth.Close(t.Context())
	require.NoError(t, server.Close(t.Context()))
	require.NoError(t, conn.Close(t.Context()))
	return output.String()
}

// idOfAnswer also checks the form of an answer. It is false for a notification.
func idOfAnswer(t *testing.T, line string) (id string, ok bool) {
	require.True(t, strings.HasSuffix(line, "\n"))
	require.True(t, utf8.ValidString(line))
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(line), &members))
	if members["method"] != nil {
		require.NotContains(t, members, "id")
		return "", false
	}
	require.Len(t, members, 2, line)
	require.NotNil(t, members["id"], line)
	return string(members["id"]), true
}

// idOfRequest decides, in another way than the server, whether a line is a request.
func idOfRequest(line []byte) (id string, ok bool) {
	members, err := membersOf(line)
	if err != nil {
		return "", false
	}
	var method string
	if json.Unmarshal(members["method"], &method) != nil || string(members["method"]) == "null" {
		return "", false
	}
	id = string(members["id"])
	if strings.HasPrefix(id, `"`) {
		return id, true
	}
	number, ok := new(big.Int).SetString(id, 10)
	if id == "-0" {
		return "0", true // as Codex
	}
	return id, ok && number.IsInt64() && number.String() == id
}

// membersOf reads an object in which none of the members of a message occurs
// twice. encoding/json alone would take the last.
func membersOf(line []byte) (map[string]json.RawMessage, error) {
	errNone := errors.New("no message")
	if !utf8.Valid(line) || !json.Valid(line) {
		return nil, errNone
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	if opening, _ := decoder.Token(); opening != json.Delim('{') {
		return nil, errNone
	}
	members := map[string]json.RawMessage{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		known := []string{"id", "method", "params", "result", "error"}
		if _, twice := members[name.(string)]; twice && slices.Contains(known, name.(string)) {
			return nil, errNone
		}
		members[name.(string)] = value
	}
	return members, nil
}
