package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
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
)

// LedgerSite is a place with one ledger, empty at first, and processes that
// share it.
type LedgerSite interface {
	// Start is the ledger as one more process opens it.
	Start() persist.Ledger
	// Crash kills the process that has the ledger open. What it wrote stays.
	Crash(persist.Ledger)
}

// LedgerIssuer is the issuer that the ledgers under test are opened for.
var LedgerIssuer = machine.Issuer{TokenEndpoint: "https://issuer.test/oauth/token", ClientID: "client"}

// RunLedger checks that the ledgers of a backend keep the contract of
// [persist.Ledger]. open makes a new site.
func RunLedger(t *testing.T, open func(t *testing.T) LedgerSite) {
	t.Run("OneOfManyMayPost", func(t *testing.T) { oneOfManyMayPost(t, open(t)) })
	t.Run("APostInDoubtIsReplayedOnceAtMost", func(t *testing.T) { replayedOnce(t, open(t)) })
	t.Run("AnOutcomeEndsTheDoubt", func(t *testing.T) { outcomeEndsDoubt(t, open) })
	t.Run("APostThatWasNotMadeIsTakenBack", func(t *testing.T) { takenBack(t, open(t)) })
	t.Run("AnOldDoubtDoesNotCoverANewPost", func(t *testing.T) { oldDoubt(t, open(t)) })
	t.Run("ALostAnswerIsKnownToEveryProcess", func(t *testing.T) { lostAnswer(t, open(t)) })
	t.Run("WhoComesLateDoesNotPostWhatIsSpent", func(t *testing.T) { comesLate(t, open(t)) })
	t.Run("AnObjectionStandsForEveryProcess", func(t *testing.T) { objectionStands(t, open(t)) })
	t.Run("VerdictsSurviveEveryProcess", func(t *testing.T) { verdictsSurvive(t, open(t)) })
	t.Run("NoKeyNoIntent", func(t *testing.T) { noKey(t, open(t)) })
	t.Run("ALongHistoryLosesNothingNeeded", func(t *testing.T) { longHistory(t, open(t)) })
	t.Run("VerdictsAreNotCrowdedOut", func(t *testing.T) { notCrowdedOut(t, open(t)) })
	t.Run("RandomHistoriesAgreeWithTheModel", func(t *testing.T) {
		rapid.Check(t, func(r *rapid.T) { randomHistory(r, open(t)) })
	})
}

var background = context.Background()

func ledgerKey(token string) secret.Fingerprint { return LedgerIssuer.TokenID(secret.New(token)) }

// tick makes times that differ, so that a failure reads in order.
func tick(n int) time.Time { return time.Date(2026, 11, 24, 5, 0, n, 0, time.UTC) }

func intent(key secret.Fingerprint, second int) persist.Entry {
	return persist.Entry{Kind: persist.Intended, TokenID: key, At: tick(second), Attempt: 1, Cause: endpoint.CauseDemanded}
}

func doubtOf(t require.TestingT, ledger persist.Ledger, key secret.Fingerprint) history.Doubt {
	doubt, err := ledger.Doubt(background, key)
	require.NoError(t, err)
	return doubt
}

func lineageOf(t require.TestingT, ledger persist.Ledger) history.TokenHistory {
	lineage, err := ledger.History(background)
	require.NoError(t, err)
	return lineage
}

func oneOfManyMayPost(t *testing.T, site LedgerSite) {
	key := ledgerKey("many")
	require.EqualValues(t, 1, race(t, site, key, history.Doubt{}))
	require.Equal(t, 1, doubtOf(t, site.Start(), key).Times)
}

// race lets 32 callers in four processes make the same intent, and counts
// those who may post. It ends with the death of them all.
func race(t *testing.T, site LedgerSite, key secret.Fingerprint, doubt history.Doubt) int32 {
	var won atomic.Int32
	var callers sync.WaitGroup
	ledgers := []persist.Ledger{site.Start(), site.Start(), site.Start(), site.Start()}
	for i := range 32 {
		callers.Go(func() {
			switch err := ledgers[i%len(ledgers)].Intend(background, intent(key, i), doubt); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, persist.ErrIntended):
				t.Errorf("an intent that is there is reported as %v", err)
			}
		})
	}
	callers.Wait()
	for _, ledger := range ledgers {
		site.Crash(ledger)
	}
	return won.Load()
}

