package journal_test

import (
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/journal"
)

const here, elsewhere = secret.Fingerprint("here"), secret.Fingerprint("elsewhere")

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func fold(entries ...persist.Entry) history.TokenHistory {
	return journal.Replay(history.TokenHistory{}, slices.Values(entries), here)
}

// deferred is the journal of an endpoint in trouble.
var deferred = persist.Entry{Kind: persist.Deferred, TokenID: "a", Endpoint: here, NotBefore: noon, Failures: 2}

func TestAnEmptyJournalRemembersNothing(t *testing.T) {
	require.Zero(t, fold())
	require.Zero(t, fold(persist.Entry{Kind: "pardon", TokenID: "a", Endpoint: here}, persist.Entry{Kind: persist.Intended, TokenID: "a"}, persist.Entry{Kind: persist.Revoked, TokenID: "a"}))
}

func TestARotationSpendsTheOldTokenAndDatesTheNew(t *testing.T) {
	require.Equal(t, history.TokenHistory{
		Verdicts:  []history.Verdict{{TokenID: "a", Access: "access", Reason: history.ReasonSpent, At: noon}},
		Condemned: history.Condemned{}.With(history.Verdict{TokenID: "a", Reason: history.ReasonSpent}),
		Rotations: []history.Rotation{{TokenID: "b", At: noon}}, Successions: []history.Succession{{TokenID: "a", Next: "b"}},
	}, fold(deferred, persist.Entry{Kind: persist.Rotated, TokenID: "a", NextID: "b", Access: "access", Endpoint: here, At: noon}))
}

func TestATokenThatWasNotRotatedIsNotSpent(t *testing.T) {
	require.Equal(t, history.TokenHistory{Rotations: []history.Rotation{{TokenID: "a", At: noon}}, Lost: []history.Loss{{TokenID: "a"}}},
		fold(persist.Entry{Kind: persist.Rotated, TokenID: "a", NextID: "a", At: noon}))
}

func TestReplayOfADroppedResponseIsSpentAndNoLogin(t *testing.T) {
	lineage := fold(persist.Entry{Kind: persist.Logout}, persist.Entry{Kind: persist.Rotated, TokenID: "a", At: noon})
	require.NotNil(t, lineage.VerdictOn("a"))
	require.Empty(t, lineage.Rotations)
	require.True(t, lineage.LoggedOut)
}

func TestReplayTellsVerdictsFromWaits(t *testing.T) {
	refused := persist.Entry{Kind: persist.Refused, TokenID: "a", Access: "access", Endpoint: here, At: noon, NotBefore: noon, Failures: 4}
	refused.Reason = history.ReasonExpired
	require.Equal(t, history.TokenHistory{
		Verdicts:  []history.Verdict{{TokenID: "a", Access: "access", Reason: history.ReasonExpired, At: noon}},
		Condemned: history.Condemned{}.With(history.Verdict{TokenID: "a", Reason: history.ReasonExpired}),
	}, fold(deferred, refused))
	refused.Reason = history.ReasonUnexplained
	require.Equal(t, history.TokenHistory{Deferral: history.Deferral{NotBefore: noon, Failures: 4, Unexplained: true}}, fold(deferred, refused))
}

func TestTheWaitSaysWhatTheIssuerAnswered(t *testing.T) {
	answered := deferred
	answered.Repeated = evidence.Repeated{Evidence: evidence.Evidence{Status: 400, Code: "invalid_request"}, Times: 3}
	require.Equal(t, answered.Repeated, fold(answered).Deferral.Evidence)
	answered.Code = "\x1b[31m" // as no bezoar writes it
	require.Empty(t, fold(answered).Deferral.Evidence.Code)
}

func TestTheExpiryOfAnAccessTokenIsRemembered(t *testing.T) {
	c := machine.Credential{AccessToken: secret.New("opaque"), ExpiresAt: noon}
	for _, kind := range []persist.Kind{persist.Rotated, persist.Login} {
		said := persist.Entry{Kind: kind, TokenID: "a", NextID: "b", Endpoint: here}.WithExpiry(c)
		lineage := fold(said, persist.Entry{Kind: persist.Rotated, TokenID: "b", NextID: "c"})
		require.Equal(t, []history.Expiry{{Access: c.AccessToken.Fingerprint(), At: noon}}, lineage.Expiries)
	}
	require.Zero(t, fold(persist.Entry{Kind: persist.Login}.WithExpiry(machine.Credential{AccessToken: secret.New("opaque")})).Expiries)
}

