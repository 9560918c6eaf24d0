package file

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/system"
)

// intended is a ledger with one open intent of this process, and its doubt at
// a later time.
func intended(t *testing.T, by func(*Ledger)) (*Ledger, func(after time.Duration) history.Doubt) {
	now := ledgerNoon
	ledger := openTestLedger(t, LedgerOptions{Now: func() time.Time { return now }})
	us := *ledger
	by(ledger)
	e := persist.Entry{Kind: persist.Intended, TokenID: ledgerKey(1), At: now}
	require.NoError(t, ledger.Intend(background, e, history.Doubt{}))
	return &us, func(after time.Duration) history.Doubt {
		now = ledgerNoon.Add(after)
		doubt, err := us.Doubt(background, ledgerKey(1))
		require.NoError(t, err)
		return doubt
	}
}

func nowhere() process { return process{} }

func elsewhere() process { return process{Host: "there", PIDNamespace: "there", Started: "1"} }

// earlier is a process that had this one's number.
func earlier() process {
	h := thisProcess(system.Here)()
	h.Started = "1"
	return h
}

func TestIntentOfALivingProcessIsRespected(t *testing.T) {
	_, doubt := intended(t, func(*Ledger) {})
	require.Equal(t, history.Doubt{Since: ledgerNoon, Times: 1}, doubt(0))
	require.False(t, doubt(35*time.Second).HolderGone)
	require.False(t, doubt(35*time.Second+endpoint.HearingLimit).HolderGone, "it may still listen for the answer")
	require.True(t, doubt(35*time.Second+endpoint.HearingLimit+1).HolderGone)
}

func TestAProcessWithARecycledNumberIsNotTheHolder(t *testing.T) {
	if identify(system.Here, os.Getpid()).Started == "" {
		t.Skip("this system does not say")
	}
	_, doubt := intended(t, func(l *Ledger) { l.me = earlier })
	require.True(t, doubt(0).HolderGone)
}

func TestUnknownHolderIsGoneWhenItsPostMustHaveEnded(t *testing.T) {
	for name, by := range map[string]func(*Ledger){
		"another machine":    func(l *Ledger) { l.pid, l.me = 1<<30, elsewhere },
		"an unknown machine": func(l *Ledger) { l.pid, l.me = 1<<30, nowhere },
	} {
		t.Run(name, func(t *testing.T) {
			_, doubt := intended(t, by)
			require.False(t, doubt(35*time.Second).HolderGone)
			require.True(t, doubt(36*time.Second).HolderGone)
		})
	}
}

func TestHolderIsUnknownWhereProcessesHaveNoRealm(t *testing.T) {
	us, doubt := intended(t, func(l *Ledger) { l.pid, l.me = 1<<30, nowhere })
	us.me = nowhere
	require.False(t, doubt(0).HolderGone)
}

func TestAnIntentFromTheFutureDoesNotWaitForIt(t *testing.T) {
	_, doubt := intended(t, func(*Ledger) {})
	require.False(t, doubt(-30*time.Second).HolderGone, "clocks differ a little")
	require.True(t, doubt(-time.Hour).HolderGone, "the clock went back")
}

func TestAKilledProcessIsGoneEvenBeforeItIsBuried(t *testing.T) {
	body := living(t)
	if identify(system.Here, body.Process.Pid).Started == "" {
		t.Skip("this system does not say")
	}
	me := identify(system.Here, body.Process.Pid)
	require.False(t, me.ended(system.Here, body.Process.Pid, me))
	require.NoError(t, body.Process.Kill())
	require.Eventually(t, func() bool { return me.ended(system.Here, body.Process.Pid, me) }, 5*time.Second, time.Millisecond)
	body.Wait()
	require.True(t, me.ended(system.Here, body.Process.Pid, me))
}

func TestAnIntentWithoutContentIsInDoubtUntilItIsOld(t *testing.T) {
	us, doubt := intended(t, func(*Ledger) {})
	path := filepath.Join(us.intents, intentFiles(t, us)[0])
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Chtimes(path, ledgerNoon, ledgerNoon))
	require.Equal(t, 1, doubt(0).Times)
	require.True(t, doubt(0).Since.Equal(ledgerNoon))
	require.False(t, doubt(0).HolderGone)
	require.True(t, doubt(36*time.Second).HolderGone)
}

