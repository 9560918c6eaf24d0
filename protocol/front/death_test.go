package front

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	endedAnswer     = `{"error":{"code":-32603,"message":"the backend has ended"},"id":1}`
	endedByUsAnswer = `{"error":{"code":-32603,"message":"bezoar has ended, and the backend before its answer"},"id":1}`
)

// A turn that waits for a push is no less open than others when the child dies.
func TestATurnThatWaitsForAPushIsAnsweredAtTheEnd(t *testing.T) {
	waiting := func(t *testing.T, answer string, end func(s *site)) {
		inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
			s.child.On("account/login/start", fronttestOpen)
			require.NoError(t, s.engine.Login(context.Background(), *tokens("b", "r2")))
			require.Empty(t, s.ask(request(1, "turn/start", "")))
			end(s)
			require.Equal(t, []string{answer}, s.said())
		})
	}
	t.Run("of the child", func(t *testing.T) { waiting(t, endedAnswer, func(s *site) { s.child.Die() }) })
	t.Run("of the client", func(t *testing.T) {
		waiting(t, endedByUsAnswer, func(s *site) {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			_ = s.front.End(ctx)
		})
	})
}

func TestAnAnswerSaysHowTheChildHasEnded(t *testing.T) {
	adjust := func(_ *site, o *Options) { o.HowEnded = func() string { return "it ended with exit code 2" } }
	inBubble(t, tokens("a", "r"), adjust, func(t *testing.T, s *site) {
		s.child.On("thread/list", fronttestOpen)
		s.ask(request(1, "thread/list", ""))
		s.child.Die()
		synctest.Wait()
		require.Contains(t, s.said()[0], `-32603,"message":"the backend has ended: it ended with exit code 2"`)
		require.Contains(t, s.ask(request(2, "thread/list", ""))[0], "exit code 2")
	})
}

// What the client sends in one go has an answer before Serve returns: it is all that is
// read of a client whose child is gone.
func TestLinesUnderWayWhenTheChildEndsAreAnswered(t *testing.T) {
	err := opened(t, nil, func(t *testing.T, s *site) {
		s.ask(hello)
		s.child.Die()
		for n := range 5 {
			time.Sleep(lull - time.Millisecond)
			require.Len(t, s.ask(request(n, "thread/list", "")), 1)
			require.Empty(t, s.served, "it goes on while lines come")
		}
		time.Sleep(2 * lull)
		require.Len(t, s.served, 1, "no more come")
	})
	require.ErrorIs(t, err, ErrChildEnded)
}

func TestAClientThatGoesOnDoesNotKeepADeadChildsFront(t *testing.T) {
	err := opened(t, nil, func(t *testing.T, s *site) {
		s.ask(hello)
		s.child.Die()
		begun := time.Now()
		for len(s.served) == 0 {
			s.ask(request(1, "thread/list", ""))
			time.Sleep(lull / 2)
		}
		require.InDelta(t, hearMost, time.Since(begun), float64(lull))
	})
	require.ErrorIs(t, err, ErrChildEnded)
}