func TestReplaySpendsATokenWhoseSuccessorCameAlone(t *testing.T) {
	kept := deferred
	kept.TokenID, kept.NextID = "a", "b"
	require.Equal(t, history.ReasonSpent, fold(kept).VerdictOn("a").Reason)
	require.Equal(t, kept.NotBefore, fold(kept).Deferral.NotBefore)
	require.Zero(t, fold(kept).Rotation("b"), "nothing was refreshed")
	require.True(t, kept.IsAnswer() && kept.IsSynced())
	kept.NextID = "a"
	require.Nil(t, fold(kept).VerdictOn("a"), "an issuer that does not rotate")
}

func TestTheWaitBelongsToOneEndpoint(t *testing.T) {
	wait := history.TokenHistory{Deferral: history.Deferral{NotBefore: noon, Failures: 2}}
	require.Equal(t, wait, fold(deferred))
	for _, kind := range []persist.Kind{persist.Rotated, persist.Refused, persist.Deferred, persist.Login} {
		require.Equal(t, wait.Deferral, fold(deferred, persist.Entry{Kind: kind, TokenID: "b", Endpoint: elsewhere, Failures: 9}).Deferral, kind)
	}
}

func TestALoginEndsTheWait(t *testing.T) {
	require.Zero(t, fold(deferred, persist.Entry{Kind: persist.Login, Method: machine.MethodTokens, Endpoint: here}))
	require.NotZero(t, fold(deferred, persist.Entry{Kind: persist.Login, Method: machine.MethodExternal, Endpoint: here}),
		"a login that lives in one process says nothing of the endpoint")
}

func TestReplayKeepsALogoutUntilTheNextLogin(t *testing.T) {
	logout := persist.Entry{Kind: persist.Logout}
	require.True(t, fold(logout).LoggedOut)
	for _, e := range []persist.Entry{
		{Kind: persist.Login, Method: machine.MethodAPIKey}, {Kind: persist.Adopted}, {Kind: persist.Rotated, TokenID: "a", NextID: "b"},
	} {
		require.False(t, fold(logout, e).LoggedOut, e.Kind)
		require.True(t, fold(e, logout).LoggedOut, e.Kind)
	}
	for _, e := range []persist.Entry{
		{Kind: persist.Login, Method: machine.MethodExternal}, {Kind: persist.Refused, TokenID: "a"}, {Kind: persist.Deferred},
		{Kind: persist.Intended}, {Kind: persist.Revoked}, {Kind: "pardon"},
	} {
		require.True(t, fold(logout, e).LoggedOut, e.Kind)
	}
}

func made(id, access secret.Fingerprint) persist.Entry {
	return persist.Entry{Kind: persist.Login, Method: machine.MethodTokens, TokenID: id, Access: access, At: noon}
}

func rotated(id, next secret.Fingerprint) persist.Entry {
	return persist.Entry{Kind: persist.Rotated, TokenID: id, NextID: next}
}

func TestReplayFollowsTheLastLoginThroughItsRefreshes(t *testing.T) {
	alone := persist.Entry{Kind: persist.Deferred, TokenID: "b2", NextID: "b3"} // its successor came, and no access token
	past := fold(made("a", "aa"), rotated("a", "a2"), made("b", "bb"), rotated("b", "b2"), rotated("a2", "a3"), alone, rotated("b3", "b3"))
	require.Equal(t, history.Login{TokenID: "b", Access: "bb", At: noon}, past.LastLogin)
	for _, id := range []secret.Fingerprint{"b", "b2", "b3"} {
		require.True(t, past.IsOfLastLogin(id, "", ""), id)
	}
	for _, id := range []secret.Fingerprint{"a", "a2", "a3", "x", ""} {
		require.False(t, past.IsOfLastLogin(id, "", ""), id)
	}
	require.True(t, past.IsOfLastLogin("x", "bb", ""), "its access token")
	require.False(t, past.IsOfLastLogin("", "aa", ""))
}