// A virus scanner may have it open, where files are not shared, and its process may live and
// hear a late answer. But a file that root has left must not block a login for ever.
func TestAnIntentThatCannotBeReadIsInDoubtUntilItsAnswerIsTooLate(t *testing.T) {
	us, _ := intended(t, func(*Ledger) {})
	shut := *us
	shut.disk.On = holding{system.Here, filepath.Join(us.intents, intentFiles(t, us)[0])}
	made := shut.modified(t)
	for _, each := range []struct {
		age  time.Duration
		gone bool
	}{{0, false}, {36 * time.Second, false}, {endpoint.HearingLimit + 34*time.Second, false}, {endpoint.HearingLimit + 36*time.Second, true}} {
		shut.now = func() time.Time { return made.Add(each.age) }
		for _, look := range []func(context.Context, secret.Fingerprint) (history.Doubt, error){shut.Doubt, shut.PeekDoubt} {
			doubt, err := look(background, ledgerKey(1))
			require.NoError(t, err)
			require.Equal(t, 1, doubt.Times, each.age)
			require.Equal(t, each.gone, doubt.HolderGone, each.age)
		}
	}
	require.NoError(t, shut.compact())
	require.Len(t, intentFiles(t, us), 1, "a compaction does not take it for an old one")
	require.NoError(t, shut.Conclude(background, ledgerKey(1), refusal(1)))
	require.Empty(t, intentFiles(t, us), "an outcome closes it, though its maker cannot be read")
}

// modified is when the one intent was written.
func (l *Ledger) modified(t *testing.T) time.Time {
	info, err := os.Stat(filepath.Join(l.intents, intentFiles(t, l)[0]))
	require.NoError(t, err)
	return info.ModTime()
}

// holding is a system on which a file cannot be opened, because another program has it.
type holding struct {
	system.System
	path string
}

func (h holding) Open(path string, flag int) (*os.File, error) {
	if path == h.path {
		return nil, &os.PathError{Op: "open", Path: path, Err: system.ErrHeld}
	}
	return h.System.Open(path, flag)
}

// One that is closed between the list of the folder and the look at it is no doubt.
func TestAnIntentThatIsClosedMeanwhileIsNone(t *testing.T) {
	us, _ := intended(t, func(*Ledger) {})
	us.disk.On = vanishing{system.Here, filepath.Join(us.intents, intentFiles(t, us)[0])}
	doubt, err := us.Doubt(background, ledgerKey(1))
	require.NoError(t, err)
	require.Zero(t, doubt)
}

// vanishing is a system on which a file is removed just before it is opened.
type vanishing struct {
	system.System
	path string
}

func (v vanishing) Open(path string, flag int) (*os.File, error) {
	if path == v.path {
		os.Remove(path)
	}
	return v.System.Open(path, flag)
}

// The process died between the outcome and the removal of its intent.
func TestPeekDoubtLeavesTheIntentsWhereTheyAre(t *testing.T) {
	us, doubt := intended(t, func(*Ledger) {})
	require.NoError(t, us.Append(background, persist.Entry{Kind: persist.Refused, TokenID: ledgerKey(1), At: ledgerNoon}))
	peeked, err := us.PeekDoubt(background, ledgerKey(1))
	require.NoError(t, err)
	require.Zero(t, peeked, "its outcome is known")
	require.Len(t, intentFiles(t, us), 1)
	require.Zero(t, doubt(0))
	require.Empty(t, intentFiles(t, us), "who does not only look clears it up")
}

func TestADoubtOutlivesALostJournal(t *testing.T) {
	us, doubt := intended(t, func(*Ledger) {})
	require.NoError(t, os.Remove(us.journal.path))
	require.Equal(t, 1, doubt(0).Times)
}

func TestOtherFilesAmongTheIntentsAreNobodys(t *testing.T) {
	us, doubt := intended(t, func(*Ledger) {})
	for _, name := range []string{".DS_Store", "x", "x.", "x.0", "x.-1", string(ledgerKey(1)) + ".x", string(ledgerKey(2)) + ".7"} {
		require.NoError(t, os.WriteFile(filepath.Join(us.intents, name), []byte("{}"), 0o600))
	}
	require.Equal(t, 1, doubt(0).Times)
	nobodys, err := us.Doubt(background, "x")
	require.NoError(t, err)
	require.Zero(t, nobodys)

	us.now = time.Now
	renamed, err := us.Doubt(background, ledgerKey(2))
	require.NoError(t, err)
	require.Equal(t, 7, renamed.Times)
	require.False(t, renamed.HolderGone, "its content is about something else, and the file is young")
}

