package front

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// opened runs a test whose client has not said anything. It returns what Serve returned.
func opened(t *testing.T, adjust func(*site, *Options), test func(t *testing.T, s *site)) (err error) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, tokens("a", "r"), adjust)
		go s.listen()
		test(t, s)
		err = s.close()
	})
	return err
}

func TestARememberedVersionAnswersAtOnce(t *testing.T) {
	adjust := func(s *site, o *Options) { o.Version = "0.169.0"; s.child.On("initialize", fronttestOpen) }
	require.NoError(t, opened(t, adjust, func(t *testing.T, s *site) {
		begun := time.Now()
		said := s.ask(hello, request(1, "getAuthStatus", ""))
		require.Equal(t, []string{`id "hello"`, "id 1"}, methodsSaid(said))
		require.Contains(t, said[0], `"userAgent":"editor/0.169.0 (`)
		require.Equal(t, time.Duration(0), time.Since(begun))
	}))
}

func TestAChildThatIsSlowIsWaitedForForASecond(t *testing.T) {
	adjust := func(s *site, _ *Options) {
		s.child.On("initialize", func(c *fronttestChild, r jsonrpc.Request) {
			id := r.ID
			time.AfterFunc(3*time.Second, func() { c.Answer(jsonrpc.Request{ID: id}, `{"userAgent":"late"}`) })
		})
	}
	require.NoError(t, opened(t, adjust, func(t *testing.T, s *site) {
		s.send(hello)
		require.Empty(t, s.said())
		time.Sleep(welcomeLimit)
		said := s.ask(request(1, "getAuthStatus", ""), request(2, "thread/list", ""))
		require.Equal(t, []string{`id "hello"`, "id 1"}, methodsSaid(said), "account answers wait no longer, and come behind initialize")
		require.Contains(t, said[0], `"userAgent":"editor/0.171.0 (`)
		time.Sleep(2 * time.Second)
		require.Equal(t, []string{"id 2"}, methodsSaid(s.said()), "the child's own answer goes nowhere")
		require.Equal(t, []string{"initialize", "account/read", "account/login/start", "thread/list"}, s.child.Methods())
	}))
}

func TestTheAnswerToInitializeComesFirst(t *testing.T) {
	adjust := func(s *site, _ *Options) {
		s.child.On("initialize", func(c *fronttestChild, r jsonrpc.Request) {
			c.Answer(r, `{"userAgent":"child"}`)
			c.Write(`{"method":"configWarning","params":{}}`)
		})
	}
	require.NoError(t, opened(t, adjust, func(t *testing.T, s *site) {
		said := methodsSaid(s.ask(hello, request(1, "getAuthStatus", "")))
		require.Equal(t, `id "hello"`, said[0])
		require.ElementsMatch(t, []string{"configWarning", "id 1"}, said[1:])
	}))
}

func TestAChildWithALoginOfItsOwnIsNotUsed(t *testing.T) {
	for login, want := range map[string]error{"key sk-own": ErrSignedIn, "tokens own acct": ErrSignedIn, "bedrock x": nil, "": nil} {
		t.Run(login, func(t *testing.T) {
			err := opened(t, func(s *site, _ *Options) { s.child.SetLogin(login) }, func(t *testing.T, s *site) {
				said := s.ask(hello, request(1, "turn/start", ""))
				require.Len(t, said, 2)
				if want != nil {
					require.Contains(t, said[1], "has a login of its own")
					require.NotContains(t, s.child.Methods(), "turn/start")
				}
			})
			require.ErrorIs(t, err, want)
		})
	}
}

func TestAChildThatRefusesInitializeIsNotUsed(t *testing.T) {
	for _, method := range []string{"initialize", "account/read"} {
		t.Run(method, func(t *testing.T) {
			err := opened(t, func(s *site, _ *Options) {
				s.child.On(method, func(c *fronttestChild, r jsonrpc.Request) { c.Fail(r, -32000, "not today") })
			}, func(t *testing.T, s *site) {
				said := s.ask(hello, request(1, "turn/start", ""))
				require.Len(t, said, 2)
				require.Contains(t, said[1], "not today")
			})
			require.ErrorIs(t, err, ErrHandshake)
		})
	}
}

