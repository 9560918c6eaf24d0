package front

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// overloads is a child that answers after a while, and refuses as Codex does when more than
// 128 requests wait.
func overloads(takes time.Duration, open *atomic.Int64) func(*fronttestChild, jsonrpc.Request) {
	return func(c *fronttestChild, r jsonrpc.Request) {
		if open.Add(1) > 128 {
			open.Add(-1)
			c.Fail(r, -32001, "Server overloaded; retry later.")
			return
		}
		id := r.ID
		time.AfterFunc(takes, func() {
			open.Add(-1)
			c.Answer(jsonrpc.Request{ID: id}, `{}`)
		})
	}
}

func TestAStormIsAnsweredInFull(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		s.child.On("model/list", overloads(300*time.Millisecond, new(atomic.Int64)))
		begun := time.Now()
		for n := range 300 {
			s.send(request(n, "model/list", ""))
			for m := range 3 {
				s.send(request(1000+3*n+m, "getAuthStatus", ""))
			}
		}
		require.Len(t, s.said(), 900, "account answers wait for nothing")
		require.Equal(t, time.Duration(0), time.Since(begun))
		time.Sleep(time.Second)
		said := s.said()
		require.Len(t, said, 300)
		require.NotContains(t, strings.Join(said, ""), "error")
	})
}

// Work that takes long must not keep other requests from the child.
func TestRequestsThatTakeLongDoNotFillTheWindow(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		for n := range 150 { // those that are answered count neither now nor when they are old
			s.send(request(n, "thread/list", ""))
		}
		said := s.said()
		time.Sleep(2 * youth) // the last answers of a burst may wait for a millisecond
		require.Len(t, append(said, s.said()...), 150)
		answered := len(s.child.Lines())
		s.child.On("command/exec", fronttestOpen)
		for n := range 250 {
			s.send(request(n, "command/exec", ""))
		}
		s.send(request(1000, "thread/list", ""))
		require.Empty(t, s.said())
		require.Len(t, s.child.Lines(), answered+window)
		time.Sleep(2 * youth)
		synctest.Wait()
		require.Equal(t, []string{"id 1000"}, methodsSaid(s.said()))
	})
}

func TestABackendThatHangsDoesNotFillTheMemory(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		s.child.Hang()
		var sent atomic.Int64
		line := request(1, "thread/list", `{"a":"`+strings.Repeat("x", 64<<10)+`"}`) + "\n"
		go func() {
			for {
				if _, err := io.WriteString(s.input, line); err != nil {
					return
				}
				sent.Add(int64(len(line)))
			}
		}()
		time.Sleep(time.Second) // a write to the child holds the reading for a millisecond
		synctest.Wait()
		require.Less(t, sent.Load(), int64(queueBytes+8<<20))
		require.Greater(t, sent.Load(), int64(queueBytes))
		s.child.Die()
	})
}

// Neither those that count for no window nor those that have left it may pile up.
func TestLinesToAChildThatHangsPileUpNowhere(t *testing.T) {
	for _, line := range []string{`{"method":"x/y","params":"` + strings.Repeat("x", 64<<10) + `"}`, request(1, "thread/list", `{"a":"`+strings.Repeat("x", 64<<10)+`"}`)} {
		inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
			s.child.Hang()
			var sent atomic.Int64
			go func() {
				for sent.Load() < 128<<20 {
					if _, err := io.WriteString(s.input, line+"\n"); err != nil {
						return
					}
					sent.Add(int64(len(line)))
				}
			}()
			time.Sleep(30 * time.Second)
			synctest.Wait()
			require.Less(t, sent.Load(), int64(queueBytes+12<<20))
			s.child.Die()
		})
	}
}

func TestAnswersToAChildThatHangsDoNotFillTheMemory(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		s.child.Hang()
		var sent atomic.Int64
		line := `{"id":1,"result":"` + strings.Repeat("x", 64<<10) + "\"}\n"
		go func() {
			for sent.Load() < 64<<20 {
				if _, err := io.WriteString(s.input, line); err != nil {
					return
				}
				sent.Add(int64(len(line)))
			}
		}()
		synctest.Wait()
		require.Less(t, sent.Load(), int64(8<<20))
		s.child.Die()
	})
}

// A client that does not read holds its child, and gets everything when it reads again.
func TestASlowClientLosesNothingAndCostsNoMemory(t *testing.T) {
	const count, size = 100_000, 1 << 10
	synctest.Test(t, func(t *testing.T) {
		s := open(t, tokens("a", "r"), nil)
		lines := bufio.NewReaderSize(s.output, 1<<16)
		s.send(hello)
		_, err := lines.ReadSlice('\n')
		require.NoError(t, err)
		synctest.Wait()
		var written atomic.Int64
		go func() {
			var b bytes.Buffer
			for n := range count {
				fmt.Fprintf(&b, `{"method":"item/delta","params":{"n":%d,"text":"`, n)
				b.WriteString(strings.Repeat("x", size-b.Len()%size-4) + "\"}}\n")
				if b.Len() >= 64<<10 || n == count-1 {
					s.child.WriteRaw(b.Bytes())
					written.Add(int64(b.Len()))
					b.Reset()
				}
			}
		}()
		synctest.Wait()
		require.Less(t, written.Load(), int64(5<<20), "while the client reads nothing")
		require.NotContains(t, s.child.Methods(), "item/delta")
		for n := range count {
			line, err := lines.ReadSlice('\n')
			require.NoError(t, err)
			if want := fmt.Sprintf(`{"method":"item/delta","params":{"n":%d,`, n); !bytes.HasPrefix(line, []byte(want)) {
				require.Fail(t, "out of order", "%s", line)
			}
		}
		go io.Copy(io.Discard, lines)
		require.NoError(t, s.close())
	})
}

// While the client reads nothing, its requests to bezoar are taken up, and the child's
// requests for a token answered.
func TestASlowClientHoldsItsOwnConnectionOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := open(t, tokens("a", "r"), nil), open(t, tokens("b", "r2"), nil)
		go two.listen()
		one.send(hello)
		require.Len(t, two.ask(hello), 1)
		go one.child.WriteRaw([]byte(strings.Repeat(`{"method":"item/delta","params":{"text":"`+strings.Repeat("x", 1000)+"\"}}\n", 8<<10)))
		synctest.Wait()
		require.Len(t, two.ask(request(1, "thread/list", "")), 1)
		require.NoError(t, two.close())
		go io.Copy(io.Discard, one.output)
		require.NoError(t, one.close())
	})
}

func TestManyGoroutinesMayStopAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, tokens("a", "r"), nil)
		go s.listen()
		s.ask(hello)
		var all sync.WaitGroup
		for range 10 {
			all.Go(s.front.Stop)
			all.Go(func() { s.front.Counts() })
		}
		all.Wait()
		require.NoError(t, s.close())
	})
}
