package live

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/diagram"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// scripted gives answers in their order. Its error holds a secret.
type scripted struct{ answers []endpoint.Answer }

func (s *scripted) Refresh(_ context.Context, _ machine.Issuer, token secret.Token, _ endpoint.Cause) endpoint.Answer {
	answer := s.answers[0]
	s.answers = s.answers[1:]
	return answer
}

var errRevoke = errors.New("revoke " + sentinel)

func (s *scripted) Revoke(context.Context, machine.Issuer, machine.Credential) error {
	return errRevoke
}

var everyAnswer = []endpoint.Answer{
	endpoint.Issued{Response: endpoint.TokenResponse{AccessToken: secret.New(sentinel), RefreshToken: secret.New(sentinel)}},
	endpoint.Refused{Reason: history.ReasonReused},
	endpoint.Unavailable{RetryAfter: time.Second},
	endpoint.Unavailable{Lost: true},
	endpoint.Misconfigured{}, endpoint.LoginNeeded{},
}

// recordEverything has a recorder record each kind of moment, and two asks.
func (w *world) recordEverything(t *testing.T) {
	issuer := watched{&scripted{answers: everyAnswer}, w.recorder}
	for _, want := range everyAnswer {
		require.Equal(t, want, issuer.Refresh(t.Context(), policy.Issuer, secret.New(sentinel), endpoint.CauseDemanded), "the answer is passed on")
	}
	require.ErrorIs(t, issuer.Revoke(t.Context(), policy.Issuer, tokens("first", time.Hour)), errRevoke)
	w.recorder.asked()
	w.recorder.asked()
	w.startChildren()
}

func TestMetricsCountPostsByOutcome(t *testing.T) {
	all := states(t)
	w := newWorld(t, all[machine.NoAuth])
	w.recordEverything(t)
	w.change(all[machine.Fresh])
	w.change(all[machine.Stale])
	response, metrics := get(t, w.url+"metrics")
	require.Equal(t, "text/plain; version=0.0.4; charset=utf-8", response.Header.Get("Content-Type"))
	for _, want := range []string{
		`bezoar_state{state="Stale"} 1`, `bezoar_state{state="NoAuth"} 0`, "bezoar_asks_total 2",
		`bezoar_posts_total{outcome="granted"} 1`, `bezoar_posts_total{outcome="refused"} 1`,
		`bezoar_posts_total{outcome="unavailable"} 1`, `bezoar_posts_total{outcome="lost"} 1`,
		`bezoar_posts_total{outcome="misconfigured"} 1`, `bezoar_posts_total{outcome="login_needed"} 1`,
		`bezoar_transitions_total{from="Fresh",to="Stale"} 1`, `bezoar_transitions_total{from="NoAuth",to="Fresh"} 1`,
	} {
		require.Contains(t, metrics, want+"\n")
	}
	require.Equal(t, 1, strings.Count(metrics, "} 1\n")-8, "one state is the present one, besides eight counters")
	for line := range strings.Lines(metrics) { // the text format: a name, labels, a number
		require.Regexp(t, `^(# (HELP|TYPE) bezoar_[a-z_]+ .+|bezoar_[a-z_]+(\{([a-z]+="[A-Za-z_]+",?)+\})? \d+)\n$`, line)
	}
}

// TestAsksAreCountedByTheSecond compares with a map.
func TestAsksAreCountedByTheSecond(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a asks
		model := map[int64]uint32{}
		now := noon.Unix()
		steps := rapid.SliceOf(rapid.IntRange(0, 400)).Draw(t, "seconds between asks")
		for _, step := range steps {
			now += int64(step)
			model[now]++
			a.add(time.Unix(now, 0))
		}
		now += int64(rapid.IntRange(0, 400).Draw(t, "seconds until the look"))
		for i, count := range a.lately(time.Unix(now, 0)) {
			require.Equal(t, model[now-int64(secondsKept-1-i)], count)
		}
		require.EqualValues(t, len(steps), a.total.Load())
	})
}

func TestAsksOfManyGoroutinesAreCounted(t *testing.T) {
	var a asks
	var askers sync.WaitGroup
	for range 8 {
		askers.Go(func() {
			for range 500 {
				a.add(noon)
			}
		})
	}
	askers.Wait()
	require.EqualValues(t, 4000, a.total.Load())
	require.EqualValues(t, 4000, a.lately(noon)[secondsKept-1])
}

