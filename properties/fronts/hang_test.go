package fronts

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// What the property may miss in a short run.

var brisk = manners{Requests: []manner{{}}, Pushes: []time.Duration{0}}

func TestHungChildHoldsALoginForSecondsAndReadsNotAtAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, "a login", brisk, false, "")
		s.client.initialize(true)
		synctest.Wait()
		s.child.hang()
		deeds["the client logs in with a key"].do(s, 0)
		synctest.Wait()
		login := s.client.asks[1]
		require.Empty(t, login.answers)
		for n := range ourReads {
			deeds["the client reads"].do(s, n)
			synctest.Wait()
			require.Len(t, s.client.asks[2+n].answers, 1, "a read waits for the child")
		}
		time.Sleep(5*time.Second + time.Millisecond)
		synctest.Wait()
		require.Len(t, login.answers, 1, "the answer about a login waits for more than five seconds")
		s.end()
		s.judge()
	})
}

// A process serves one client after another: nothing of them may stay.
func TestConnectionsLeaveNothingBehind(t *testing.T) {
	const connections, most = 200, 2 << 20
	once := func(n int) {
		synctest.Test(t, func(t *testing.T) { // it fails if a goroutine stays
			s := open(t, "a login", brisk, true, "")
			s.client.initialize(true)
			synctest.Wait()
			for _, each := range []string{"the client begins a turn", "the child wants approval", "the child wants another token", "the client logs out"} {
				deeds[each].do(s, n)
			}
			if n%3 == 0 {
				s.child.die()
			}
			synctest.Wait()
			s.end()
			s.judge()
		})
	}
	once(0)
	before := heap()
	for n := range connections {
		once(n)
	}
	after := heap()
	require.Less(t, after, before+most, "%d connections leave this behind", connections)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A line without an end fills no memory, at either end.
func TestEndlessLineIsDropped(t *testing.T) {
	const lineLimit, written, most = 1 << 20, 64 << 20, 16 << 20
	for _, of := range []string{"client", "child"} {
		t.Run(of, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := openWiresOf(t, true, lineLimit)
				to := map[string]interface{ Write([]byte) (int, error) }{"client": w.input, "child": w.ofChild}[of]
				chunk := make([]byte, 1<<20)
				for i := range chunk {
					chunk[i] = 'x'
				}
				before := heap()
				for range written / len(chunk) {
					_, err := to.Write(chunk)
					require.NoError(t, err)
				}
				require.Less(t, heap(), before+most)
				w.send(to, "\n")
				w.send(w.input, fmt.Sprintln(`{"id":7,"method":"thread/list"}`))
				synctest.Wait()
				require.Equal(t, []string{`{"id":7, "result":{}}`}, w.clientHeard())
				w.close()
			})
		})
	}
}
