package jsonrpc

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCallGetsItsAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, Options{}, answerStatus)
		var calls sync.WaitGroup
		calls.Go(func() {
			result, err := p.c.Call(t.Context(), "give", map[string]int{"a": 1})
			require.NoError(t, err)
			require.JSONEq(t, `{"b":2}`, string(result))
		})
		require.Equal(t, `{"id":0,"method":"give","params":{"a":1}}`, p.line())
		calls.Go(func() {
			_, err := p.c.Call(t.Context(), "refuse", nil)
			require.Equal(t, &Error{Code: -7, Message: "no"}, err)
		})
		require.Equal(t, `{"id":1,"method":"refuse"}`, p.line())
		// Answers to no call: another id, a string, a second and a third answer.
		p.send(`{"id":2,"result":{}}` + "\n" + `{"id":"0","result":{}}` + "\n")
		p.send(`{"id":1,"error":{"code":-7,"message":"no"}}` + "\n" + `{"id":0,"result":{"b":2}}` + "\n" +
			strings.Repeat(`{"id":0,"result":{}}`+"\n", 2))
		calls.Wait()
		p.end()
	})
}

func TestResultOutlivesTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, Options{}, answerStatus)
		results := make(chan string)
		go func() {
			result, _ := p.c.Call(t.Context(), "give", nil)
			time.Sleep(time.Hour)
			results <- string(result)
		}()
		p.line()
		p.send(`{"id":0,"result":"mine"}` + "\n")
		for range 2 {
			p.send(polls(1000))
			p.statuses(1000)
		}
		require.Equal(t, `"mine"`, <-results)
		p.end()
	})
}

func TestCallEndsWithItsContextAndALateAnswerIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, Options{}, answerStatus)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		ended := make(chan error)
		go func() {
			_, err := p.c.Call(ctx, "give", nil)
			ended <- err
		}()
		p.line()
		require.ErrorIs(t, <-ended, context.DeadlineExceeded)
		require.Empty(t, p.c.calls.waiting)
		p.send(`{"id":0,"result":{}}` + "\n" + fmt.Sprintf(poll, 0))
		require.Equal(t, status(0), p.line())
		p.end()
	})
}

func TestCallsEndWithTheInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, Options{}, answerStatus)
		answered, waiting := make(chan error, 1), make(chan error, 1)
		go func() {
			_, err := p.c.Call(t.Context(), "a", nil)
			answered <- err
		}()
		p.line()
		go func() {
			_, err := p.c.Call(t.Context(), "b", nil)
			waiting <- err
		}()
		p.line()
		p.send(`{"id":0,"result":{}}`) // the last line
		p.in.Close()
		require.NoError(t, <-answered)
		require.ErrorIs(t, <-waiting, ErrClosed)
		_, err := p.c.Call(t.Context(), "c", nil)
		require.ErrorIs(t, err, ErrClosed)
		p.line()
		p.end()
	})
}

func TestAnswerBeforeTheEndOfTheInputCounts(t *testing.T) {
	for range 20 { // both are ready when Call looks, and select chooses either
		synctest.Test(t, func(t *testing.T) {
			p := connect(t, Options{}, answerStatus)
			go io.Copy(io.Discard, p.lines) //nolint:errcheck
			_, err := p.c.Call(t.Context(), "give", marshaler(func() {
				p.send(`{"id":0,"result":{}}`)
				p.end()
			}))
			require.NoError(t, err)
		})
	}
}

// marshaler runs a function while it is encoded.
type marshaler func()

func (m marshaler) MarshalJSON() ([]byte, error) { m(); return []byte("{}"), nil }

func TestCallWithBadParamsSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, Options{}, answerStatus)
		_, err := p.c.Call(t.Context(), "give", make(chan int))
		require.ErrorContains(t, err, "give")
		p.end()
		require.Zero(t, p.writes.Load())
	})
}