func replayedOnce(t *testing.T, site LedgerSite) {
	key, first, watcher := ledgerKey("crashed"), site.Start(), site.Start()
	require.Zero(t, doubtOf(t, watcher, key))
	require.NoError(t, first.Intend(background, intent(key, 1), history.Doubt{}))
	require.Equal(t, history.Doubt{Since: tick(1), Times: 1}, doubtOf(t, watcher, key), "its holder lives")
	require.ErrorIs(t, watcher.Intend(background, intent(key, 2), history.Doubt{}), persist.ErrIntended)

	site.Crash(first)
	doubt := doubtOf(t, watcher, key)
	require.Equal(t, history.Doubt{Since: tick(1), Times: 1, HolderGone: true}, doubt)

	require.EqualValues(t, 1, race(t, site, key, doubt), "the replay is exclusive as well")
	doubt = doubtOf(t, watcher, key)
	require.Equal(t, 2, doubt.Times)
	require.True(t, doubt.HolderGone)
}

func outcomeEndsDoubt(t *testing.T, open func(t *testing.T) LedgerSite) {
	key := ledgerKey("spent")
	for _, outcome := range []persist.Entry{
		{Kind: persist.Rotated, At: tick(3), NextID: ledgerKey("next")},
		{Kind: persist.Rotated, At: tick(3), NextID: key},
		{Kind: persist.Refused, At: tick(3), Reason: history.ReasonReused},
	} {
		t.Run(fmt.Sprintf("%s %s", outcome.Kind, outcome.Reason), func(t *testing.T) {
			site := open(t)
			dead, ledger := site.Start(), site.Start()
			require.NoError(t, dead.Intend(background, intent(key, 1), history.Doubt{}))
			site.Crash(dead)
			require.NoError(t, ledger.Intend(background, intent(key, 2), doubtOf(t, ledger, key)))
			require.NoError(t, ledger.Conclude(background, key, outcome))
			require.Zero(t, doubtOf(t, ledger, key), "neither post is in doubt")
			require.Zero(t, doubtOf(t, site.Start(), key))
		})
	}
}

func takenBack(t *testing.T, site LedgerSite) {
	key, dead, ledger := ledgerKey("unsent"), site.Start(), site.Start()
	unsent := persist.Entry{Kind: persist.Deferred, At: tick(3), NotBefore: tick(9), Failures: 1}
	wall := persist.Entry{Kind: persist.Refused, At: tick(4), Reason: history.ReasonUnexplained, NotBefore: tick(9), Failures: 1}
	require.NoError(t, ledger.Intend(background, intent(key, 0), history.Doubt{}))
	require.NoError(t, ledger.Conclude(background, key, unsent))
	require.Zero(t, doubtOf(t, ledger, key))
	require.Equal(t, history.Deferral{NotBefore: tick(9), Failures: 1}, lineageOf(t, ledger).Deferral)

	require.NoError(t, dead.Intend(background, intent(key, 1), history.Doubt{}), "it may be posted again")
	site.Crash(dead)
	doubt := doubtOf(t, ledger, key)
	for _, outcome := range []persist.Entry{unsent, wall} {
		require.NoError(t, ledger.Intend(background, intent(key, 2), doubt))
		require.NoError(t, ledger.Conclude(background, key, outcome))
		require.Equal(t, doubt, doubtOf(t, ledger, key), "the first post is as much in doubt as it was")
	}
}

func oldDoubt(t *testing.T, site LedgerSite) {
	key, slow, replaying := ledgerKey("slow"), site.Start(), site.Start()
	old := doubtOf(t, site.Start(), key)
	require.NoError(t, slow.Intend(background, intent(key, 1), old))
	require.NoError(t, replaying.Intend(background, intent(key, 2), history.Doubt{Times: 1}))
	require.NoError(t, slow.Conclude(background, key, persist.Entry{Kind: persist.Deferred, At: tick(3)}))
	require.ErrorIs(t, site.Start().Intend(background, intent(key, 4), old), persist.ErrIntended)
	require.Equal(t, history.Doubt{Since: tick(2), Times: 2}, doubtOf(t, slow, key))
}