func TestReplayOfTheLastLoginPassesOverOtherEntries(t *testing.T) {
	external, owned := made("", "ee"), made("b", "bb")
	external.Method, owned.Owner = machine.MethodExternal, "owner"
	past := fold(owned, external, persist.Entry{Kind: persist.Adopted, TokenID: "s"}, persist.Entry{Kind: persist.Revoked, TokenID: "b"})
	require.True(t, past.IsOfLastLogin("b", "", ""))
	require.False(t, past.IsOfLastLogin("", "ee", ""))
	require.True(t, past.IsOfLastLogin("refreshed by another program", "", "owner"))
	require.False(t, fold(owned, persist.Entry{Kind: persist.Logout, TokenID: "b"}).IsOfLastLogin("b", "bb", "owner"))
	require.False(t, fold().IsOfLastLogin("", "", ""))
}

func TestALogoutEndsAKeyUntilItsNextLogin(t *testing.T) {
	logout := persist.Entry{Kind: persist.Logout, Access: "kk"}
	require.True(t, fold(made("", "kk"), logout).IsEnded("kk"))
	require.False(t, fold(logout, made("", "kk")).IsEnded("kk"))
	require.True(t, fold(logout, made("", "other")).IsEnded("kk"))
	for _, goesOn := range []persist.Entry{{Kind: persist.LogoutFailed, Access: "kk"}, {Kind: persist.Adopted, Access: "kk", Resumed: true}} {
		require.False(t, fold(logout, goesOn).IsEnded("kk"), goesOn.Kind)
	}
	require.True(t, fold(logout, persist.Entry{Kind: persist.Adopted, Access: "kk"}).IsEnded("kk"), "an older version does not say so")
}

func TestThePositionDecidesAndNotTheClock(t *testing.T) {
	early, late := deferred, deferred
	early.At, early.Failures, late.At = noon.Add(time.Hour), 7, noon
	require.Equal(t, late.Failures, fold(early, late).Deferral.Failures)
}

func TestEntriesWithoutAKeyCondemnNothing(t *testing.T) {
	require.Empty(t, fold(persist.Entry{Kind: persist.Refused}, persist.Entry{Kind: persist.Rotated, NextID: "b"}).Verdicts)
}

// Of a verdict that 256 others came after, the key is kept.
func TestTheFoldIsBoundedAndKeepsTheKeysOfTheOldest(t *testing.T) {
	var entries []persist.Entry
	for i := range 1000 {
		entries = append(entries, persist.Entry{Kind: persist.Rotated, TokenID: key(i), NextID: key(i + 1)})
	}
	lineage := fold(entries...)
	require.Len(t, lineage.Verdicts, 256)
	require.Len(t, lineage.Rotations, 256)
	for n := range 1000 {
		verdict := lineage.VerdictOn(key(n))
		require.NotNil(t, verdict, n)
		require.Equal(t, history.ReasonSpent, verdict.Reason)
	}
	require.Nil(t, lineage.VerdictOn(key(1000)))
	require.Equal(t, key(1000), lineage.Rotations[255].TokenID)
}

func TestReplayOfALongJournalForgetsNoVerdict(t *testing.T) {
	entries := make([]persist.Entry, 10_000)
	for i := range entries {
		entries[i] = persist.Entry{Kind: persist.Rotated, TokenID: key(i), NextID: key(i + 1)}
	}
	known := fold(entries...)
	for n := range entries {
		require.NotNil(t, known.VerdictOn(key(n)), n)
	}
}

func key(n int) secret.Fingerprint { return secret.Fingerprint(fmt.Sprint("key", n)) }

