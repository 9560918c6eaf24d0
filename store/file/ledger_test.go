package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/journal"
	"github.com/bezoar-auth/bezoar/store/storetest"
	"github.com/bezoar-auth/bezoar/store/system"
	"github.com/bezoar-auth/bezoar/store/system/systemtest"
)

// ledgerSite is a folder, and real processes in whose name the test writes.
type ledgerSite struct {
	t       *testing.T
	dir     string
	options LedgerOptions
	bodies  map[persist.Ledger]*exec.Cmd
}

func (s *ledgerSite) Start() persist.Ledger {
	body := living(s.t)
	ledger := OpenLedger(s.dir, storetest.LedgerIssuer, s.options)
	me := identify(system.Here, body.Process.Pid)
	ledger.pid, ledger.me = body.Process.Pid, func() process { return me }
	s.bodies[ledger] = body
	return ledger
}

func (s *ledgerSite) Crash(ledger persist.Ledger) {
	require.NoError(s.t, s.bodies[ledger].Process.Kill())
	s.bodies[ledger].Wait()
}

func TestLedgerKeepsTheContract(t *testing.T) {
	storetest.RunLedger(t, func(t *testing.T) storetest.LedgerSite {
		return &ledgerSite{t: t, dir: machinetest.Dir(t), bodies: map[persist.Ledger]*exec.Cmd{}, options: LedgerOptions{
			LimitBytes:   2 << 10,   // it is compacted all the time
			PostDeadline: time.Hour, // and no intent is old
			Now:          func() time.Time { return ledgerNoon },
		}}
	})
}

var (
	background = context.Background()
	ledgerNoon = time.Date(2026, 11, 24, 5, 0, 0, 0, time.UTC)
)

func ledgerKey(n int) secret.Fingerprint {
	return storetest.LedgerIssuer.TokenID(secret.New("token " + strconv.Itoa(n)))
}

func openTestLedger(t *testing.T, options LedgerOptions) *Ledger {
	return OpenLedger(machinetest.Dir(t), storetest.LedgerIssuer, options)
}

func refusal(n int) persist.Entry {
	return persist.Entry{Kind: persist.Refused, TokenID: ledgerKey(n), Reason: history.ReasonReused, At: ledgerNoon, PID: 1, Endpoint: "e"}
}

func appendAll(t *testing.T, ledger *Ledger, entries ...persist.Entry) {
	t.Helper()
	for _, e := range entries {
		require.NoError(t, ledger.Append(background, e))
	}
}

// verdictsOf are the keys that the ledger condemns, as a fresh process sees it.
func verdictsOf(t *testing.T, ledger *Ledger) []secret.Fingerprint {
	t.Helper()
	fresh := OpenLedger(filepath.Dir(ledger.journal.path), ledger.issuer, LedgerOptions{})
	var keys []secret.Fingerprint
	for _, each := range []*Ledger{fresh, ledger} {
		known, err := each.History(background)
		require.NoError(t, err)
		keys = nil
		for _, verdict := range known.Verdicts {
			keys = append(keys, verdict.TokenID)
		}
	}
	return keys
}

func TestLedgerFilesAreForTheirOwnerAlone(t *testing.T) {
	ledger := openTestLedger(t, LedgerOptions{})
	require.NoError(t, ledger.Intend(background, persist.Entry{TokenID: ledgerKey(1), At: time.Now()}, history.Doubt{}))
	count := 0
	require.NoError(t, filepath.WalkDir(filepath.Dir(ledger.intents), func(path string, d fs.DirEntry, err error) error {
		if !d.IsDir() {
			count++
			systemtest.RequireForOwnerAlone(t, path)
		}
		return err
	}))
	require.Equal(t, 3, count, "the journal, its lock and the intent")
}

func TestLedgerHoldsNoSecret(t *testing.T) {
	const sentinel = "S3NT1NEL"
	var log bytes.Buffer
	ledger := openTestLedger(t, LedgerOptions{LimitBytes: 1, Log: slog.New(slog.NewTextHandler(&log, nil))})
	key := storetest.LedgerIssuer.TokenID(secret.New(sentinel))
	e := persist.Entry{Kind: persist.Intended, TokenID: key, Access: secret.New(sentinel).Fingerprint(), At: time.Now()}
	require.NoError(t, ledger.Intend(background, e, history.Doubt{}))
	require.NoError(t, ledger.Conclude(background, key, persist.Entry{Kind: persist.Refused, Reason: history.ReasonReused}))
	require.NoError(t, ledger.Intend(background, persist.Entry{TokenID: ledgerKey(1), At: time.Now()}, history.Doubt{}))
	require.NoError(t, filepath.WalkDir(filepath.Dir(ledger.intents), func(path string, d fs.DirEntry, err error) error {
		if content, _ := os.ReadFile(path); !d.IsDir() {
			require.NotContains(t, string(content), sentinel)
		}
		return err
	}))
	require.NotContains(t, log.String(), sentinel)
}

