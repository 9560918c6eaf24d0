package login

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

func TestLoginHasTenMinutes(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		begunAt := time.Now()
		attempt, _ := w.started()
		require.EqualError(t, attempt.Wait(), "Login timed out")
		require.Equal(t, 10*time.Minute, time.Since(begunAt))
	})
}

func TestCancelledLoginEndsAndFreesItsPort(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		attempt, _ := w.started()
		accepted := false
		require.True(t, w.manager.Cancel(attempt.ID, func() {
			accepted = true
			require.False(t, isOver(attempt), "accepted comes first")
		}))
		require.True(t, accepted)
		require.EqualError(t, attempt.Wait(), "Login server error: Login was not completed")
		require.ErrorIs(t, attempt.Wait(), NotCompleted)
		require.False(t, w.manager.Cancel(attempt.ID, func() { t.Error("accepted twice") }))
		require.Zero(t, w.network.listeners())
	})
}

func TestCancelNeedsTheIDOfTheLogin(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		require.False(t, w.manager.Cancel(newID(), nil))
		attempt, _ := w.started()
		require.False(t, w.manager.Cancel(newID(), nil))
		synctest.Wait()
		require.False(t, isOver(attempt))
	})
}

func TestLoginThatWasSavedIsNotCancelledAnyMore(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		attempt, back := w.started()
		w.visit(back)
		require.False(t, w.manager.Cancel(attempt.ID, func() { t.Error("accepted") }))
		savedAt := time.Now()
		require.NoError(t, attempt.Wait())
		require.Less(t, time.Since(savedAt), time.Second, "the port is free: /success is not waited for")
	})
}

func TestEndWaitsForASaveThatHasBegun(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.disk.slow = func() { time.Sleep(3 * time.Second) }
		attempt, back := w.started()
		go w.visit(back)
		synctest.Wait()
		require.Equal(t, 1, w.disk.calls)
		require.Empty(t, w.disk.logins())

		brief, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, w.manager.End(brief), context.DeadlineExceeded)
		require.NoError(t, w.manager.End(t.Context()))
		require.Len(t, w.disk.logins(), 1)
		require.NoError(t, attempt.Wait())
	})
}

func TestLoginAfterCloseEndsAtOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		before, _ := w.started()
		require.NoError(t, w.manager.Close(t.Context()))
		require.ErrorIs(t, before.Wait(), NotCompleted)
		closedAt := time.Now()
		require.ErrorIs(t, w.manager.Browser().Wait(), NotCompleted)
		require.ErrorIs(t, w.manager.Device().Wait(), NotCompleted)
		require.Equal(t, closedAt, time.Now())
		require.Zero(t, w.network.listeners())
	})
}

func TestCancelDuringTheExchangePreventsTheSave(t *testing.T) {
	for _, call := range []issuer.Call{issuer.Exchange, issuer.KeyExchange} {
		t.Run(string(call), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.issuer.Script(call, issuer.Step{After: issuer.Pause{For: 5 * time.Second}})
				attempt, back := w.started()
				page := make(chan reply, 1)
				go func() { page <- w.visit(back) }()
				synctest.Wait()
				require.True(t, w.manager.Cancel(attempt.ID, nil))
				require.EqualError(t, attempt.Wait(), "Login server error: Login was not completed")
				require.Contains(t, (<-page).body, "Login was not completed")
				require.Zero(t, w.disk.calls)
			})
		})
	}
}

func TestClientMayWriteALoginsIDInItsOwnWay(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		attempt, _ := w.started()
		require.True(t, w.manager.Cancel(strings.ToUpper(strings.ReplaceAll(attempt.ID, "-", "")), nil))
	})
}

func TestLoginWaitsForTheSaveOfTheOneBefore(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.disk.slow = func() { time.Sleep(3 * time.Second) }
		first, back := w.started()
		go w.visit(back)
		synctest.Wait()
		second := w.manager.Device()
		_, err := second.Prompt()
		require.NoError(t, err)
		require.True(t, isOver(first))
		require.NoError(t, first.Wait())
		require.Len(t, w.disk.logins(), 1)
	})
}

func TestSecondLoginEndsTheFirstAndTakesItsPort(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		first, firstBack := w.started()
		second, back := w.started()
		require.NotEqual(t, first.ID, second.ID)
		require.True(t, isOver(first))
		require.EqualError(t, first.Wait(), "Login server error: Login was not completed")
		require.Equal(t, "127.0.0.1:1455", back.Host)
		require.Equal(t, http.StatusBadRequest, w.visit(firstBack).status)
		require.False(t, w.manager.Cancel(first.ID, nil))
		require.True(t, w.manager.Cancel(second.ID, nil))
	})
}

func TestReplacedLoginNeverStarts(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		silent, err := w.network.listen("127.0.0.1:1455")
		require.NoError(t, err)
		defer silent.Close()
		first := w.manager.Browser()
		synctest.Wait()
		second := w.manager.Browser()
		_, err = first.Prompt()
		require.EqualError(t, err, "failed to start login server: Login was not completed")
		require.Equal(t, err, first.Wait())
		_, err = second.Prompt()
		require.NoError(t, err)
	})
}