// anyEntries are so many that the oldest are forgotten, if keys do not repeat
// too much. They may end in a time in which nothing was decided.
func anyEntries(t *rapid.T) []persist.Entry {
	source := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	keys := rapid.SampledFrom([]int{3, 40, 600}).Draw(t, "keys")
	kinds := []persist.Kind{
		persist.Intended, persist.Rotated, persist.Refused, persist.Deferred, persist.Adopted, persist.Login, persist.Logout, persist.LogoutFailed,
		persist.Revoked, persist.Saved, "pardon",
	}
	reasons := []history.Reason{history.ReasonReused, history.ReasonUnexplained}
	objections := []evidence.BlockReason{"", "", evidence.BlockMisconfigured, evidence.BlockLoginNeeded}
	methods := []machine.Method{machine.MethodTokens, machine.MethodExternal}
	some := func() secret.Fingerprint {
		if n := source.IntN(keys + 1); n > 0 {
			return key(n)
		}
		return ""
	}
	entries := make([]persist.Entry, rapid.IntRange(0, 1500).Draw(t, "entries"))
	for i := range entries {
		entries[i] = persist.Entry{
			Kind: kinds[source.IntN(len(kinds))], At: noon.Add(time.Duration(source.IntN(99)) * time.Second), PID: source.IntN(3),
			TokenID: some(), NextID: some(), Endpoint: []secret.Fingerprint{here, elsewhere, ""}[source.IntN(3)],
			Reason: reasons[source.IntN(2)], Method: methods[source.IntN(2)], Failures: i, Lost: source.IntN(2) == 0,
			Issued: some(), ExpiresAt: noon.Add(time.Duration(i) * time.Second), Repeated: evidence.Repeated{Times: i},
			Owner: some(), Client: strconv.Itoa(i), Access: some(), Resumed: source.IntN(2) == 0,
			Objection: objections[source.IntN(4)], Profile: []string{"", "p", "q"}[source.IntN(3)],
		}
	}
	if rapid.Bool().Draw(t, "quiet end") {
		entries = append(entries, slices.Repeat([]persist.Entry{{Kind: persist.Intended}}, 256)...)
	}
	return entries
}

func TestAnEntryThatIsThereTwiceDoesNoHarm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := anyEntries(t)
		if len(entries) == 0 {
			t.Skip("no entry")
		}
		again := entries[rapid.IntRange(0, len(entries)-1).Draw(t, "again")]
		at := slices.Index(entries, again)
		once := fold(append(slices.Delete(slices.Clone(entries), at, at+1), again)...)
		require.Equal(t, once, fold(append(slices.Clone(entries), again)...))
		require.Equal(t, once, journal.Replay(once, slices.Values([]persist.Entry{again}), here))
	})
}

func TestFoldingInPartsIsFoldingAtOnceAndTouchesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := anyEntries(t)
		cut := rapid.IntRange(0, len(entries)).Draw(t, "cut")
		before, same := fold(entries[:cut]...), fold(entries[:cut]...)
		require.Equal(t, fold(entries...), journal.Replay(before, slices.Values(entries[cut:]), here))
		require.Equal(t, same, before)
	})
}

func TestWhatACompactionKeepsIsEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := anyEntries(t)
		open := map[secret.Fingerprint]bool{key(1): true}
		kept := append([]persist.Entry{}, journal.PastEntries(fold(entries...), noon)...)
		for i, retained := range journal.Retain(entries, open) {
			if retained {
				kept = append(kept, entries[i])
			}
		}
		for _, endpoint := range []secret.Fingerprint{here, elsewhere, ""} {
			require.Equal(t, journal.Replay(history.TokenHistory{}, slices.Values(entries), endpoint), journal.Replay(history.TokenHistory{}, slices.Values(kept), endpoint))
		}
		ofOpen := func(entries []persist.Entry) []persist.Entry {
			return slices.DeleteFunc(slices.Clone(entries), func(e persist.Entry) bool { return !open[e.TokenID] })
		}
		require.Equal(t, ofOpen(entries), ofOpen(kept))
		audited := entries[max(0, len(entries)-256):]
		require.Equal(t, audited, slices.Clip(kept[len(kept)-len(audited):]))
		require.LessOrEqual(t, len(kept)-len(ofOpen(kept)), 5*256+256+1+2, "the journal stays bounded")
	})
}

// The lines are in ledgers, so their form is for good; the old program passes over
// the kind, and over no line that is shorter than it reads.
func TestOldVerdictsAreKeptInLinesThatEveryVersionReads(t *testing.T) {
	var entries []persist.Entry
	for i := range 3000 {
		entries = append(entries, persist.Entry{Kind: persist.Rotated, TokenID: key(i), NextID: key(i + 1)})
	}
	past := journal.PastEntries(fold(entries...), noon)
	require.Len(t, past, 3)
	for _, each := range past {
		line, err := json.Marshal(each)
		require.NoError(t, err)
		require.Less(t, len(line), 10<<10)
	}
	require.Equal(t, fold(entries...).Condemned, fold(past...).Condemned)
	one, err := json.Marshal(journal.PastEntries(history.TokenHistory{Condemned: history.Condemned{}.With(history.Verdict{TokenID: "a"})}, noon)[0])
	require.NoError(t, err)
	require.JSONEq(t, `{"kind": "past", "at": "2026-11-24T12:00:00Z", "pid": 0, "keys": "r2PcTIYB"}`, string(one))
}

