package storetest

import (
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// randomHistory lets processes start, post and die in any order, and
// asks after each step whether the ledger tells the same as a list would.
func randomHistory(t *rapid.T, site LedgerSite) {
	h := &ledgerModel{site: site, posts: map[secret.Fingerprint][]post{}}
	h.start(t)
	t.Repeat(map[string]func(*rapid.T){
		"start":    h.start,
		"crash":    h.crash,
		"write":    h.write,
		"intend":   h.intend,
		"conclude": h.conclude,
		"":         h.check,
	})
	for _, each := range h.running {
		site.Crash(each)
	}
}

var profiles = []string{"", "profile"}

var historyKeys = []secret.Fingerprint{ledgerKey("a"), ledgerKey("b"), ledgerKey("c")}

// ledgerModel is the model: all that was ever written, and the posts that are open.
type ledgerModel struct {
	site    LedgerSite
	running []persist.Ledger
	written []persist.Entry
	posts   map[secret.Fingerprint][]post
	seconds int
}

type post struct {
	by    persist.Ledger
	at    time.Time
	times int
	over  bool // its process is gone: no outcome will be written
}

func (h *ledgerModel) now() time.Time {
	h.seconds++
	return tick(h.seconds)
}

func (h *ledgerModel) start(*rapid.T) { h.running = append(h.running, h.site.Start()) }

func (h *ledgerModel) any(t *rapid.T) persist.Ledger {
	if len(h.running) == 0 {
		t.Skip("no process lives")
	}
	return h.running[rapid.IntRange(0, len(h.running)-1).Draw(t, "process")]
}

func anyKey(t *rapid.T) secret.Fingerprint { return rapid.SampledFrom(historyKeys).Draw(t, "key") }

func (h *ledgerModel) crash(t *rapid.T) {
	dead := h.any(t)
	h.site.Crash(dead)
	h.running = slices.DeleteFunc(h.running, func(each persist.Ledger) bool { return each == dead })
	for _, posts := range h.posts {
		for i := range posts {
			posts[i].over = posts[i].over || posts[i].by == dead
		}
	}
}

func (h *ledgerModel) write(t *rapid.T) {
	kinds := []persist.Kind{persist.Login, persist.Logout, persist.Adopted, persist.Revoked, persist.Deferred, "pardon"}
	e := h.entry(t, "", kinds...)
	if e.Kind == persist.Login || e.Kind == persist.Logout {
		e.TokenID = rapid.SampledFrom(append(historyKeys, "")).Draw(t, "login")
	}
	require.NoError(t, h.any(t).Append(background, e))
	h.written = append(h.written, e)
}

func (h *ledgerModel) entry(t *rapid.T, key secret.Fingerprint, kinds ...persist.Kind) persist.Entry {
	reasons := []history.Reason{history.ReasonReused, history.ReasonInDoubt, history.ReasonUnexplained}
	return persist.Entry{
		Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), At: h.now(), TokenID: key,
		NextID:    rapid.SampledFrom(append(historyKeys, "")).Draw(t, "next"),
		Reason:    rapid.SampledFrom(reasons).Draw(t, "reason"),
		Endpoint:  rapid.SampledFrom([]secret.Fingerprint{LedgerIssuer.EndpointID(), "elsewhere"}).Draw(t, "endpoint"),
		NotBefore: tick(rapid.IntRange(0, 99).Draw(t, "not before")),
		Objection: rapid.SampledFrom([]evidence.BlockReason{"", "", evidence.BlockMisconfigured}).Draw(t, "objection"),
		Profile:   rapid.SampledFrom(profiles).Draw(t, "profile"),
		Lost:      rapid.Bool().Draw(t, "lost"),
		Losses:    rapid.IntRange(0, 3).Draw(t, "losses"),
		Failures:  rapid.IntRange(0, 9).Draw(t, "failures"),
		Method:    rapid.SampledFrom([]machine.Method{machine.MethodTokens, machine.MethodExternal}).Draw(t, "method"),
	}
}