func TestAuditTrailTellsEverythingInOrder(t *testing.T) {
	ledger := openTestLedger(t, LedgerOptions{})
	none, err := journal.Newest(ledger.Entries(), 1<<20)
	require.NoError(t, err)
	require.Empty(t, none)
	written := []persist.Entry{refusal(1), {Kind: "pardon", At: ledgerNoon, PID: 1, Endpoint: "e"}, refusal(2)}
	appendAll(t, ledger, written...)
	told, err := journal.Newest(ledger.Entries(), 1<<20)
	require.NoError(t, err)
	require.Equal(t, written, told)
}

func TestLedgerNeedsNothingUntilThereIsSomethingToWrite(t *testing.T) {
	dir := filepath.Join(machinetest.Dir(t), "home")
	ledger := OpenLedger(dir, storetest.LedgerIssuer, LedgerOptions{})
	known, err := ledger.History(background)
	require.NoError(t, err)
	require.Zero(t, known)
	doubt, err := ledger.Doubt(background, ledgerKey(1))
	require.NoError(t, err)
	require.Zero(t, doubt)
	require.NoDirExists(t, dir)

	var notDurable *persist.NotDurableError
	require.ErrorAs(t, ledger.Append(background, refusal(1)), &notDurable)
	require.ErrorAs(t, ledger.Intend(background, refusal(1), history.Doubt{}), &notDurable)
	require.NoDirExists(t, dir)
}

// The journal may be cut anywhere by a crash: what was whole counts, and the
// next entry is not glued to what was not.
func TestATornLedgerIsWorthItsWholeLines(t *testing.T) {
	ledger := openTestLedger(t, LedgerOptions{Log: slog.New(slog.DiscardHandler)})
	appendAll(t, ledger, refusal(0), refusal(1), refusal(2))
	whole, err := os.ReadFile(ledger.journal.path)
	require.NoError(t, err)
	for cut := range len(whole) {
		require.NoError(t, os.WriteFile(ledger.journal.path, whole[:cut], 0o600))
		survivors := make([]secret.Fingerprint, 0)
		for i := range bytes.Count(whole[:cut], []byte("\n")) {
			survivors = append(survivors, ledgerKey(i))
		}
		require.Equal(t, survivors, append([]secret.Fingerprint{}, verdictsOf(t, ledger)...), "cut at %d", cut)

		appendAll(t, ledger, refusal(9))
		if strings.HasSuffix(string(whole[:cut]), "}") { // all but the newline was there
			survivors = append(survivors, ledgerKey(len(survivors)))
		}
		require.Equal(t, append(survivors, ledgerKey(9)), verdictsOf(t, ledger), "cut at %d", cut)
	}
}

func TestForeignBytesInTheLedgerAreSkipped(t *testing.T) {
	ours := `{"kind":"refused","key":"ours","reason":"refresh_token_reused"}`
	long := strings.Repeat("x", 3*(16<<10))
	for name, content := range map[string]string{
		"other JSON":                    "{\"a\":1}\n[]\n17\nnull\n\"x\"\n" + ours + "\n",
		"wrong types":                   "{\"kind\":7}\n{\"kind\":\"refused\",\"at\":\"noon\"}\n" + ours + "\n",
		"binary":                        "\x00\xff\xfe\n\x1b[2J\n" + ours + "\n\x00\x00\x00",
		"windows line ends":             ours + "\r\n",
		"a byte-order mark":             "\ufeff" + ours + "\r\n",
		"blank lines":                   "\n\n  \n" + ours + "\n\n",
		"a huge line":                   long + "\n" + ours + "\n",
		"a huge line that is an entry":  `{"kind":"logout","cause":"` + long + `"}` + "\n" + ours + "\n",
		"a huge line ends in an entry":  strings.Repeat("x", (16<<10)) + `{"kind":"logout"}` + "\n" + ours + "\n",
		"a huge line without an end":    ours + "\n" + long,
		"an entry of a newer version":   `{"kind":"refused","key":"ours","reason":"not_invented_yet","members":{"too":1}}` + "\n",
		"zeros where a disk lost power": ours + "\n" + strings.Repeat("\x00", 5000),
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			ledger := openTestLedger(t, LedgerOptions{Log: slog.New(slog.NewTextHandler(&log, nil))})
			require.NoError(t, os.WriteFile(ledger.journal.path, []byte(content), 0o600))
			require.Equal(t, []secret.Fingerprint{"ours"}, verdictsOf(t, ledger))
			appendAll(t, ledger, refusal(1))
			require.Equal(t, []secret.Fingerprint{"ours", ledgerKey(1)}, verdictsOf(t, ledger))
			known, err := ledger.History(background)
			require.NoError(t, err)
			require.False(t, known.LoggedOut)
			require.NotContains(t, log.String(), "ours", "a line is not for the log: it may be anything")
			if name == "blank lines" {
				require.Empty(t, log.String())
			}
		})
	}
}