func TestShortenWritesPastLinesAnew(t *testing.T) {
	past := journal.PastEntries(history.TokenHistory{Condemned: history.Condemned{}.With(history.Verdict{TokenID: "a"})}, noon)
	raw, err := json.Marshal(past[0])
	require.NoError(t, err)
	raw = append(raw, '\n')
	content, err := journal.Shorten(func(yield func(journal.Line, error) bool) { yield(journal.Line{Raw: raw, Entry: past[0]}, nil) }, past, nil)
	require.NoError(t, err)
	require.Equal(t, string(raw), string(content), "they do not add up")
}

func TestACompactionForgetsWhatTheFoldForgets(t *testing.T) {
	var entries []persist.Entry
	for i := range 1000 {
		entries = append(entries, persist.Entry{Kind: persist.Rotated, TokenID: key(i), NextID: key(i + 1), Endpoint: key(i)})
	}
	entries = append(entries, slices.Repeat([]persist.Entry{{Kind: persist.Intended}}, 256)...)
	require.Equal(t, append(make([]bool, 744), slices.Repeat([]bool{true}, 512)...), journal.Retain(entries, nil))
}

// What was said of a token is kept once: the last of it.
func TestACompactionKeepsTheLastWordOnAToken(t *testing.T) {
	lost := persist.Entry{Kind: persist.Deferred, TokenID: key(1), Lost: true, Endpoint: here}
	ended := persist.Entry{Kind: persist.Logout, TokenID: key(2)}
	entries := []persist.Entry{
		lost, lost, ended, ended,
		{Kind: persist.Login, TokenID: key(3)}, {Kind: persist.Deferred, TokenID: key(4), Endpoint: here},
	}
	entries = append(entries, slices.Repeat([]persist.Entry{{Kind: persist.Intended}}, 256)...)
	require.Equal(t, []bool{false, true, false, true}, journal.Retain(entries, nil)[:4])
}

// It keeps the login because a user made it, when later entries have decided all else
// that it says: how its token ended, whether there is a login, and its endpoint's wait.
func TestACompactionKeepsTheLastLoginHoweverLongAgo(t *testing.T) {
	entries := []persist.Entry{made("a", "aa"), made("b", "bb")}
	for i := range 300 {
		entries = append(entries, persist.Entry{Kind: persist.LogoutFailed, TokenID: key(i)})
	}
	entries = append(entries, persist.Entry{Kind: persist.Deferred, TokenID: key(300)})
	entries = append(entries, slices.Repeat([]persist.Entry{{Kind: persist.Intended}}, 256)...)
	require.Equal(t, []bool{false, true}, journal.Retain(entries, nil)[:2])
}

func TestRetainKeepsTheNewestOfUnknownKinds(t *testing.T) {
	entries := make([]persist.Entry, 1000)
	for i := range entries {
		entries[i].Kind = persist.Intended
		if i < 400 {
			entries[i].Kind = "pardon"
		}
	}
	needed := journal.Retain(entries, nil)
	require.Equal(t, 256, len(slices.DeleteFunc(slices.Clone(needed[:400]), func(b bool) bool { return !b })))
	require.True(t, needed[399])
}

func TestAPostIsAnsweredByWhatFollowsItsIntent(t *testing.T) {
	intent := persist.Entry{Kind: persist.Intended, TokenID: "a", PID: 1, At: noon}
	other, again := intent, intent
	other.PID, again.At = 2, noon.Add(1)
	rotated, refused := persist.Entry{Kind: persist.Rotated, TokenID: "a"}, persist.Entry{Kind: persist.Refused, TokenID: "a"}
	deferred := persist.Entry{Kind: persist.Deferred, TokenID: "a", PID: 1}
	for _, c := range []struct {
		name       string
		journal    []persist.Entry
		isAnswered bool
	}{
		{"no journal", nil, false},
		{"open", []persist.Entry{intent}, false},
		{"granted", []persist.Entry{intent, rotated}, true},
		{"refused", []persist.Entry{intent, refused}, true},
		{"no verdict", []persist.Entry{intent, deferred}, false},
		{"answered and then politely", []persist.Entry{intent, refused, deferred}, true},
		{"an earlier outcome", []persist.Entry{rotated, intent}, false},
		{"an outcome of another post", []persist.Entry{other, rotated}, false},
		{"an outcome of an earlier post", []persist.Entry{again, rotated, intent}, false},
		{"an outcome of another post of the same process", []persist.Entry{again, rotated}, false},
		{"another token", []persist.Entry{intent, {Kind: persist.Rotated, TokenID: "b"}}, false},
		{"in the journal twice", []persist.Entry{intent, rotated, intent}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			answered, err := journal.IsAnswered(intent, withoutError(c.journal))
			require.NoError(t, err)
			require.Equal(t, c.isAnswered, answered)
		})
	}
}