func TestAFileInPlaceOfTheIntentsStopsEveryPost(t *testing.T) {
	ledger := openTestLedger(t, LedgerOptions{})
	require.NoError(t, os.WriteFile(ledger.intents, nil, 0o600))
	_, err := ledger.Doubt(background, ledgerKey(1))
	var unavailable *persist.UnavailableError
	require.ErrorAs(t, err, &unavailable)
	err = ledger.Intend(background, persist.Entry{TokenID: ledgerKey(1), At: ledgerNoon}, history.Doubt{})
	var notDurable *persist.NotDurableError
	require.ErrorAs(t, err, &notDurable)
	require.False(t, errors.Is(err, persist.ErrIntended))
}

func TestADoubtThatTheJournalCannotSettleStopsThePost(t *testing.T) {
	us, _ := intended(t, func(*Ledger) {})
	require.NoError(t, os.Remove(us.journal.path))
	require.NoError(t, os.Mkdir(us.journal.path, 0o700))
	_, err := us.Doubt(background, ledgerKey(1))
	var unavailable *persist.UnavailableError
	require.ErrorAs(t, err, &unavailable)
}

// A process would close an intent that is another process's by then, if names
// were all that it went by.
func TestIntentBeforeItsJournalLineIsNotConcluded(t *testing.T) {
	var ledger, watcher *Ledger
	looked := false
	ledger = openTestLedger(t, LedgerOptions{Disk: disk.Disk{Before: func(step string) {
		if step != "append: write" || len(intentFiles(t, ledger)) == 0 || watcher == nil || looked {
			return
		}
		looked = true
		doubt, err := watcher.Doubt(background, ledgerKey(1))
		require.NoError(t, err)
		require.Equal(t, 1, doubt.Times)
		require.NoError(t, watcher.compact())
	}}})
	e := persist.Entry{Kind: persist.Intended, TokenID: ledgerKey(1), At: ledgerNoon}
	unexplained := persist.Entry{Kind: persist.Refused, Reason: history.ReasonUnexplained}
	require.NoError(t, ledger.Intend(background, e, history.Doubt{}))
	require.NoError(t, ledger.Conclude(background, ledgerKey(1), unexplained))

	other := *ledger
	other.journal = newJournal(ledger.journal.path, ledger.issuer, LedgerOptions{}.withDefaults())
	watcher = &other
	e.At = ledgerNoon.Add(time.Second)
	require.NoError(t, ledger.Intend(background, e, history.Doubt{}))
	require.True(t, looked)
	require.Len(t, intentFiles(t, ledger), 1)
}

func TestCompactionSweepsOldIntents(t *testing.T) {
	now := ledgerNoon
	ledger := openTestLedger(t, LedgerOptions{LimitBytes: 1, Now: func() time.Time { return now }})
	for n, days := range []int{40, 31, 29, 0} {
		e := persist.Entry{Kind: persist.Intended, TokenID: ledgerKey(n), At: now.Add(-time.Duration(days) * 24 * time.Hour)}
		require.NoError(t, ledger.Intend(background, e, history.Doubt{}))
	}
	appendAll(t, ledger, persist.Entry{Kind: persist.Rotated, TokenID: ledgerKey(3), NextID: ledgerKey(3)}) // and died
	require.NoError(t, ledger.Conclude(background, ledgerKey(9), refusal(9)))
	require.Equal(t, []string{string(ledgerKey(2)) + ".1"}, intentFiles(t, ledger))
}

// Two containers on one home may give the same number to their processes. Only
// the process that made an intent may take it back: what another one left open
// is a doubt about a token that may be spent.
func TestTakeBackSparesAnotherProcessOfTheSameNumber(t *testing.T) {
	key := ledgerKey(1)
	made := func(l *Ledger, doubt history.Doubt) {
		require.NoError(t, l.Intend(background, persist.Entry{Kind: persist.Intended, TokenID: key, At: ledgerNoon}, doubt))
	}
	ledger := openTestLedger(t, LedgerOptions{Now: func() time.Time { return ledgerNoon }})
	namesake := *ledger
	namesake.me = elsewhere
	made(ledger, history.Doubt{})
	made(&namesake, history.Doubt{Times: 1})
	deferred := persist.Entry{Kind: persist.Deferred, At: ledgerNoon}
	require.NoError(t, ledger.Conclude(background, key, deferred))
	left, err := ledger.intentsOf(key)
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.Equal(t, elsewhere(), left[0].process)
}
