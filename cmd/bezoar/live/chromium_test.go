package live

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/store/memory"
)

// The colours of the ground, as page.css has them.
const (
	lightGround = "rgb(244, 243, 239)"
	darkGround  = "rgb(21, 23, 26)"
)

// TestAPersonInARealBrowserSeesEachState shows every state on every screen with
// made-up data. To look at the pictures:
//
//	go test -run RealBrowserSeesEachState -artifacts -outputdir /tmp/pages ./cmd/bezoar/live
func TestAPersonInARealBrowserSeesEachState(t *testing.T) {
	browser := open(t)
	all := states(t)
	before := map[machine.Phase]machine.Phase{
		machine.ApiKey: machine.NoAuth, machine.Fresh: machine.Stale, machine.Stale: machine.Fresh, machine.Poisoned: machine.Stale,
	}
	for _, label := range machine.Phases() {
		w := newWorld(t, all[machine.NoAuth])
		if from, moves := before[label]; moves {
			w.change(all[from])
			w.recordEverything(t)
			w.change(all[label])
		}
		w.storm()
		for _, screen := range screens {
			page := browser.tab(w.url, screen, true)
			page.until("link", "live")
			page.until("now", string(label))
			want := lightGround
			if screen.dark {
				want = darkGround
			}
			require.Equal(t, want, page.eval("getComputedStyle(document.body).backgroundColor"), "the page's own style is not in use")
			require.Equal(t, true, page.eval("document.documentElement.scrollWidth <= innerWidth"), "%s: one has to scroll sideways", screen.name)
			require.GreaterOrEqual(t, page.eval(smallestLetters), 12.0, "%s: the letters of the drawings are too small", screen.name)
			require.Equal(t, "", page.eval(touching), "%s: words of a drawing touch something", screen.name)
			page.photograph(string(label) + "-" + screen.name)
			page.do("Page.close", nil, nil)
		}
	}
	require.Empty(t, browser.complaints(), "the browser complains")
}

// smallestLetters is the size in pixels that the letters of the drawings have.
const smallestLetters = `Math.min(...[...document.querySelectorAll("svg text")].filter(text => text.checkVisibility()).map(text =>
	parseFloat(getComputedStyle(text).fontSize) * text.ownerSVGElement.getScreenCTM().a))`

// touching names the words of a drawing that touch other words, a head, a box or
// the edge of the drawing.
const touching = `(() => {
	const touch = (a, b, by) => a.left - by < b.right && b.left - by < a.right && a.top - by < b.bottom && b.top - by < a.bottom;
	const found = [];
	for (const svg of document.querySelectorAll("svg")) {
		if (!svg.checkVisibility()) continue;
		const texts = [...svg.querySelectorAll("text")], frame = svg.getBoundingClientRect();
		const things = [...svg.querySelectorAll(".edge path:not([fill=none]), .state rect")];
		for (const text of texts) {
			const box = text.getBoundingClientRect(), slack = box.height * .18; // a box of letters is higher than they are
			const inner = {left: box.left, right: box.right, top: box.top + slack, bottom: box.bottom - slack};
			if (box.left < frame.left - 1 || box.right > frame.right + 1) found.push(text.textContent + " leaves the frame");
			for (const other of texts)
				if (other !== text && touch(inner, other.getBoundingClientRect(), -1)) found.push(text.textContent + " and " + other.textContent);
			for (const thing of things)
				if (thing.parentNode !== text.parentNode || thing.tagName === "path")
					if (touch(inner, thing.getBoundingClientRect(), 0)) found.push(text.textContent + " and a " + thing.tagName);
		}
	}
	return found.join("; ");
})()`

// storm has many ask in the last minutes.
func (w *world) storm() {
	random := rand.New(rand.NewPCG(1, 2))
	for second := range 240 {
		for range 1 + random.IntN(40) {
			w.recorder.asks.add(noon.Add(3*time.Minute - time.Duration(240-second)*time.Second))
		}
	}
}

// TestThePageFollowsTheEngine lets a real engine go from a login to its end, and
// a real browser watch: many ask, and the issuer is posted to once.
func TestThePageFollowsTheEngine(t *testing.T) {
	browser := open(t)
	recorder := NewRecorder(nil)
	issuer := recorder.Watch(&scripted{answers: []machine.Answer{machine.Refused{Reason: history.ReasonReused}}})
	ledger := memory.NewLedger(policy.Issuer).Process(1)
	auth := engine.Start(engine.Options{
		Policy: policy, Store: memory.NewStore(), Ledger: ledger, Issuer: issuer, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	t.Cleanup(func() { auth.Close(context.Background()) })
	page := New(Options{Source: auth, Recorder: recorder, Words: plain{}, Version: "0.0.0"})
	url := serve(t, page)
	watching := browser.tab(url, screens[0], true)
	watching.until("now", "NoAuth")
	watching.until("link", "live")

	require.NoError(t, auth.Login(t.Context(), tokens("first", time.Hour)))
	watching.until("now", "Fresh")
	for range 1000 {
		recorder.Asked()
		_, err := auth.Status(t.Context(), machine.Ask{Token: true, Refresh: true})
		require.NoError(t, err)
	}
	watching.until("now", "refresh token reused")
	watching.until("diagram", "The last change led from Stale to Poisoned.")
	watching.until("activity", "1000")
	require.Equal(t, "1000 asks, 1 posts to the issuer, 3 changes of state", watching.eval(
		`[...document.querySelectorAll(".sums div")].map(e => e.querySelector("dd").textContent + " " + e.querySelector("dt").textContent).join(", ")`))
	require.Contains(t, watching.spoken("image"), "The states of a login, now Poisoned")
	require.Equal(t, "polite", watching.eval(`document.querySelector("#now").ariaLive`))
	require.Empty(t, browser.complaints(), "the browser complains")
	requireNoSecret(t, watching.eval("document.documentElement.outerHTML").(string))
}

func TestThePageSaysSoWhenTheProgramHasEnded(t *testing.T) {
	browser := open(t)
	s := &source{followers: make(chan func(from, to *machine.State), 1)}
	s.state.Store(states(t)[machine.Fresh])
	page := New(Options{Source: s, Recorder: NewRecorder(nil), Words: plain{}})
	listener, err := Listen("127.0.0.1:0")
	require.NoError(t, err)
	ctx, end := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- page.Serve(ctx, listener) }()
	watching := browser.tab(page.URL(listener.Addr()), screens[0], true)
	watching.until("link", "live")
	end()
	require.NoError(t, <-served)
	watching.until("link", "does not answer")
	watching.until("now", "Fresh")
}

func TestWithoutAScriptThePageStandsStill(t *testing.T) {
	browser := open(t)
	w := newWorld(t, states(t)[machine.Poisoned])
	page := browser.tab(w.url, screens[0], false)
	require.Contains(t, page.eval("document.querySelector('#now').textContent"), "Poisoned")
	require.Contains(t, page.eval("document.querySelector('#link').innerText"), "Reload the page to see what is new.")
	require.Contains(t, page.spoken("image"), "The states of a login, now Poisoned")
	require.Empty(t, browser.complaints())
}