func TestAChildThatHangsAtStartIsGivenUp(t *testing.T) {
	for _, method := range []string{"initialize", "account/read", "account/login/start"} {
		t.Run(method, func(t *testing.T) {
			err := opened(t, func(s *site, _ *Options) { s.child.On(method, fronttestOpen) }, func(t *testing.T, s *site) {
				s.send(hello)
				time.Sleep(welcomeLimit)
				require.Len(t, s.said(), 1)
				s.send(request(1, "turn/start", ""))
				for range 28 {
					time.Sleep(time.Second)
					require.Len(t, s.ask(request(2, "getAuthStatus", "")), 1)
				}
				time.Sleep(time.Second)
				said := s.said()
				require.Len(t, said, 1)
				require.Contains(t, said[0], "was not ready within 30s")
			})
			require.ErrorIs(t, err, ErrHandshake)
		})
	}
}

func TestGarbageOfTheChildIsCountedAndNothingElse(t *testing.T) {
	err := opened(t, func(s *site, _ *Options) { s.child.On("initialize", fronttestOpen) }, func(t *testing.T, s *site) {
		s.send(hello)
		for range 3 {
			s.child.Write(strings.Repeat("no JSON ", 1000))
		}
		time.Sleep(31 * time.Second)
		s.said()
	})
	require.ErrorContains(t, err, "wrote 3 lines that are no messages (24003 bytes)")
}

func TestAnEndlessLineOfTheChildIsNotKept(t *testing.T) {
	err := opened(t, func(s *site, o *Options) {
		o.Child = jsonrpc.New(s.child.Out, s.child.In, jsonrpc.Options{CallPrefix: ChildPrefix, ReadsOn: true, LineLimitBytes: 1 << 20})
	}, func(t *testing.T, s *site) {
		s.ask(hello)
		s.child.On("thread/read", func(c *fronttestChild, r jsonrpc.Request) {
			c.Answer(r, `"`+strings.Repeat("x", 2<<20)+`"`)
		})
		said := s.ask(request(1, "thread/read", ""), request(2, "thread/list", ""))
		require.Len(t, said, 2)
		require.Contains(t, said[0], "cannot be handed on: longer than")
	})
	require.NoError(t, err)
}

func TestWhatIsTooLongForTheFrontIsAnswered(t *testing.T) {
	tooLong := `"` + strings.Repeat("x", 70<<20) + `"`
	lastOf := func(lines []string) string { return lines[len(lines)-1] }
	err := opened(t, nil, func(t *testing.T, s *site) {
		s.ask(hello)
		said := s.ask(request(7, "turn/start", tooLong), request(8, "thread/list", ""))
		require.Len(t, said, 2)
		require.Contains(t, said[0], `"message":"the request is too long: `)
		require.True(t, strings.HasSuffix(said[0], `},"id":7}`), said[0])

		require.Empty(t, s.ask(`{"id":"asked","result":`+tooLong+`}`))
		require.Contains(t, lastOf(s.child.Lines()), "the client's answer of ")
		require.True(t, strings.HasSuffix(lastOf(s.child.Lines()), `},"id":"asked"}`))

		s.child.Write(`{"id":9,"method":"item/tool/call","params":` + tooLong + `}`)
		require.Empty(t, s.said())
		require.Contains(t, lastOf(s.child.Lines()), "the request is too long: ")
		require.True(t, strings.HasSuffix(lastOf(s.child.Lines()), `},"id":9}`))
	})
	require.NoError(t, err)
}