func TestAPostIsInVainIfTheIssuerObjectsToIt(t *testing.T) {
	intent := persist.Entry{Kind: persist.Intended, TokenID: "a", PID: 1, At: noon}
	again, sister := intent, intent
	again.At, sister.PID = noon.Add(1), 2
	objects := persist.Entry{Kind: persist.Deferred, TokenID: "a", PID: 1, Objection: evidence.BlockMisconfigured}
	ofSister, ofOther, odd := objects, objects, objects
	ofSister.PID, ofOther.TokenID, odd.Objection = 2, "b", "in_doubt"
	for _, c := range []struct {
		name     string
		journal  []persist.Entry
		isInVain bool
	}{
		{"open", []persist.Entry{intent}, false},
		{"objected", []persist.Entry{intent, objects}, true},
		{"deferred", []persist.Entry{intent, {Kind: persist.Deferred, TokenID: "a", PID: 1}}, false},
		{"an objection that this version does not know", []persist.Entry{intent, odd}, false},
		{"an objection to the post of a sister process", []persist.Entry{intent, sister, ofSister}, false},
		{"an objection to another token", []persist.Entry{intent, ofOther}, false},
		{"an objection to a later post of a process of the same number", []persist.Entry{intent, again, objects}, false},
		{"an objection without its intent", []persist.Entry{objects}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			inVain, err := journal.IsInVain(intent, withoutError(c.journal))
			require.NoError(t, err)
			require.Equal(t, c.isInVain, inVain)
		})
	}
}

func TestAnObjectionStandsForOneTokenUnderOneProfile(t *testing.T) {
	objects := persist.Entry{
		Kind: persist.Deferred, TokenID: "a", Endpoint: here, Profile: "p", Objection: evidence.BlockMisconfigured, At: noon,
		Repeated: evidence.Repeated{Evidence: evidence.Evidence{Status: 401, Code: "invalid_client"}, Times: 1},
	}
	require.True(t, objects.IsObjection() && objects.IsSynced() && !objects.IsAnswer())
	past := fold(deferred, objects)
	want := history.Objection{TokenID: "a", Profile: "p", Why: evidence.BlockMisconfigured, Evidence: objects.Evidence, At: noon}
	require.Equal(t, &want, past.Objection("a", "p"))
	require.Nil(t, past.Objection("a", "q"), "another profile")
	require.Nil(t, past.Objection("b", "p"), "another token")
	require.Nil(t, past.Objection("", "p"))
	require.Nil(t, past.VerdictOn("a"), "it is no verdict")
	require.Zero(t, past.Deferral, "the issuer is there")

	other := objects
	other.Profile, other.Objection = "q", evidence.BlockLoginNeeded
	both := fold(objects, other)
	require.Equal(t, evidence.BlockMisconfigured, both.Objection("a", "p").Why)
	require.Equal(t, evidence.BlockLoginNeeded, both.Objection("a", "q").Why)
}

func TestALoginLiftsTheObjectionsToItsToken(t *testing.T) {
	objects := persist.Entry{Kind: persist.Deferred, TokenID: "a", Profile: "p", Objection: evidence.BlockLoginNeeded}
	login := persist.Entry{Kind: persist.Login, Method: machine.MethodTokens, TokenID: "a", Profile: "q"}
	require.Nil(t, fold(objects, login).Objection("a", "p"), "the issuer gave the same token again")
	require.NotNil(t, fold(login, objects).Objection("a", "p"))
	login.TokenID = "b"
	require.NotNil(t, fold(objects, login).Objection("a", "p"))
}

