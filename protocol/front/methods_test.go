package front

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/protocol/front/surface"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

func TestOurMethodsNeverReachTheChild(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		before := len(s.child.Lines())
		for method, params := range map[string]string{
			"getAuthStatus": `{}`, "account/read": `{}`, "account/health/read": "", "accountSession/list": `{}`,
			"account/login/cancel": `{"loginId":"0c9e3c5e-0000-4000-8000-000000000000"}`,
		} {
			said := s.ask(request(1, method, params))
			require.Len(t, said, 1, method)
			require.Contains(t, said[0], `"result"`, method)
		}
		require.Len(t, s.child.Lines(), before)
	})
}

func TestRefusedMethodsSayWhy(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		before := len(s.child.Lines())
		for method, why := range refusals {
			require.Equal(t, []string{fmt.Sprintf(`{"error":{"code":-32600,"message":%q},"id":1}`, why)}, s.ask(request(1, method, "")))
		}
		for kind := range foreignLogins {
			require.Contains(t, s.ask(request(1, "account/login/start", fmt.Sprintf(`{"type":%q}`, kind)))[0], otherLogin)
		}
		require.Contains(t, s.ask(request(1, "account/login/start", `{"type":"no such"}`))[0], "unknown variant `no such`")
		require.Len(t, s.child.Lines(), before)
		require.Equal(t, len(refusals)+len(foreignLogins), s.happened(Refused))
		require.EqualValues(t, len(refusals)+len(foreignLogins), s.front.Counts().Refused)
	})
}

// plain are some of the methods that just pass, with one that no version has.
var plain = []string{
	"thread/archive", "thread/list", "turn/interrupt", "turn/steer", "config/read", "config/value/write", "fs/readFile", "account/gatewayOAuth/read",
	"account/bedrock/discover", "remoteControl/disable", "modelProvider/default/set", "thread/queue/list", "getConversationSummary", "never/heard/of",
}

func TestEverythingElsePasses(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		passing := slices.Clone(plain)
		for method, c := range classes {
			if c == needs || c == turns {
				passing = append(passing, method)
			}
		}
		for _, method := range passing {
			require.Equal(t, []string{fmt.Sprintf(`{"id":1,"result":{"of":%q,"params":{"a":1}}}`, method)}, s.ask(request(1, method, `{"a":1}`)))
		}
		require.Equal(t, passing, s.child.Methods()[3:])
	})
}

func TestNotificationsOfTheClientPassInOrder(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		s.ask(`{"method":"initialized"}`, request(1, "thread/list", ""), `{"method":"cancelled","params":{"id":1}}`)
		require.Equal(t, []string{"initialized", "thread/list", "cancelled"}, s.child.Methods()[3:])
	})
}

// Each row that carries the token gets a login that another program has stored.
func TestANewerLoginGoesFirst(t *testing.T) {
	for method, c := range classes {
		if c != needs && c != turns {
			continue
		}
		t.Run(strings.ReplaceAll(method, "/", " "), func(t *testing.T) {
			inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
				require.NoError(t, s.store.Replace(context.Background(), *tokens("b", "r2")))
				require.Len(t, s.ask(request(1, method, "")), 1)
				require.Equal(t, []string{"account/login/start", method}, s.child.Methods()[3:])
				require.Equal(t, has("b"), s.child.Login())
			})
		})
	}
}

func TestAClientWithoutExperimentalAPIIsRefusedWhatItNeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, tokens("a", "r"), nil)
		go s.listen()
		defer s.close()
		s.ask(plainHello)
		require.Contains(t, s.child.Lines()[0], `"experimentalApi":true`)
		for line, message := range map[string]string{
			request(1, "thread/queue/list", `{"threadId":"x"}`):                                                        "thread/queue/list requires experimentalApi capability",
			request(1, "thread/start", `{"dynamicTools":[]}`):                                                          "thread/start.dynamicTools requires experimentalApi capability",
			request(1, "account/health/read", ""):                                                                      "account/health/read requires experimentalApi capability",
			request(1, "accountSession/list", `{}`):                                                                    "accountSession/list requires experimentalApi capability",
			request(1, "accountSession/switch", `{"accountId":"a","sessionId":"b"}`):                                   "accountSession/switch requires experimentalApi capability",
			request(1, "account/login/start", `{"type":"chatgptAuthTokens","accessToken":"x","chatgptAccountId":"y"}`): "account/login/start.chatgptAuthTokens requires experimentalApi capability",
		} {
			require.Equal(t, []string{fmt.Sprintf(`{"error":{"code":-32600,"message":%q},"id":1}`, message)}, s.ask(line))
		}
		require.Len(t, s.child.Methods(), 3)
		require.Len(t, s.ask(request(1, "thread/start", `{"dynamicTools":null}`)), 1)
		require.Equal(t, []string{"thread/start"}, s.child.Methods()[3:])
		s.child.Write(`{"method":"thread/readState/changed","params":{}}`)
		s.child.Write(`{"method":"thread/started","params":{}}`)
		require.Equal(t, []string{`{"method":"thread/started","params":{}}`}, s.said())
	})
}

func TestAnOlderChildIsAskedForItsSessions(t *testing.T) {
	adjust := func(_ *site, o *Options) { o.Surface = func() *surface.Table { return &surface.Table{} } }
	inBubble(t, tokens("a", "r"), adjust, func(t *testing.T, s *site) {
		s.ask(request(1, "accountSession/list", ""))
		require.Equal(t, "accountSession/list", s.child.Methods()[3])
	})
}

