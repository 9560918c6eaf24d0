package jsonrpc

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestBurstIsAnsweredInOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, Options{}, answerStatus)
		start := time.Now()
		p.send(polls(200) + `{"id":200,"meth`)
		requireStatuses(t, 200, p.statuses(200))
		require.Zero(t, time.Since(start), "the answers waited for the rest of a line")
		require.EqualValues(t, 1, p.writes.Load())
		p.send(`od":"m"}` + "\n")
		require.Equal(t, status(200), p.line())
		require.EqualValues(t, 2, p.writes.Load())
		p.end()
	})
}

func TestLongBurstLeavesInPipefuls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // in virtual time, so that a slow machine does not reach writeDelay
		var largest, total int
		c := New(strings.NewReader(polls(10_000)), writerFunc(func(lines []byte) (int, error) {
			largest, total = max(largest, len(lines)), total+len(lines)
			return len(lines), nil
		}), Options{})
		require.NoError(t, c.Serve(handler{c: c, request: answerStatus}))
		require.NoError(t, c.Close(t.Context()))
		require.Equal(t, 1_000_000, total)
		require.LessOrEqual(t, largest, batchBytes+100)
	})
}

func TestAnswerFromAnotherGoroutineGoesOutAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, Options{}, func(c *Conn, r Request) {
			go func() {
				time.Sleep(time.Second)
				answerStatus(c, r)
			}()
		})
		start := time.Now()
		p.send(polls(1))
		require.Equal(t, status(0), p.line())
		require.Equal(t, time.Second, time.Since(start))
		p.end()
	})
}

func TestSlowHandlerDoesNotHoldAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, Options{}, func(c *Conn, r Request) {
			if r.Method == "slow" {
				time.Sleep(time.Hour)
			}
			answerStatus(c, r)
		})
		start := time.Now()
		p.send(polls(1) + `{"id":1,"method":"slow"}` + "\n")
		require.Equal(t, status(0), p.line())
		require.LessOrEqual(t, time.Since(start), writeDelay)
		p.c.Notify("meanwhile", nil)
		require.Contains(t, p.line(), "meanwhile")
		require.LessOrEqual(t, time.Since(start), 2*writeDelay)
		require.Equal(t, status(1), p.line())
		require.Equal(t, time.Hour, time.Since(start))
		p.end()
	})
}

func TestClientThatDoesNotReadIsHeldAndLosesNothing(t *testing.T) {
	const asked = 100_000 // ten million bytes of answers
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, Options{}, answerStatus)
		sent := make(chan struct{})
		go func() {
			p.send(polls(asked))
			close(sent)
		}()
		time.Sleep(time.Hour)
		select {
		case <-sent:
			t.Fatal("the client was not held")
		default:
		}
		require.InDelta(t, 4<<20, p.taken.Load()*100, 100)
		requireStatuses(t, asked, p.statuses(asked))
		<-sent
		p.end()
	})
}

// Twenty times the queue goes through it. A new buffer for each Write would
// make at least that much garbage.
func TestSlowClientDoesNotMakeGarbageOfWhatItReads(t *testing.T) {
	const asked, answer, queue = 20_000, 1000, 1 << 20
	result := []byte(`"` + strings.Repeat("x", answer) + `"`)
	synctest.Test(t, func(t *testing.T) {
		c := New(strings.NewReader(polls(asked)), writerFunc(func(lines []byte) (int, error) {
			time.Sleep(2 * writeDelay)
			return len(lines), nil
		}), Options{QueueLimitBytes: queue})
		before := allocatedBytes()
		require.NoError(t, c.Serve(handler{c: c, request: func(c *Conn, r Request) { c.ReplyRaw(r.ID, result) }}))
		require.NoError(t, c.Close(t.Context()))
		require.Less(t, allocatedBytes()-before, uint64(asked*answer/2))
	})
}

func TestAnswersBeyondTheMarkHoldOnlyTheReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var answered sync.WaitGroup
		p := connect(t, Options{QueueLimitBytes: 1000}, func(c *Conn, r Request) {
			answered.Go(func() {
				<-release
				answerStatus(c, r)
			})
		})
		p.send(polls(100))
		synctest.Wait() // all are taken up
		close(release)
		answered.Wait() // though the client reads nothing
		go p.send(polls(100))
		time.Sleep(time.Hour)
		require.EqualValues(t, 100, p.taken.Load())
		p.statuses(200)
		p.end()
	})
}