func TestRecorderKeepsABoundedPast(t *testing.T) {
	all := states(t)
	r := newRecorder(func() time.Time { return noon })
	for range 3 * momentsKept {
		r.changed(all[machine.Fresh].Snapshot(), all[machine.Stale].Snapshot())
	}
	seen := r.record()
	require.Len(t, seen.moments, momentsKept)
	require.Equal(t, 3*momentsKept, seen.moves[move{machine.Fresh, machine.Stale}])
}

// TestEdgeTellsARefreshFromALogin tells a refresh from a login that came into
// the same state.
func TestEdgeTellsARefreshFromALogin(t *testing.T) {
	all := states(t)
	asking := *all[machine.Fresh]
	asking.Phase, asking.Attempt = machine.Stale, 1
	granted, _, err := machine.Step(asking, machine.RefreshSucceeded{At: at(time.Minute), Attempt: 1, Credential: tokens("next", 2*time.Hour)})
	require.NoError(t, err)
	loggedIn, _, err := machine.Step(asking, machine.LoggedIn{At: at(time.Minute), Credential: tokens("other", 2*time.Hour)})
	require.NoError(t, err)
	require.Equal(t, diagram.Edge{From: machine.Stale, To: machine.Fresh}, edgeOf(asking.Snapshot(), granted.Snapshot()))
	require.Equal(t, diagram.Edge{To: machine.Fresh}, edgeOf(asking.Snapshot(), loggedIn.Snapshot()))
	require.Equal(t, diagram.Edge{To: machine.ApiKey}, edgeOf(all[machine.NoAuth].Snapshot(), all[machine.ApiKey].Snapshot()))
	require.Equal(t, diagram.Edge{From: machine.Stale, To: machine.Poisoned}, edgeOf(asking.Snapshot(), all[machine.Poisoned].Snapshot()))
}

func TestChartShowsTheLastMinutes(t *testing.T) {
	r := newRecorder(func() time.Time { return noon.Add(-time.Hour) })
	r.asks.add(noon.Add(-secondsKept * time.Second)) // too long ago
	for i := range 10 {
		r.asks.add(noon.Add(time.Duration(i/2-4) * time.Second))
	}
	moments := []moment{
		{at: noon.Add(-secondsKept * time.Second), kind: post}, // too long ago
		{at: noon.Add(-time.Minute), kind: post},
		{at: noon, kind: change, to: machine.Assessment{Phase: machine.Fresh}}, {at: noon.Add(-time.Second), kind: change},
		{at: noon, kind: revocation},
	}
	drawn := chart(r, moments, noon)
	require.Contains(t, drawn, "Asks: 10, at most 2 in a second. Posts to the issuer: 1. Changes of state: 1.")
	require.Contains(t, drawn, ">posts to the issuer: 1<")
	require.Contains(t, drawn, ">5 min ago<")
	require.Equal(t, drawn, chart(r, moments, noon))
	empty := chart(newRecorder(nil), nil, noon)
	require.Contains(t, empty, "Asks: 0, at most 0 in a second.")
}

// TestChartGrowsWithTheRecord is for a demo of twenty seconds, which was
// a sliver at the edge of five minutes.
func TestChartGrowsWithTheRecord(t *testing.T) {
	begun := noon
	for after, want := range map[time.Duration]int{0: 60, 20 * time.Second: 60, 2 * time.Minute: 121, time.Hour: secondsKept, -time.Hour: 60} {
		require.Equal(t, want, span(begun, begun.Add(after)), after)
	}
	r := newRecorder(func() time.Time { return begun })
	r.asks.add(begun)
	require.Contains(t, chart(r, nil, begun.Add(time.Second)), ">1 min ago<")
}

// TestLineTellsTheEndOfABlock is about changes
// that lead back to their state.
func TestLineTellsTheEndOfABlock(t *testing.T) {
	page := newPage(newRecorder(nil), Options{Source: newSource(states(t)[machine.Fresh]), Words: plain{}})
	stale, blocked := machine.Assessment{Phase: machine.Stale}, machine.Assessment{Phase: machine.Stale, Reason: "issuer_unavailable"}
	for want, change := range map[string]moment{
		"issuer unavailable":                 {kind: change, from: stale, to: blocked},
		"nothing stands in the way any more": {kind: change, from: blocked, to: stale},
		"":                                   {kind: change, from: stale, to: stale},
	} {
		shown := page.line(change, noon)
		require.Equal(t, "Stale, still", shown.What)
		require.Equal(t, want, shown.More)
	}
}