func lostAnswer(t *testing.T, site LedgerSite) {
	key, ledger := ledgerKey("lost"), site.Start()
	require.NoError(t, ledger.Intend(background, intent(key, 1), history.Doubt{}))
	require.NoError(t, ledger.Conclude(background, key, persist.Entry{Kind: persist.Deferred, Lost: true, At: tick(2)}))
	site.Crash(ledger)
	for _, each := range []persist.Ledger{site.Start(), site.Start()} {
		require.Equal(t, 1, lineageOf(t, each).Losses(key))
		require.ErrorIs(t, each.Intend(background, intent(key, 3), history.Doubt{}), persist.ErrIntended, "who looked before it does not know")
		require.Zero(t, lineageOf(t, each).Losses(ledgerKey("another")))
		require.Zero(t, doubtOf(t, each, key), "its holder lived to tell")
	}
}

func objection(profile string, second int) persist.Entry {
	return persist.Entry{Kind: persist.Deferred, Profile: profile, Objection: evidence.BlockMisconfigured, At: tick(second)}
}

func objectionStands(t *testing.T, site LedgerSite) {
	key, dead, ledger, late := ledgerKey("objected"), site.Start(), site.Start(), site.Start()
	require.NoError(t, dead.Intend(background, intent(key, 1), history.Doubt{}))
	site.Crash(dead)
	doubt := doubtOf(t, ledger, key)
	mine := intent(key, 2)
	mine.Profile = "profile"
	require.NoError(t, ledger.Intend(background, mine, doubt))
	require.NoError(t, ledger.Conclude(background, key, objection("profile", 3)))
	require.Equal(t, doubt, doubtOf(t, ledger, key), "the first post is as much in doubt as it was")
	site.Crash(ledger)

	for _, each := range []persist.Ledger{late, site.Start()} {
		require.Equal(t, evidence.BlockMisconfigured, lineageOf(t, each).Objection(key, "profile").Why)
		require.Nil(t, lineageOf(t, each).VerdictOn(key), "it condemns nothing")
		require.ErrorIs(t, each.Intend(background, mine, doubt), persist.ErrIntended, "who looked before it does not know")
		require.Equal(t, doubt, doubtOf(t, each, key), "who may not post leaves nothing")
	}
	other := intent(key, 4)
	other.Profile = "another profile"
	require.NoError(t, late.Intend(background, other, doubt))
	require.NoError(t, late.Conclude(background, key, objection(other.Profile, 5)))
	login := persist.Entry{Kind: persist.Login, TokenID: key, Profile: "profile", At: tick(6)}
	require.NoError(t, late.Append(background, login))
	require.NoError(t, late.Intend(background, mine, doubt), "the user has logged in, and was given the same token")
}

func comesLate(t *testing.T, site LedgerSite) {
	early, late := site.Start(), site.Start()
	for _, outcome := range []persist.Entry{
		{Kind: persist.Rotated, At: tick(2), NextID: ledgerKey("next")},
		{Kind: persist.Refused, At: tick(2), Reason: history.ReasonExpired},
	} {
		key := ledgerKey(string(outcome.Kind))
		doubt := doubtOf(t, late, key)
		require.NoError(t, early.Intend(background, intent(key, 1), history.Doubt{}))
		require.NoError(t, early.Conclude(background, key, outcome))
		require.ErrorIs(t, late.Intend(background, intent(key, 3), doubt), persist.ErrIntended)
		require.Zero(t, doubtOf(t, late, key), "who may not post leaves nothing")
	}
}

func verdictsSurvive(t *testing.T, site LedgerSite) {
	dead, spent, odd := ledgerKey("dead"), ledgerKey("spent"), ledgerKey("odd")
	ledger := site.Start()
	access := secret.New("access").Fingerprint()
	for _, e := range []persist.Entry{
		{Kind: persist.Rotated, TokenID: spent, NextID: dead, Access: access, At: tick(1)},
		{Kind: "pardon", TokenID: spent, At: tick(2)}, // a kind of a newer version
		{Kind: persist.Refused, TokenID: odd, Reason: history.ReasonUnexplained, NotBefore: tick(99), Failures: 3, At: tick(4)},
		{Kind: persist.Logout, At: tick(5)},
	} {
		require.NoError(t, ledger.Append(background, e))
	}
	require.NoError(t, ledger.Conclude(background, dead, persist.Entry{Kind: persist.Refused, Access: access, Reason: history.ReasonRevoked, InDoubt: true, At: tick(3)}))
	site.Crash(ledger)

	require.Equal(t, history.TokenHistory{
		Verdicts: []history.Verdict{
			{TokenID: spent, Access: access, Reason: history.ReasonSpent, At: tick(1)},
			{TokenID: dead, Access: access, Reason: history.ReasonRevoked, InDoubt: true, At: tick(3)},
		},
		Condemned: history.Condemned{}.With(
			history.Verdict{TokenID: spent, Reason: history.ReasonSpent}, history.Verdict{TokenID: dead, Reason: history.ReasonRevoked}),
		Rotations:   []history.Rotation{{TokenID: dead, At: tick(1)}},
		Successions: []history.Succession{{TokenID: spent, Next: dead}},
		LoggedOut:   true,
	}, lineageOf(t, site.Start()))
}