func TestAFolderInPlaceOfTheLedgerIsNoFileAndNotFatal(t *testing.T) {
	ledger := openTestLedger(t, LedgerOptions{})
	require.NoError(t, os.Mkdir(ledger.journal.path, 0o700))
	requireNoLedger(t, ledger)
}

// requireNoLedger demands that every call returns an error, so that no process posts.
func requireNoLedger(t *testing.T, ledger *Ledger) {
	t.Helper()
	var unavailable *persist.UnavailableError
	known, err := ledger.History(background)
	require.ErrorAs(t, err, &unavailable)
	require.Zero(t, known)
	_, err = journal.Newest(ledger.Entries(), 1<<20)
	require.ErrorAs(t, err, &unavailable)
	var notDurable *persist.NotDurableError
	require.ErrorAs(t, ledger.Append(background, refusal(1)), &notDurable)
	intended := persist.Entry{Kind: persist.Intended, TokenID: ledgerKey(1), At: time.Now()}
	require.ErrorAs(t, ledger.Intend(background, intended, history.Doubt{}), &notDurable)
	require.Empty(t, intentFiles(t, ledger), "there is nothing left of a post that may not be")
}

func intentFiles(t *testing.T, ledger *Ledger) []string {
	t.Helper()
	files, err := os.ReadDir(ledger.intents)
	if err != nil {
		require.ErrorIs(t, err, fs.ErrNotExist)
	}
	var names []string
	for _, each := range files {
		names = append(names, each.Name())
	}
	return names
}

func TestALedgerThatVanishesIsForgottenAndBegunAnew(t *testing.T) {
	ledger := openTestLedger(t, LedgerOptions{})
	appendAll(t, ledger, refusal(1))
	require.NotEmpty(t, verdictsOf(t, ledger))
	require.NoError(t, os.Remove(ledger.journal.path))
	require.Empty(t, verdictsOf(t, ledger))
	appendAll(t, ledger, refusal(2))
	require.Equal(t, []secret.Fingerprint{ledgerKey(2)}, verdictsOf(t, ledger))
}

func TestALedgerThatWasRewrittenIsReadAnew(t *testing.T) {
	replace := func(path string, content []byte) error {
		return errors.Join(os.WriteFile(path+".new", content, 0o600), os.Rename(path+".new", path))
	}
	inPlace := func(path string, content []byte) error { return os.WriteFile(path, content, 0o600) }
	for name, c := range map[string]struct {
		rewrite func(path string, content []byte) error
		lines   int // there were two
		later   time.Duration
	}{
		"another file, alike":    {replace, 2, 0},
		"another file, longer":   {replace, 5, time.Second},
		"in place, as long":      {inPlace, 2, time.Second},
		"in place, at that time": {inPlace, 3, 0},
		"cut":                    {inPlace, 1, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			ledger, other := openTestLedger(t, LedgerOptions{}), openTestLedger(t, LedgerOptions{})
			appendAll(t, ledger, refusal(1), refusal(2))
			require.Len(t, verdictsOf(t, ledger), 2)
			before, err := os.Stat(ledger.journal.path)
			require.NoError(t, err)
			var keys []secret.Fingerprint
			for n := range c.lines {
				appendAll(t, other, refusal(3+n))
				keys = append(keys, ledgerKey(3+n))
			}
			content, err := os.ReadFile(other.journal.path)
			require.NoError(t, err)
			require.NoError(t, c.rewrite(ledger.journal.path, content))
			modified := before.ModTime().Add(c.later)
			require.NoError(t, os.Chtimes(ledger.journal.path, modified, modified))
			require.Equal(t, keys, verdictsOf(t, ledger))
		})
	}
}

func TestTheRestOfAHugeLineIsNoLine(t *testing.T) {
	ledger := openTestLedger(t, LedgerOptions{Log: slog.New(slog.DiscardHandler)})
	long := []byte(strings.Repeat("x", 2*(16<<10)+1))
	require.NoError(t, os.WriteFile(ledger.journal.path, long, 0o600))
	require.Empty(t, verdictsOf(t, ledger))
	rest := []byte(`{"kind":"refused","key":"no"}` + "\n" + `{"kind":"refused","key":"yes"}` + "\n")
	require.NoError(t, os.WriteFile(ledger.journal.path, append(long, rest...), 0o600))
	require.Equal(t, []secret.Fingerprint{"yes"}, verdictsOf(t, ledger))
}