func TestTheChildDiesAtEachPoint(t *testing.T) {
	dies := func(c *fronttestChild, _ jsonrpc.Request) { c.Die() }
	for _, method := range []string{"initialize", "account/read", "account/login/start", "turn/start", "model/list", "thread/list"} {
		for _, version := range []string{"", "0.171.0"} {
			t.Run(strings.ReplaceAll(method, "/", " ")+version, func(t *testing.T) {
				err := opened(t, func(s *site, o *Options) { o.Version = version; s.child.On(method, dies) }, func(t *testing.T, s *site) {
					said := s.ask(hello, request(1, "thread/list", ""), request(2, "turn/start", ""), request(3, "model/list", ""), request(4, "getAuthStatus", ""))
					said = append(said, s.ask(request(5, "thread/read", ""), request(6, "account/read", ""))...)
					answers := map[string]int{}
					for _, each := range methodsSaid(said) {
						answers[each]++
					}
					require.Equal(t, map[string]int{`id "hello"`: 1, "id 1": 1, "id 2": 1, "id 3": 1, "id 4": 1, "id 5": 1, "id 6": 1}, answers, "%v", said)
					require.Contains(t, strings.Join(said, "\n"), `{"error":{"code":-32603,"message":"the backend has ended"},"id":5}`)
					require.Equal(t, 1, s.failures())
				})
				require.ErrorIs(t, err, ErrChildEnded)
			})
		}
	}
}

// failures are how often the child was observed to fail.
func (s *site) failures() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, each := range s.events {
		if each.Kind == ChildFailed {
			n++
		}
	}
	return n
}

func TestAChildThatIsDeadBeforeInitialize(t *testing.T) {
	err := opened(t, func(s *site, _ *Options) { s.child.Die() }, func(t *testing.T, s *site) {
		require.Equal(t, []string{`{"error":{"code":-32603,"message":"the backend has ended"},"id":"hello"}`}, s.ask(hello))
	})
	require.ErrorIs(t, err, ErrChildEnded)
}

// The last lines of a child whose input was closed still reach the client.
func TestTheEndOfTheClientIsTheEndOfTheChild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, tokens("a", "r"), nil)
		go s.listen()
		lines := []string{hello}
		for n := range 300 {
			lines = append(lines, request(n, "thread/list", ""))
		}
		s.send(lines...)
		require.NoError(t, s.close())
		said := methodsSaid(s.said())
		require.Len(t, said, 301)
		require.Equal(t, "id 299", said[300])
		require.Zero(t, s.failures(), "a child that bezoar ends has not failed")
	})
}

func TestAnEndAnswersWhatAChildThatHangsLeavesOpen(t *testing.T) {
	require.NoError(t, opened(t, nil, func(t *testing.T, s *site) {
		s.ask(hello)
		s.child.Hang()
		s.send(request(1, "thread/list", ""), request(2, "turn/start", ""))
		s.input.Close()
		require.NoError(t, <-s.served)
		s.served <- nil
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		require.ErrorIs(t, s.front.End(ctx), context.DeadlineExceeded)
		require.Equal(t, 4*time.Second, time.Since(begun))
		require.ElementsMatch(t, []string{"id 1", "id 2"}, methodsSaid(s.said()))
	}))
}

func TestStopEndsServe(t *testing.T) {
	require.NoError(t, opened(t, nil, func(t *testing.T, s *site) {
		s.ask(hello)
		s.front.Stop()
		require.NoError(t, <-s.served)
		s.served <- nil
	}))
}

func TestAStoppedFrontDoesNotWaitForAChildThatHangs(t *testing.T) {
	require.NoError(t, opened(t, nil, func(t *testing.T, s *site) {
		s.ask(hello)
		s.child.Hang()
		require.NoError(t, s.engine.Login(t.Context(), *apiKey("sk-1"))) // which the child does not acknowledge
		s.send(request(1, "thread/list", ""), request(2, "turn/start", ""))
		synctest.Wait()
		s.front.Stop()
		require.NoError(t, <-s.served)
		s.served <- nil
		closed := s.child.Closed()
		begun := time.Now()
		go s.front.End(t.Context())
		<-closed
		require.Equal(t, stopLimit, time.Since(begun))
		s.child.Die()
	}))
}