func TestOtherMembersAndOptOutsOfTheClientStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, tokens("a", "r"), nil)
		go s.listen()
		defer s.close()
		s.ask(`{"id":"hello","method":"initialize","params":{"clientInfo":{"name":"editor","version":"9","more":"<&>"},"trace":[1],"capabilities":{"experimentalApi":false,"attestation":{"x":1},"optOutNotificationMethods":["a/b"]}}}`)
		require.Equal(t, `{"id":"front/0","method":"initialize","params":{"capabilities":{"attestation":{"x":1},"experimentalApi":true,`+
			`"optOutNotificationMethods":["a/b","account/updated","account/login/completed"]},"clientInfo":{"name":"editor","version":"9","more":"<&>"},"trace":[1]}}`, s.child.Lines()[0])
	})
}

func TestBeforeInitializeLinesPassAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, tokens("a", "r"), nil)
		go s.listen()
		defer s.close()
		require.Contains(t, s.ask(request(1, "thread/list", ""))[0], `"of":"thread/list"`) // a real one says "Not initialized"
		require.Contains(t, s.ask(request(2, "getAuthStatus", ""))[0], "Not initialized")
		require.Len(t, s.ask(hello), 1)
		require.Contains(t, s.ask(hello)[0], "Already initialized")
		require.Equal(t, []string{"thread/list", "initialize", "account/read", "account/login/start"}, s.child.Methods())
	})
}

// The client hears of logins from bezoar, also if the child does not know of opt-outs.
func TestTheChildsNewsOfItsLoginAreNotHandedOn(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		s.child.Write(`{"method":"account/updated","params":{}}`)
		s.child.Write(`{"method":"account/login/completed","params":{}}`)
		s.child.Write(`{"method":"account/rateLimits/updated","params":{}}`)
		require.Equal(t, []string{"account/rateLimits/updated"}, methodsSaid(s.said()))
	})
}

// A turn waits for a refresh, and what the client sent behind it waits too.
func TestARequestDoesNotOvertakeATurnThatWaits(t *testing.T) {
	inBubble(t, aged(tokens("a", "r")), nil, func(t *testing.T, s *site) {
		s.issuer.give(grants("b", "r2"))
		require.Empty(t, s.ask(request(1, "turn/start", "")))
		require.Empty(t, s.ask(request(2, "thread/list", "")))
		time.Sleep(s.issuer.takes)
		require.Equal(t, []string{"id 1", "id 2"}, methodsSaid(s.said()))
		require.Equal(t, has("b"), s.child.Login())
	})
}

func TestRequestsOfTheChildKeepTheirIDs(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		line := `{"method":"item/commandExecution/requestApproval","id":0,"params":{}}`
		s.child.Write(line)
		require.Equal(t, []string{line}, s.said())
		answer := `{"result" : {"decision":"accept"},"id":0}`
		s.ask(answer)
		require.Equal(t, answer, s.child.Lines()[3])
	})
}

func TestAPlainClientIsAskedWithoutWhatIsExperimental(t *testing.T) {
	const begin, end = `{"id" : 0,"method":"item/commandExecution/requestApproval","params":`, `, "more":1}`
	const full = begin + `{"itemId":"i","additionalPermissions":{"network":null},"availableDecisions":["accept"]}` + end
	for greeting, want := range map[string]string{hello: full, plainHello: begin + `{"availableDecisions":["accept"],"itemId":"i"}` + end} {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, tokens("a", "r"), nil)
			go s.listen()
			defer s.close()
			s.ask(greeting)
			s.child.Write(full)
			require.Equal(t, []string{want}, s.said())
			other := begin + `{"itemId":"i"}` + end
			s.child.Write(other)
			require.Equal(t, []string{other}, s.said())
		})
	}
}

func TestAnAnswerOfTheClientOvertakesTheQueue(t *testing.T) {
	adjust := func(s *site, _ *Options) { s.child.On("account/login/start", fronttestOpen) }
	inBubble(t, tokens("a", "r"), adjust, func(t *testing.T, s *site) {
		s.ask(request(1, "turn/start", ""), `{"id":7,"result":{}}`)
		require.Equal(t, []string{"initialize", "account/read", "account/login/start", "answer"}, s.child.Methods())
	})
}

func TestIDsOfBezoarAreTaken(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		require.Contains(t, s.ask(request(`"front/0"`, "thread/list", ""))[0], "are taken")
		require.Contains(t, s.ask(request(`"front\/0"`, "thread/list", ""))[0], "are taken")
		s.child.Write(`{"method":"item/tool/call","id":"bezoar-0","params":{}}`)
		require.Empty(t, s.said())
		require.Contains(t, s.child.Lines()[3], "are taken")
		s.child.Write(`{"id":"never asked","result":{}}`)
		s.child.Write(`{"id":"front/99","result":{}}`)
		require.Empty(t, s.said())
	})
}

func TestTwoRequestsWithOneIDGetTwoAnswers(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		var held []jsonrpc.Request
		s.child.On("thread/list", func(_ *fronttestChild, r jsonrpc.Request) { r.Params = nil; held = append(held, r) })
		s.ask(strings.Repeat(request(1, "thread/list", "")+"\n", 3))
		for _, r := range held {
			s.child.Answer(r, `{}`)
		}
		require.Len(t, s.said(), 3)
		s.child.Answer(held[0], `{}`)
		require.Empty(t, s.said())
	})
}
