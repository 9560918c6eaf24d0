package front

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// FuzzRouting sends lines of a client and of a child through a front, as they come: a line
// of text for the client, one with a '>' before it for the child. Each request of the client
// has at most one answer, what the child gets is what the client sent, and the other way
// round, and no token reaches the wrong side.
func FuzzRouting(f *testing.F) {
	for _, seed := range []string{
		request(1, "turn/start", `{"threadId":"t"}`) + "\n>" + `{"method":"error","params":{"error":{"message":"auth refresh request failed: code=1"}}}`,
		request(`"x"`, "getAuthStatus", `{"includeToken":true}`) + "\n" + request(`"x"`, "account/logout", "") + "\n>" + `{"id":"x","result":{}}`,
		`{"method":"initialized"}` + "\n>" + `{"id":0,"method":"item/tool/call","params":{}}` + "\n" + `{"id":0,"result":{}}`,
		">" + `{"id":5,"method":"account/chatgptAuthTokens/refresh","params":{}}` + "\n>{\n[]\n" + `{"id":1,"id":2}`,
		request(1, "account/login/start", keyLogin) + "\n" + request(2, "thread/list", "") + "\n" + hello,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, tokens("a", "r"), nil)
			go s.listen()
			s.ask(hello)
			var sent []string
			for line := range strings.Lines(text) {
				line = strings.TrimRight(line, "\r\n")
				if child, ok := strings.CutPrefix(line, ">"); ok {
					s.child.Write(child)
					continue
				}
				sent = append(sent, line)
				s.send(line)
			}
			said := s.said()
			checkAnswers(t, sent, said)
			for _, line := range s.child.Lines()[1:] {
				isOurs := strings.Contains(line, `"id":"front/`)
				require.True(t, isOurs || contains(sent, line), "the client did not send %q", line)
			}
			require.NoError(t, s.close())
		})
	})
}

// checkAnswers holds the answers to the requests: none without, and no more than requests.
func checkAnswers(t *testing.T, sent, said []string) {
	open := map[string]int{}
	for _, line := range sent {
		var r struct {
			ID     json.RawMessage
			Method *string
		}
		if json.Unmarshal([]byte(line), &r) == nil && r.Method != nil {
			open[string(r.ID)]++
		}
	}
	for _, line := range said {
		id, isAnswer := jsonrpc.AnswerID([]byte(line + " "))
		if !isAnswer {
			continue
		}
		open[id.String()]--
		require.GreaterOrEqual(t, open[id.String()], 0, "an answer to no request: %s", line)
	}
}

func contains(lines []string, line string) bool {
	for _, each := range lines {
		if strings.TrimSpace(each) == strings.TrimSpace(line) {
			return true
		}
	}
	return false
}