func TestEntriesThatSafetyRestsOnAreSynced(t *testing.T) {
	var synced []string
	ledger := openTestLedger(t, LedgerOptions{Disk: disk.Disk{Before: func(step string) { synced = append(synced, step) }}})
	appendAll(t, ledger, persist.Entry{Kind: persist.Adopted})
	for _, entry := range []persist.Entry{
		{Kind: persist.Rotated}, {Kind: persist.Refused}, {Kind: persist.Login}, {Kind: persist.Logout}, {Kind: persist.Deferred, Lost: true},
		{Kind: persist.Deferred, Objection: evidence.BlockMisconfigured},
	} {
		synced = nil
		appendAll(t, ledger, entry)
		require.Equal(t, []string{"append: write", "append: sync"}, synced, entry.Kind)
	}
	for _, kind := range []persist.Kind{persist.Intended, persist.Deferred, persist.Adopted, persist.Revoked} {
		synced = nil
		appendAll(t, ledger, persist.Entry{Kind: kind})
		require.Equal(t, []string{"append: write"}, synced, kind)
	}
}

func TestOnlyWhatIsNewIsRead(t *testing.T) {
	ledger := openTestLedger(t, LedgerOptions{})
	for n := range 200 {
		appendAll(t, ledger, refusal(n))
	}
	require.Len(t, verdictsOf(t, ledger), 200)
	require.Less(t, testing.AllocsPerRun(10, func() { ledger.History(background) }), 10.0, "nothing is new")

	file, err := os.OpenFile(ledger.journal.path, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = file.WriteAt([]byte("#"), 0) // who read the first line again would miss it
	require.NoError(t, err)
	require.NoError(t, file.Close())
	appendAll(t, ledger, refusal(200))
	known, err := ledger.History(background)
	require.NoError(t, err)
	require.Len(t, known.Verdicts, 201)
}

func TestDamagedLedgerIsReportedOnce(t *testing.T) {
	var log bytes.Buffer
	ledger := openTestLedger(t, LedgerOptions{Log: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, os.WriteFile(ledger.journal.path, []byte("S3NT1NEL\nS3NT1NEL\n"), 0o600))
	for n := range 3 {
		_, err := ledger.History(background)
		require.NoError(t, err)
		appendAll(t, ledger, refusal(n))
	}
	require.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
	require.Contains(t, log.String(), "lines=2")
	require.NotContains(t, log.String(), "S3NT1NEL")
}

func TestAppendIsRepeatedInAReplacedJournal(t *testing.T) {
	machinetest.SkipUnderWine(t, machinetest.LacksReplace)
	for _, moment := range []string{"append: write", "append: sync"} {
		t.Run(moment, func(t *testing.T) {
			var ledger *Ledger
			replaced := false
			ledger = openTestLedger(t, LedgerOptions{Disk: disk.Disk{Before: func(step string) {
				if step == moment && !replaced {
					replaced = true
					require.NoError(t, os.WriteFile(ledger.journal.path+".new", nil, 0o600))
					require.NoError(t, system.Here.Rename(ledger.journal.path+".new", ledger.journal.path))
				}
			}}})
			appendAll(t, ledger, refusal(1))
			require.True(t, replaced)
			require.Equal(t, []secret.Fingerprint{ledgerKey(1)}, verdictsOf(t, ledger))
		})
	}
}

func FuzzJournal(f *testing.F) {
	line := `{"kind":"rotated","at":"2026-11-24T05:00:00Z","pid":1,"key":"a","next":"b","endpoint":"e"}`
	for _, seed := range []string{"", line, line + "\n", "\n" + line + "\r\n{", `{"kind":"pardon","by":{}}` + "\n" + line + "\n\x00"} {
		f.Add([]byte(seed))
	}
	log := slog.New(slog.DiscardHandler)
	f.Fuzz(func(t *testing.T, content []byte) {
		ledger := openTestLedger(t, LedgerOptions{LimitBytes: 1, Log: log})
		require.NoError(t, os.WriteFile(ledger.journal.path, content, 0o600))
		before, err := journal.Newest(ledger.Entries(), 1<<20)
		require.NoError(t, err)
		known, err := ledger.History(background)
		require.NoError(t, err)
		require.Equal(t, journal.Replay(history.TokenHistory{}, slices.Values(before), ledger.issuer.EndpointID()), known)

		require.NoError(t, ledger.compact())
		after, err := journal.Newest(ledger.Entries(), 1<<20)
		require.NoError(t, err)
		require.Equal(t, before[max(0, len(before)-256):], after[max(0, len(after)-256):], "valid lines survive")
		kept, err := ledger.History(background)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(known), fmt.Sprint(kept))
	})
}