func (h *ledgerModel) intend(t *rapid.T) {
	ledger, key := h.any(t), anyKey(t)
	doubt := history.Doubt{
		Times:       rapid.IntRange(0, h.times(key)).Draw(t, "times in doubt, as the process thinks"),
		AnswersLost: rapid.IntRange(0, h.losses(key)).Draw(t, "answers lost, as the process thinks"),
	}
	e := persist.Entry{Kind: persist.Intended, TokenID: key, At: h.now(), Profile: rapid.SampledFrom(profiles).Draw(t, "profile")}
	err := ledger.Intend(background, e, doubt)
	if doubt.Times < h.times(key) || h.verdictOn(key) != "" || doubt.AnswersLost < h.losses(key) || h.objectsTo(key, e.Profile) {
		require.ErrorIs(t, err, persist.ErrIntended)
		return
	}
	require.NoError(t, err)
	h.posts[key] = append(h.posts[key], post{by: ledger, at: e.At, times: doubt.Times + 1})
	h.written = append(h.written, e)
}

func (h *ledgerModel) conclude(t *rapid.T) {
	ledger, key := h.any(t), anyKey(t)
	outcome := h.entry(t, key, persist.Rotated, persist.Refused, persist.Deferred)
	require.NoError(t, ledger.Conclude(background, key, outcome))
	h.written = append(h.written, outcome)
	isKept := outcome.Kind == persist.Deferred && outcome.NextID != ""
	if isKept || outcome.Kind == persist.Rotated || outcome.Kind == persist.Refused && outcome.Reason != history.ReasonUnexplained {
		delete(h.posts, key)
		return
	}
	for i, each := range slices.Backward(h.posts[key]) {
		if each.by == ledger {
			h.posts[key] = slices.Delete(h.posts[key], i, i+1)
			break
		}
	}
}

func (h *ledgerModel) times(key secret.Fingerprint) int {
	if posts := h.posts[key]; len(posts) > 0 {
		return posts[len(posts)-1].times
	}
	return 0
}

// check compares what every process gets with what the list says.
func (h *ledgerModel) check(t *rapid.T) {
	for _, ledger := range h.running {
		lineage := lineageOf(t, ledger)
		require.Equal(t, h.deferral(), lineage.Deferral)
		require.Equal(t, h.loggedOut(), lineage.LoggedOut)
		for _, key := range historyKeys {
			var reason history.Reason
			if verdict := lineage.VerdictOn(key); verdict != nil {
				reason = verdict.Reason
			}
			require.Equal(t, h.verdictOn(key), reason)
			require.Equal(t, h.refreshedAt(key), lineage.Rotation(key).At)
			require.Equal(t, h.losses(key), lineage.Losses(key))
			require.Equal(t, h.ended(key), lineage.IsEnded(key))
			require.Equal(t, h.isOfLastLogin(key), lineage.IsOfLastLogin(key, "", ""))
			for _, profile := range profiles {
				require.Equal(t, h.objectsTo(key, profile), lineage.Objection(key, profile) != nil)
			}
			require.Equal(t, h.doubt(key), doubtOf(t, ledger, key))
		}
	}
}

func (h *ledgerModel) doubt(key secret.Fingerprint) history.Doubt {
	if h.times(key) == 0 {
		return history.Doubt{}
	}
	newest := h.posts[key][len(h.posts[key])-1]
	return history.Doubt{Since: newest.at, Times: newest.times, HolderGone: newest.over}
}

// last is the newest entry that tells, and whether there is one.
func (h *ledgerModel) last(tells func(persist.Entry) bool) (persist.Entry, bool) {
	for _, e := range slices.Backward(h.written) {
		if tells(e) {
			return e, true
		}
	}
	return persist.Entry{}, false
}

func (h *ledgerModel) verdictOn(key secret.Fingerprint) history.Reason {
	e, _ := h.last(func(e persist.Entry) bool {
		final := e.Kind == persist.Refused && e.Reason != history.ReasonUnexplained
		isKept := e.Kind == persist.Deferred && e.NextID != "" && e.NextID != key
		return e.TokenID == key && (final || isKept || e.Kind == persist.Rotated && e.NextID != key)
	})
	if e.Kind == persist.Rotated || e.Kind == persist.Deferred {
		return history.ReasonSpent
	}
	return e.Reason
}

