package account

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/scenetest"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

// TestStoryMatchesTheLedger has ledgers, and what why must and must not say of each.
func TestStoryMatchesTheLedger(t *testing.T) {
	intent := func(pid int) persist.Entry {
		return persist.Entry{Kind: persist.Intended, PID: pid, Cause: endpoint.CauseExpiring}
	}
	refused := func(pid int, reason history.Reason) persist.Entry {
		return persist.Entry{Kind: persist.Refused, PID: pid, Cause: endpoint.CauseExpiring, Reason: reason}
	}
	deferred := func(pid int, e evidence.Evidence, lost bool) persist.Entry {
		return persist.Entry{Kind: persist.Deferred, PID: pid, Lost: lost, Repeated: evidence.Repeated{Evidence: e, Times: 1}}
	}
	const copies = "two programs that each refresh a copy of one login"
	for name, each := range map[string]struct {
		ledger []persist.Entry
		says   []string
		not    []string
	}{
		"used elsewhere": {
			[]persist.Entry{intent(11), refused(11, history.ReasonReused)},
			[]string{copies}, []string{"recorded", "ended"},
		},
		"killed in the post, then refused": { // case 31
			[]persist.Entry{intent(11), intent(12), refused(12, history.ReasonReused)},
			[]string{"the outcome was not recorded (process 11 ended before that)", "The likely cause is process 11, which ended while the issuer answered"},
			[]string{copies, "process 12 ended"},
		},
		"killed in the post, then not accepted": {
			[]persist.Entry{intent(11), intent(12), refused(12, history.ReasonInvalidGrant)},
			[]string{"The likely cause is process 11, which ended"}, nil,
		},
		"killed in the post, then revoked": { // which a spent token is not
			[]persist.Entry{intent(11), intent(12), refused(12, history.ReasonRevoked)},
			[]string{"a logout elsewhere"}, []string{"This comes of process 11"},
		},
		"an answer was lost, then refused": {
			[]persist.Entry{intent(11), deferred(11, evidence.Evidence{Problem: evidence.ProblemConnectionBroken}, true), intent(12), refused(12, history.ReasonReused)},
			[]string{"the connection to the issuer broke, so an answer may be lost", "The likely cause is an answer that was lost on its way to process 11"},
			[]string{copies, "not recorded"},
		},
		"the issuer was down before": {
			[]persist.Entry{intent(11), deferred(11, evidence.Evidence{Status: 503}, false), intent(12), refused(12, history.ReasonReused)},
			[]string{"the issuer answered 503 (process 11)", copies}, []string{"not recorded", "ended"},
		},
		"two outages in a row": {
			[]persist.Entry{
				intent(11), deferred(11, evidence.Evidence{Status: 503}, false), intent(11), deferred(11, evidence.Evidence{Status: 503}, false),
				intent(12), deferred(12, evidence.Evidence{Problem: evidence.ProblemCertificate}, false),
			},
			[]string{"the issuer answered 503, 2 times since", "the issuer's certificate is not trusted here (process 12)"},
			[]string{"not recorded", "could not be asked"},
		},
		"in doubt twice": {
			nil, // see below: the files of the intents count
			[]string{"the outcome was not recorded", "processes that ended"}, []string{copies},
		},
		"a new refresh token came alone": {
			[]persist.Entry{intent(11), {Kind: persist.Deferred, PID: 11, NextID: "fedcba9876543210", Repeated: evidence.Repeated{Evidence: evidence.Evidence{Status: 200, Problem: evidence.ProblemNoToken}, Times: 1}}},
			[]string{"the issuer answered 200 without a usable token, but with a new refresh token, fedcba98"}, []string{"not recorded"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := scenetest.New(t, -time.Hour)
			ago := time.Duration(len(each.ledger)) * 2 * time.Minute
			for _, e := range each.ledger {
				s.Note(ago, e)
				ago -= 2 * time.Minute
			}
			if each.ledger == nil {
				s.Intend(20*time.Minute, 1).Intend(10*time.Minute, 2)
			}
			told, code := runOn(t, s, "why")
			require.Equal(t, cli.ExitOK, code)
			told = strings.ReplaceAll(told, "\n", " ")
			for _, text := range each.says {
				require.Contains(t, told, text)
			}
			for _, text := range each.not {
				require.NotContains(t, told, text)
			}
		})
	}
}

// A process records a logout before it removes the login, and then that this failed.
func TestStoryHasNoLogoutThatFailed(t *testing.T) {
	s := scenetest.New(t, time.Hour)
	s.Note(3*time.Hour, persist.Entry{Kind: persist.Login, PID: 10}).Note(2*time.Hour, persist.Entry{Kind: persist.Logout, PID: 11})
	s.Note(time.Hour, persist.Entry{Kind: persist.LogoutFailed, PID: 11})
	told, _ := runOn(t, s, "why")
	require.Contains(t, told, "Logged in")
	require.Contains(t, told, "Tried to log out, but the stored login could not be removed (process 11).")
	require.NotContains(t, told, "Logged out")

	printed, _ := runOn(t, s, "log")
	columns := map[int]bool{}
	for line := range strings.Lines(printed) {
		columns[strings.Index(line, "  1")] = true
	}
	require.Len(t, columns, 1, "the process stands in one column:\n"+printed)
}

// The process apart of bezoar token refreshes, and bezoar token takes up what it stored.
func TestStoryKnowsTokensOfThisHome(t *testing.T) {
	const another = "Another program stored a login"
	s := scenetest.New(t, time.Hour)
	s.Note(3*time.Hour, persist.Entry{Kind: persist.Login, PID: 10}).Note(2*time.Hour, persist.Entry{Kind: persist.Rotated, PID: 12, NextID: s.Key})
	s.Note(time.Hour, persist.Entry{Kind: persist.Adopted, PID: 11})
	told, _ := runOn(t, s, "why")
	require.Contains(t, told, "Logged in")
	require.Contains(t, told, "The tokens were refreshed")
	require.NotContains(t, told, another)

	s.Note(30*time.Minute, persist.Entry{Kind: persist.Logout}).Note(20*time.Minute, persist.Entry{Kind: persist.Adopted, PID: 11})
	told, _ = runOn(t, s, "why")
	require.Contains(t, told, another, "a copy has brought it back")
}
