package live

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/front"
)

func countsOf(n uint64) func() front.Counts {
	return func() front.Counts {
		return front.Counts{ToChild: n, ToClient: 2 * n, Pushes: 3, Renewals: 2, Refused: 1, Waiting: n / 100, Open: n / 10}
	}
}

// startChildren has a page with three children: one that serves, one that has just
// started, and one that is over.
func (w *world) startChildren() {
	server := &Server{recorder: w.recorder}
	over := server.Child(4001, countsOf(40))
	over.Is("0.169.0")
	over.Observe(front.Event{Kind: front.ChildFailed, Detail: "it ended with exit code 137 (killed)"})
	over.End()
	serves := server.Child(4002, countsOf(1200))
	serves.Is("0.171.0")
	for _, each := range []front.Event{
		{Kind: front.ClientMet, Detail: "editor 1.4"}, {Kind: front.ChildReady}, {Kind: front.Pushed, Access: secret.New("one" + sentinel).Fingerprint(), Took: 12 * time.Millisecond},
		{Kind: front.Refused, Method: "accountSession/switch", Detail: "a home holds one login"},
		{Kind: front.Renewed, Access: secret.New("two" + sentinel).Fingerprint()},
		{Kind: front.NotRenewed, Detail: "the issuer says this refresh token was already used"},
	} {
		serves.Observe(each)
	}
	server.Child(4003, countsOf(0))
}

func TestPageShowsEachChild(t *testing.T) {
	w := newWorld(t, states(t)[machine.Fresh])
	_, body := get(t, w.url)
	require.Contains(t, body, "No client is connected.")
	w.startChildren()
	_, body = get(t, w.url)
	for _, want := range []string{
		"Behind bezoar: /usr/bin/codex",
		`codex 0.171.0: <span class="login in">signed in with ` + secret.New("two"+sentinel).Fingerprint().Short(),
		`codex (version not known yet): <span class="login starting">starting`, `codex 0.169.0: <span class="login over">ended`,
		"<dd>4002</dd>", "<dd>editor 1.4</dd>", "<dd>1200</dd>", "<dd>2400</dd>", "it ended with exit code 137 (killed)", "acknowledged in 12ms",
		"<dt>messages that wait for it</dt><dd>12</dd>", "<dt>requests without an answer yet</dt><dd>120</dd>",
		"<b>Refused accountSession/switch</b>", "<b>Its token was refused: given another</b>", "<b>Its token was refused, and there is no other</b>",
	} {
		require.Contains(t, body, want)
	}
	require.Less(t, strings.Index(body, "4003"), strings.Index(body, "4002"), "the newest is the first")

	alone := newPage(w.recorder, Options{Source: w.source, Words: plain{}})
	_, body = get(t, serve(t, alone))
	require.NotContains(t, body, "Behind bezoar", "it has no backend")
	require.NotContains(t, alone.metrics(), "bezoar_children")
	require.NotContains(t, string(alone.changes(map[string]string{})), "event: backend")
}

func TestPageFollowsAChild(t *testing.T) {
	w := newWorld(t, states(t)[machine.Fresh])
	events := follow(t, w.url)
	until(t, events, "backend", "No client is connected.")
	child := (&Server{recorder: w.recorder}).Child(7, countsOf(1))
	until(t, events, "backend", "starting")
	child.Observe(front.Event{Kind: front.ChildReady})
	until(t, events, "backend", "signed out")
	child.Observe(front.Event{Kind: front.Pushed, Access: "0123456789abcdef"})
	until(t, events, "backend", "signed in with 01234567")
	child.Observe(front.Event{Kind: front.SignedOut})
	until(t, events, "backend", "signed out")
	child.End()
	until(t, events, "backend", "ended")
}

func TestChildrenThatEndedAreForgottenButCounted(t *testing.T) {
	w := newWorld(t, states(t)[machine.Fresh])
	server := &Server{recorder: w.recorder}
	long := server.Child(1, countsOf(1000))
	for pid := range 10 {
		server.Child(100+pid, countsOf(1)).End()
	}
	for range 3 * childMomentsKept {
		long.Observe(front.Event{Kind: front.ChildGarbage})
	}
	all, total := w.recorder.childrenSeen()
	require.Len(t, all, 1+childrenOverKept)
	require.Equal(t, []int{109, 108, 107, 1}, []int{all[0].pid, all[1].pid, all[2].pid, all[3].pid})
	require.Len(t, all[3].moments, childMomentsKept)
	require.Equal(t, uint64(1010), total.ToChild)
	metrics := w.page.metrics()
	require.Contains(t, metrics, "bezoar_children 1\n")
	require.Contains(t, metrics, `bezoar_passed_total{to="client"} 2020`)
	require.Contains(t, metrics, fmt.Sprintf("bezoar_pushes_total %d\n", 33))
}

func TestNoPageHasNoChild(t *testing.T) {
	var none *Server
	child := none.Child(1, countsOf(1))
	require.Nil(t, child)
	child.Is("1")
	child.Observe(front.Event{})
	child.End()
}

// A front counts under a lock under which it also observes.
func TestPageAsksForCountsWithoutTheRecordersLock(t *testing.T) {
	w := newWorld(t, states(t)[machine.Fresh])
	var child *Child
	child = (&Server{recorder: w.recorder}).Child(1, func() front.Counts {
		child.Observe(front.Event{Kind: front.Refused, Method: "x"})
		return front.Counts{Refused: 7}
	})
	all, total := w.recorder.childrenSeen()
	require.Len(t, all, 1)
	require.Equal(t, uint64(7), total.Refused)
}
