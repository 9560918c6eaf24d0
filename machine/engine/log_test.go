package engine_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

// change is a line of the log about a change of the state.
type change struct {
	Level, Msg                        string
	From, To, Trigger, Reason, Access string
	Key                               string
}

// lines is what one more process on the site logs while something is done with it.
func (s *site) lines(do func()) (text string, said []change) {
	var log bytes.Buffer
	s.restart(func(o *engine.Options) { o.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
	do()
	s.Engine.Close(ended())
	for line := range bytes.Lines(log.Bytes()) {
		var c change
		require.NoError(s.t, json.Unmarshal(line, &c))
		said = append(said, c)
	}
	return log.String(), said
}

// logged are the lines about changes of the state alone. No secret may be among
// all of them.
func (s *site) logged(do func()) []change {
	text, said := s.lines(do)
	stored := s.stored()
	require.NotContains(s.t, text, stored.AccessToken.Reveal())
	require.NotContains(s.t, text, stored.RefreshToken.Reveal())
	return slices.DeleteFunc(said, func(c change) bool { return c.Msg != "state changed" })
}

func TestLogHasOneLineForEachChange(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		first := s.stored()
		key, access := policy.TokenID(first).Short(), first.AccessToken.Fingerprint().Short()
		found := change{"INFO", "state changed", "NoAuth", "Fresh", "LoadedFresh", "", access, key}
		changes := s.logged(func() {
			s.asking(demand)
			s.answer(refused(history.ReasonReused))
			s.asking(poll)
		})
		require.Equal(t, []change{
			found,
			{"INFO", "state changed", "Fresh", "Stale", "RefreshDemanded", "", access, key},
			{"WARN", "state changed", "Stale", "Poisoned", "RefreshFailedPermanent", string(history.ReasonReused), access, key},
		}, changes)
		require.Equal(t, []change{
			{"INFO", "state changed", "NoAuth", "Poisoned", "LoadedRefused", string(history.ReasonReused), access, key},
		}, s.logged(func() { s.asking(poll) }), "how a login is found is no warning")
	})
}

func TestATokenSetThatIsInMemoryAloneIsAWarning(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		levels := map[string]string{} // by trigger
		for _, each := range s.logged(func() {
			unsaved(s)
			s.store.isFull.Store(false)
			time.Sleep(time.Minute)
			s.asking(poll)
		}) {
			levels[each.Trigger] = each.Level
		}
		require.Equal(t, "WARN", levels["RefreshSucceeded"])
		require.Equal(t, "INFO", levels["SaveSucceeded"])
	})
}

func TestLogHasNoWarningWhenAllIsWell(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		_, said := s.lines(func() {
			demanding, next := s.asking(demand), login("next", time.Hour)
			s.answer(granted(next))
			demanding.gives(next.AccessToken)
			require.NoError(t, s.Login(t.Context(), otherAccount("another")))
			require.NoError(t, s.logout())
			synctest.Wait()
		})
		for _, each := range said {
			require.Equal(t, "INFO", each.Level, each.Msg)
		}
		require.Len(t, s.entries(persist.Revoked), 1)
	})
}
