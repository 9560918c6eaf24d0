package file

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/journal"
	"github.com/bezoar-auth/bezoar/store/storetest"
)

// postDeeds are what a process may be doing with a ledger when it dies.
var postDeeds = map[string]func(ledger *Ledger, arm func()) error{
	"intend": func(ledger *Ledger, arm func()) error {
		arm()
		return ledger.Intend(background, crashedIntent, history.Doubt{})
	},
	"rotate": func(ledger *Ledger, arm func()) error {
		err := ledger.Intend(background, crashedIntent, history.Doubt{})
		arm()
		return errors.Join(err, ledger.Conclude(background, ledgerKey(1), crashedOutcome))
	},
	"replay": func(ledger *Ledger, arm func()) error {
		err := ledger.Intend(background, crashedIntent, history.Doubt{})
		err = errors.Join(err, ledger.Intend(background, crashedIntent, history.Doubt{Times: 1}))
		arm()
		return errors.Join(err, ledger.Conclude(background, ledgerKey(1), crashedOutcome))
	},
	"take back": func(ledger *Ledger, arm func()) error {
		err := ledger.Intend(background, crashedIntent, history.Doubt{})
		arm()
		return errors.Join(err, ledger.Conclude(background, ledgerKey(1), persist.Entry{Kind: persist.Deferred, At: ledgerNoon}))
	},
	"object": func(ledger *Ledger, arm func()) error {
		err := ledger.Intend(background, crashedIntent, history.Doubt{})
		arm()
		return errors.Join(err, ledger.Conclude(background, ledgerKey(1), crashedObjection))
	},
	"object to a replay": func(ledger *Ledger, arm func()) error {
		err := ledger.Intend(background, crashedIntent, history.Doubt{})
		replay := crashedIntent
		replay.At = replay.At.Add(time.Second)
		err = errors.Join(err, ledger.Intend(background, replay, history.Doubt{Times: 1}))
		arm()
		return errors.Join(err, ledger.Conclude(background, ledgerKey(1), crashedObjection))
	},
	"compact": func(ledger *Ledger, arm func()) error {
		arm()
		return ledger.compact()
	},
}

func init() {
	for name, deed := range postDeeds {
		deeds[name] = func(home string, step func(string), arm func()) error {
			return deed(OpenLedger(home, storetest.LedgerIssuer, LedgerOptions{Disk: disk.Disk{Before: step}}), arm)
		}
	}
}

var (
	crashedIntent    = persist.Entry{Kind: persist.Intended, TokenID: ledgerKey(1), At: time.Now().UTC()}
	crashedObjection = persist.Entry{Kind: persist.Deferred, Objection: evidence.BlockMisconfigured, Profile: "profile", At: ledgerNoon}
	crashedOutcome   = persist.Entry{Kind: persist.Rotated, TokenID: ledgerKey(1), NextID: ledgerKey(2), At: ledgerNoon}
)

// crashLedgerEverywhere is [crashEverywhere] for those who look at the ledger.
func crashLedgerEverywhere(t *testing.T, what string, prepare func(dir string), look func(ledger *Ledger) string) map[string]string {
	t.Helper()
	return crashEverywhere(t, what, prepare, func(_, home string) string {
		return look(OpenLedger(home, storetest.LedgerIssuer, LedgerOptions{LimitBytes: 1}))
	})
}

// standing says what a ledger makes of the token that a process died over, and
// checks that the next process may go on from there.
func standing(t *testing.T, ledger *Ledger) string {
	known, err := ledger.History(background)
	require.NoError(t, err)
	doubt, err := ledger.Doubt(background, ledgerKey(1))
	require.NoError(t, err)
	if known.VerdictOn(ledgerKey(1)) != nil {
		require.Zero(t, doubt)
		require.Empty(t, intentFiles(t, ledger), "what is left of the post is cleared away")
		return "spent"
	}
	require.NoError(t, ledger.Intend(background, persist.Entry{TokenID: ledgerKey(1), At: time.Now()}, doubt), "one may go on")
	switch {
	case doubt.Times == 0:
		return "unspent"
	case !doubt.HolderGone:
		return "in doubt, holder unknown"
	}
	return "in doubt, holder gone"
}

func inNothing(string) {}