// With any pauses of client and handler, shorter and longer than writeDelay, every request
// is answered once, and the answers of the handler come in the order of the requests.
func TestAnswersKeepTheirOrderUnderAnyTiming(t *testing.T) {
	type behaviour struct{ pause, hold, later, reading time.Duration }
	tenths := rapid.SampledFrom([]time.Duration{0, 0, 0, 1, 9, 10, 11, 25})
	draw := func(t *rapid.T, what string) time.Duration { return tenths.Draw(t, what) * writeDelay / 10 }
	requests := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) behaviour {
		return behaviour{draw(t, "pause"), draw(t, "hold"), draw(t, "later"), draw(t, "reading")}
	}), 1, 30)
	limits := rapid.SampledFrom([]int{1, 250, 1 << 20})

	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(t *rapid.T) {
			asked := requests.Draw(t, "requests")
			p := connect(t, Options{QueueLimitBytes: limits.Draw(t, "limit")}, func(c *Conn, r Request) {
				b := asked[r.ID.integer]
				time.Sleep(b.hold)
				if b.later == 0 {
					answerStatus(c, r)
					return
				}
				time.AfterFunc(b.later, func() { answerStatus(c, r) })
			})
			go func() {
				for id, b := range asked {
					time.Sleep(b.pause)
					p.send(fmt.Sprintf(poll, id))
				}
			}()
			answered, last := map[int]bool{}, -1
			for _, b := range asked {
				time.Sleep(b.reading)
				var id int
				_, err := fmt.Sscanf(p.line(), `{"id":%d,`, &id)
				require.NoError(t, err)
				require.False(t, answered[id], "%d is answered twice", id)
				answered[id] = true
				if asked[id].later == 0 {
					require.Less(t, last, id)
					last = id
				}
			}
			p.end()
		})
	})
}

func TestManyPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	const asked = 100_000
	p := connect(t, Options{}, answerStatus)
	go p.send(polls(asked))
	requireStatuses(t, asked, p.statuses(asked))
	p.end()
}

// The reading goroutine and others answer a hundred thousand requests while notifications
// are sent: no line is torn or lost, none is overtaken by a later one of the same goroutine,
// and there are never two Writes at once.
func TestManyGoroutinesShareTheWayOut(t *testing.T) {
	const writers, each = 8, 2000
	var output bytes.Buffer
	var inWrite atomic.Int64
	c := New(strings.NewReader(polls(writers*each)), writerFunc(func(lines []byte) (int, error) {
		if inWrite.Add(1) > 1 {
			t.Error("two Writes at once")
		}
		defer inWrite.Add(-1)
		return output.Write(lines)
	}), Options{QueueLimitBytes: 10_000})
	var others sync.WaitGroup
	for w := range writers {
		others.Go(func() {
			for n := range each {
				c.Notify(strconv.Itoa(w), n)
			}
		})
	}
	direct := 0
	require.NoError(t, c.Serve(handler{c: c, request: func(c *Conn, r Request) {
		if direct++; direct%2 == 0 {
			others.Go(func() { answerStatus(c, r) })
			return
		}
		answerStatus(c, r)
	}}))
	others.Wait()
	require.NoError(t, c.Close(t.Context()))
	requireSharedOutput(t, output.String(), writers, each)
}

func requireSharedOutput(t *testing.T, output string, writers, each int) {
	t.Helper()
	next := make([]int, writers) // per notifying goroutine
	nextDirect := 0              // the even ids
	answered := map[int]bool{}
	for line := range strings.Lines(output) {
		var writer, n, id int
		if _, err := fmt.Sscanf(line, `{"method":"%d","params":%d,"emittedAtMs":`, &writer, &n); err == nil {
			require.Equal(t, next[writer], n)
			next[writer]++
			continue
		}
		_, err := fmt.Sscanf(line, `{"id":%d,`, &id)
		require.NoError(t, err, "%q", line)
		require.Equal(t, status(id)+"\n", line)
		require.False(t, answered[id])
		answered[id] = true
		if id%2 == 0 {
			require.Equal(t, nextDirect, id)
			nextDirect += 2
		}
	}
	require.Len(t, answered, writers*each)
	for _, n := range next {
		require.Equal(t, each, n)
	}
}