// A gateway in front of the issuer answers 401 as well.
func TestAnObjectionThatNoCodeExplainsIsAReasonToWait(t *testing.T) {
	unexplained := persist.Entry{
		Kind: persist.Deferred, TokenID: "a", Endpoint: here, Profile: "p", Objection: evidence.BlockMisconfigured,
		Reason: history.ReasonUnexplained, NotBefore: noon, Failures: 2,
	}
	require.False(t, unexplained.IsObjection() || unexplained.IsAnswer() || unexplained.IsSynced())
	past := fold(unexplained)
	require.Nil(t, past.Objection("a", "p"))
	require.Equal(t, history.Deferral{NotBefore: noon, Failures: 2, Unexplained: true, OfClient: true, Profile: "p"}, past.Deferral)
	require.Equal(t, noon, past.Deferral.Until("p"))
	require.Zero(t, past.Deferral.Until("q"), "another profile need not wait")
	require.Equal(t, evidence.BlockMisconfigured, past.Deferral.Blocked())
	require.Equal(t, evidence.BlockIssuerUnavailable, fold(deferred).Deferral.Blocked())
	require.Equal(t, deferred.NotBefore, fold(deferred).Deferral.Until("q"))
}

func withoutError(entries []persist.Entry) iter.Seq2[persist.Entry, error] {
	return func(yield func(persist.Entry, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func TestALostAnswerLeavesADoubt(t *testing.T) {
	lost := persist.Entry{Kind: persist.Deferred, TokenID: "a", Endpoint: here, Lost: true}
	require.Equal(t, 1, fold(lost, persist.Entry{Kind: persist.Deferred, TokenID: "a", Endpoint: here}).Losses("a"))
	require.Zero(t, fold(persist.Entry{Kind: persist.Deferred, TokenID: "a", Endpoint: here}).Losses("a"))
	require.Zero(t, fold(lost).Losses("b"))
}

func TestTheWriterIsFilledInWhereItIsMissing(t *testing.T) {
	issuer := machine.Issuer{TokenEndpoint: "https://issuer.test/token"}
	require.Equal(t, persist.Entry{PID: 7, Endpoint: issuer.EndpointID()}, persist.Entry{}.By(7, issuer))
	named := persist.Entry{PID: 1, Endpoint: elsewhere}
	require.Equal(t, named, named.By(7, issuer))
}

// The line is on people's disks: other versions read it.
func TestAnEntryIsWrittenAsItAlwaysWas(t *testing.T) {
	full := persist.Entry{
		Kind: persist.Refused, At: noon, PID: 1, Attempt: 2, Cause: endpoint.CauseDemanded, TokenID: "k", NextID: "n", Access: "a",
		Endpoint: "e", Reason: history.ReasonReused, NotBefore: noon, Failures: 3, Method: machine.MethodTokens,
	}
	line, err := json.Marshal(full)
	require.NoError(t, err)
	require.Equal(t, `{"kind":"refused","at":"2026-11-24T12:00:00Z","pid":1,"attempt":2,"cause":"forced","key":"k","next":"n","access":"a",`+
		`"endpoint":"e","reason":"refresh_token_reused","not_before":"2026-11-24T12:00:00Z","failures":3,"method":"chatgpt"}`, string(line))
	line, err = json.Marshal(persist.Entry{Kind: persist.Logout, At: noon, PID: 1})
	require.NoError(t, err)
	require.Equal(t, `{"kind":"logout","at":"2026-11-24T12:00:00Z","pid":1}`, string(line))
	objects := persist.Entry{Kind: persist.Deferred, At: noon, PID: 1, Profile: "p", Objection: evidence.BlockMisconfigured}
	line, err = json.Marshal(objects)
	require.NoError(t, err)
	require.Equal(t, `{"kind":"deferred","at":"2026-11-24T12:00:00Z","pid":1,"profile":"p","objection":"misconfigured"}`, string(line), "an older version waits, and condemns nothing")
}

func BenchmarkFold10000Entries(b *testing.B) {
	entries := make([]persist.Entry, 10_000)
	for i := range entries {
		entries[i] = persist.Entry{Kind: []persist.Kind{persist.Intended, persist.Rotated}[i%2], TokenID: key(i / 2), NextID: key(i/2 + 1), At: noon}
	}
	for b.Loop() {
		fold(entries...)
	}
}