func noKey(t *testing.T, site LedgerSite) {
	ledger := site.Start()
	require.Error(t, ledger.Intend(background, intent("", 1), history.Doubt{}))
	require.Zero(t, doubtOf(t, ledger, ""))
}

// notCrowdedOut is a refusal and a spent token, from before many refreshes.
func notCrowdedOut(t *testing.T, site LedgerSite) {
	ledger, dead := site.Start(), ledgerKey("dead")
	require.NoError(t, ledger.Conclude(background, dead, persist.Entry{Kind: persist.Refused, Reason: history.ReasonExpired, At: tick(1)}))
	token := func(n int) secret.Fingerprint { return ledgerKey(fmt.Sprint("token ", n)) }
	refreshes := affordable(1500)
	for n := range refreshes {
		require.NoError(t, ledger.Conclude(background, token(n), persist.Entry{Kind: persist.Rotated, NextID: token(n + 1), At: tick(2)}))
	}
	for _, each := range []persist.Ledger{ledger, site.Start()} {
		lineage := lineageOf(t, each)
		require.NotNil(t, lineage.VerdictOn(dead))
		require.NotEqual(t, history.ReasonSpent, lineage.VerdictOn(dead).Reason)
		for n := range refreshes {
			require.NotNil(t, lineage.VerdictOn(token(n)), n)
			require.Equal(t, history.ReasonSpent, lineage.VerdictOn(token(n)).Reason)
		}
		require.Nil(t, lineage.VerdictOn(token(refreshes)))
		require.ErrorIs(t, each.Intend(background, intent(token(0), 3), history.Doubt{}), persist.ErrIntended)
	}
}

// longHistory is long enough for every ledger to have shortened its journal.
func longHistory(t *testing.T, site LedgerSite) {
	ledger, open, dead, lost, ended := site.Start(), ledgerKey("open"), ledgerKey("dead"), ledgerKey("lost"), ledgerKey("ended")
	crashed := site.Start()
	require.NoError(t, crashed.Intend(background, intent(open, 0), history.Doubt{}))
	site.Crash(crashed)
	require.NoError(t, ledger.Conclude(background, lost, persist.Entry{Kind: persist.Deferred, Lost: true, Endpoint: "other", At: tick(1)}))
	made := persist.Entry{Kind: persist.Login, TokenID: ledgerKey("made"), Access: "access", Owner: "owner", At: tick(1)}
	require.NoError(t, ledger.Append(background, made))
	require.NoError(t, ledger.Append(background, persist.Entry{Kind: persist.Logout, TokenID: ended, At: tick(1)}))
	require.NoError(t, ledger.Conclude(background, dead, persist.Entry{Kind: persist.Refused, Reason: history.ReasonReused, InDoubt: true, At: tick(2)}))
	other := persist.Entry{Kind: persist.Refused, Reason: history.ReasonUnexplained, Endpoint: "other"}
	for i := range affordable(2000) {
		require.NoError(t, ledger.Conclude(background, ledgerKey("other"), other), i)
	}
	fresh := site.Start()
	require.Equal(t, history.Doubt{Since: tick(0), Times: 1, HolderGone: true}, doubtOf(t, fresh, open))
	require.Equal(t, history.TokenHistory{
		Verdicts: []history.Verdict{{TokenID: dead, Reason: history.ReasonReused, InDoubt: true, At: tick(2)}}, LoggedOut: true,
		Condemned: history.Condemned{}.With(history.Verdict{TokenID: dead, Reason: history.ReasonReused}),
		Lost:      []history.Loss{{TokenID: lost, Times: 1}}, Ended: []history.Ending{{TokenID: made.TokenID, Undone: true}, {TokenID: ended}},
		Origins:   []history.Origin{{Owner: "owner"}},
		LastLogin: history.Login{TokenID: made.TokenID, Access: "access", Owner: "owner", At: tick(1)},
	}, lineageOf(t, fresh))
}
