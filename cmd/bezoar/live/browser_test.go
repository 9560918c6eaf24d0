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
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/engine/enginetest"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/store/memory"
)

// The colours of the ground, as page.css has them.
const (
	lightGround = "rgb(244, 243, 239)"
	darkGround  = "rgb(21, 23, 26)"
)

// TestPageInABrowser shows every state on every screen with made-up data. To look at
// the pictures:
//
//	go test -run TestPageInABrowser -artifacts -outputdir /tmp/pages ./cmd/bezoar/live
func TestPageInABrowser(t *testing.T) {
	t.Parallel()
	all := states(t)
	before := map[machine.Phase]machine.Phase{
		machine.ApiKey: machine.NoAuth, machine.Fresh: machine.Stale, machine.Stale: machine.Fresh, machine.Poisoned: machine.Stale,
	}
	page := openTab(t, true)
	for _, phase := range machine.Phases() {
		w := newWorld(t, all[machine.NoAuth])
		if from, ok := before[phase]; ok {
			w.change(all[from])
			w.recordEverything(t)
			w.change(all[phase])
		}
		w.storm()
		page.visit(w.url)
		page.until("link", "live")
		page.until("now", string(phase))
		for _, screen := range screens {
			page.resize(screen)
			requireLegible(t, page, screen)
			page.photograph(string(phase) + "-" + screen.name)
		}
	}
}

func requireLegible(t *testing.T, page *tab, screen screen) {
	ground := lightGround
	if screen.dark {
		ground = darkGround
	}
	require.Equal(t, ground, page.eval("getComputedStyle(document.body).backgroundColor"), "the page's own style is not in use")
	require.Equal(t, true, page.eval("document.documentElement.scrollWidth <= innerWidth"), "%s: the page scrolls sideways", screen.name)
	require.GreaterOrEqual(t, page.eval(smallestLetters), 12.0, "%s: the letters of the drawings are too small", screen.name)
	require.Equal(t, "", page.eval(touching), "%s: words of a drawing touch something", screen.name)
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

// TestPageFollowsTheEngine has a browser watch an engine from a login to its end: many
// clients ask, and the engine posts once.
func TestPageFollowsTheEngine(t *testing.T) {
	t.Parallel()
	recorder := newRecorder(nil)
	issuer := watched{&scripted{answers: []endpoint.Answer{endpoint.Refused{Reason: history.ReasonReused}}}, recorder}
	ledger := memory.NewLedger(policy.Issuer).Process(1)
	auth := enginetest.Start(engine.Options{
		Policy: policy, Store: memory.NewStore(), Ledger: ledger, AuthorizationServer: issuer, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	t.Cleanup(func() { auth.Close(context.Background()) })
	page := newPage(recorder, Options{Source: auth, Words: plain{}, Version: "0.0.0"})
	url := serve(t, page)
	watching := openTab(t, true)
	watching.visit(url)
	watching.until("now", "NoAuth")
	watching.until("link", "live")

	require.NoError(t, auth.Login(t.Context(), tokens("first", time.Hour)))
	watching.until("now", "Fresh")
	for range 1000 {
		recorder.asked()
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
	requireNoSecret(t, watching.eval("document.documentElement.outerHTML").(string))
}

func TestPageSaysThatTheProgramEnded(t *testing.T) {
	t.Parallel()
	s := newSource(states(t)[machine.Fresh])
	page := newPage(newRecorder(nil), Options{Source: s, Words: plain{}})
	listener, err := listen("127.0.0.1:0")
	require.NoError(t, err)
	ctx, end := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- page.serve(ctx, listener) }()
	watching := openTab(t, true)
	watching.visit(page.url(listener.Addr()))
	watching.until("link", "live")
	end()
	require.NoError(t, <-served)
	watching.until("link", "does not answer")
	watching.until("now", "Fresh")
}

func TestPageWithoutScriptStandsStill(t *testing.T) {
	t.Parallel()
	w := newWorld(t, states(t)[machine.Poisoned])
	page := openTab(t, false)
	page.visit(w.url)
	require.Contains(t, page.eval("document.querySelector('#now').textContent"), "Poisoned")
	require.Contains(t, page.eval("document.querySelector('#link').innerText"), "Reload the page to see what is new.")
	require.Contains(t, page.spoken("image"), "The states of a login, now Poisoned")
}