func (h *ledgerModel) losses(key secret.Fingerprint) int {
	e, ok := h.last(func(e persist.Entry) bool {
		return e.TokenID == key && (e.Kind == persist.Deferred && e.Lost || e.Kind == persist.Rotated && e.NextID == key)
	})
	if !ok || e.Kind == persist.Rotated {
		return 0
	}
	return max(e.Losses, 1)
}

func (h *ledgerModel) ended(key secret.Fingerprint) bool {
	e, _ := h.last(func(e persist.Entry) bool {
		isMade := e.Kind == persist.Login && e.Method != machine.MethodExternal
		return e.TokenID == key && (e.Kind == persist.Logout || isMade)
	})
	return e.Kind == persist.Logout
}

// isOfLastLogin follows each token back to the one that it came out of last.
func (h *ledgerModel) isOfLastLogin(key secret.Fingerprint) bool {
	made, _ := h.last(func(e persist.Entry) bool { return e.Kind == persist.Login && e.Method != machine.MethodExternal })
	if h.loggedOut() || made.TokenID == "" {
		return false
	}
	before := len(h.written)
	for key != made.TokenID {
		at := -1
		for n, e := range h.written[:before] {
			isLatest := !slices.ContainsFunc(h.written[n+1:], func(later persist.Entry) bool { return comesOut(later, key) })
			if comesOut(e, key) && isLatest {
				at = n
			}
		}
		if at < 0 {
			return false
		}
		key, before = h.written[at].TokenID, at
	}
	return true
}

func comesOut(e persist.Entry, next secret.Fingerprint) bool {
	isRefresh := e.Kind == persist.Rotated || e.Kind == persist.Deferred
	return isRefresh && e.NextID == next && next != "" && e.TokenID != next
}

func (h *ledgerModel) refreshedAt(key secret.Fingerprint) time.Time {
	e, _ := h.last(func(e persist.Entry) bool { return e.Kind == persist.Rotated && e.NextID == key })
	return e.At
}

func (h *ledgerModel) deferral() history.Deferral {
	e, _ := h.last(func(e persist.Entry) bool {
		kinds := []persist.Kind{persist.Rotated, persist.Refused, persist.Deferred, persist.Login}
		elsewhere := e.Endpoint != LedgerIssuer.EndpointID() || e.Kind == persist.Login && e.Method == machine.MethodExternal
		return slices.Contains(kinds, e.Kind) && !elsewhere
	})
	switch {
	case isObjection(e) && e.Reason == history.ReasonUnexplained:
		return history.Deferral{NotBefore: e.NotBefore, Failures: e.Failures, Unexplained: true, OfClient: true, Profile: e.Profile, Evidence: e.Repeated}
	case !isObjection(e) && e.Kind == persist.Deferred, e.Kind == persist.Refused && e.Reason == history.ReasonUnexplained:
		return history.Deferral{NotBefore: e.NotBefore, Failures: e.Failures, Unexplained: e.Kind == persist.Refused, Evidence: e.Repeated}
	}
	return history.Deferral{}
}

func isObjection(e persist.Entry) bool {
	return e.Kind == persist.Deferred && e.Objection != "" && !e.Lost && e.NextID == ""
}

// objectsTo reports whether the issuer has objected to a post, and no login came since.
func (h *ledgerModel) objectsTo(key secret.Fingerprint, profile string) bool {
	e, _ := h.last(func(e persist.Entry) bool {
		isMade := e.Kind == persist.Login && e.Method != machine.MethodExternal && e.Profile != ""
		return e.TokenID == key && (isMade || isObjection(e) && e.Reason != history.ReasonUnexplained && e.Profile == profile)
	})
	return isObjection(e)
}

func (h *ledgerModel) loggedOut() bool {
	e, _ := h.last(func(e persist.Entry) bool {
		return e.Kind == persist.Logout || e.Kind == persist.Adopted || e.Kind == persist.Rotated && e.NextID != "" ||
			e.Kind == persist.Login && e.Method != machine.MethodExternal
	})
	return e.Kind == persist.Logout
}