func TestKillBeforeThePostLeavesADoubtAtMost(t *testing.T) {
	const unspent, inDoubt = "unspent", "in doubt, holder gone"
	require.Equal(t, map[string]string{
		"before intent: make folder":        unspent,
		"before intent: sync parent folder": unspent,
		"before intent: create":             unspent,
		"before intent: write":              "in doubt, holder unknown",
		"before intent: sync":               inDoubt,
		"before intent: sync folder":        inDoubt,
		"before append: write":              inDoubt,
		"before append: sync folder":        inDoubt,
		"at the end":                        inDoubt,
	}, crashLedgerEverywhere(t, "intend", inNothing, func(ledger *Ledger) string { return standing(t, ledger) }))
}

func TestKillAfterThePostLeavesADoubtOrAVerdict(t *testing.T) {
	look := func(ledger *Ledger) string { return standing(t, ledger) }
	for _, what := range []string{"rotate", "replay"} {
		t.Run(what, func(t *testing.T) {
			require.Equal(t, map[string]string{
				"before append: write":  "in doubt, holder gone",
				"before append: sync":   "spent",
				"before intent: remove": "spent",
				"at the end":            "spent",
			}, crashLedgerEverywhere(t, what, inNothing, look))
		})
	}
	t.Run("take back", func(t *testing.T) {
		require.Equal(t, map[string]string{
			"before intent: remove": "in doubt, holder gone",
			"before append: write":  "unspent",
			"at the end":            "unspent",
		}, crashLedgerEverywhere(t, "take back", inNothing, look))
	})
}

// No process posts the token under the profile once the objection is written, and no
// intent is left that would call the token spent.
func TestKillAfterAnObjectionLeavesItAndNoDoubt(t *testing.T) {
	for what, before := range map[string]string{"object": "unspent", "object to a replay": "in doubt, holder gone"} {
		look := func(ledger *Ledger) string {
			known, err := ledger.History(background)
			require.NoError(t, err)
			said := ""
			if known.Objection(ledgerKey(1), "profile") != nil {
				said = "objected, and "
			}
			return said + standing(t, ledger)
		}
		t.Run(what, func(t *testing.T) {
			require.Equal(t, map[string]string{
				"before append: write":  "in doubt, holder gone",
				"before append: sync":   "objected, and " + before,
				"before intent: remove": "objected, and " + before,
				"at the end":            "objected, and " + before,
			}, crashLedgerEverywhere(t, what, inNothing, look))
		})
	}
}

func TestKillInACompactionLosesNothingNeeded(t *testing.T) {
	prepare := func(dir string) {
		ledger := OpenLedger(dir, storetest.LedgerIssuer, LedgerOptions{})
		require.NoError(t, ledger.Intend(background, crashedIntent, history.Doubt{}))
		appendAll(t, ledger, persist.Entry{Kind: persist.Logout}, refusal(7))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "auth.json.1.tmp"), nil, 0o600))
		for range 600 {
			appendAll(t, ledger, persist.Entry{Kind: persist.Deferred, Endpoint: "elsewhere"})
		}
	}
	look := func(ledger *Ledger) string {
		require.Equal(t, []secret.Fingerprint{ledgerKey(7)}, verdictsOf(t, ledger))
		known, err := ledger.History(background)
		require.NoError(t, err)
		require.True(t, known.LoggedOut)
		doubt, err := ledger.Doubt(background, ledgerKey(1))
		require.NoError(t, err)
		require.Equal(t, 1, doubt.Times)
		entries, err := journal.Newest(ledger.Entries(), 1<<20)
		require.NoError(t, err)

		require.NoError(t, ledger.compact())
		requireNoLitter(t, filepath.Dir(ledger.journal.path), LedgerName, LedgerName+".lock", "auth.intents", "auth.json.1.tmp")
		if len(entries) > 600 {
			return "old journal"
		}
		return "new journal"
	}
	require.Equal(t, map[string]string{
		"before compact: create":      "old journal",
		"before compact: write":       "old journal",
		"before compact: sync":        "old journal",
		"before compact: rename":      "old journal",
		"before compact: sync folder": "new journal",
		"at the end":                  "new journal",
	}, crashLedgerEverywhere(t, "compact", prepare, look))
}
