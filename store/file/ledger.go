package file

import (
	"context"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/journal"
)

// Ledger is the [persist.Ledger] in a folder: the journal auth.ledger, one JSON object
// a line, and a file in auth.intents for each post without an outcome. Programs that
// do not know these files lose nothing. A Ledger keeps no file open.
type Ledger struct {
	issuer       machine.Issuer
	postDeadline time.Duration
	now          func() time.Time
	log          *slog.Logger
	disk         disk.Disk
	journal      *journalFile
	intents      string // the folder of the intent files
	pid          int
	me           func() process
}

// LedgerName is the name of a ledger's journal in its folder.
const LedgerName = "auth.ledger"

// IntentsName is the folder of a ledger's intents in its folder.
const IntentsName = "auth.intents"

// LedgerOptions are settings of a ledger. The zero value is fit for use.
type LedgerOptions struct {
	PostDeadline time.Duration    // how long a post takes at most; 0 is 30 s
	LimitBytes   int64            // the journal is compacted when it is larger; 0 is 256 KiB
	Now          func() time.Time // the clock that the age of intents is measured with; nil is time.Now
	Log          *slog.Logger     // nil is slog.Default()
	Disk         disk.Disk        // where the folder is
}

// intentMargin is how much longer than the post itself an intent stands for a post
// under way.
const intentMargin = 5 * time.Second

const defaultPostDeadline = 30 * time.Second

// IntentSpan is the age, with the default deadline, at which the process of an intent is
// taken for gone if it cannot be looked up.
const IntentSpan = defaultPostDeadline + intentMargin

func (o LedgerOptions) withDefaults() LedgerOptions {
	if o.PostDeadline == 0 {
		o.PostDeadline = defaultPostDeadline
	}
	if o.LimitBytes == 0 {
		o.LimitBytes = 256 << 10
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// OpenLedger returns the ledger in dir, for a process that uses the token endpoint of
// issuer. It reads and writes nothing yet, and dir need not exist before there is
// something to write.
func OpenLedger(dir string, issuer machine.Issuer, options LedgerOptions) *Ledger {
	options = options.withDefaults()
	return &Ledger{
		issuer: issuer, postDeadline: options.PostDeadline, now: options.Now, log: options.Log, disk: options.Disk,
		journal: newJournal(filepath.Join(dir, LedgerName), issuer, options),
		intents: filepath.Join(dir, IntentsName),
		pid:     os.Getpid(), me: thisProcess(options.Disk.System()),
	}
}

// History implements [persist.Ledger]. While the journal is unchanged it costs one
// stat; else it reads only the new lines.
func (l *Ledger) History(context.Context) (history.TokenHistory, error) { return l.journal.history() }

// Entries are the entries that can be read, in the order of the journal: the
// audit trail. Memory does not depend on how many there are. A
// [*persist.UnavailableError] ends them: the journal cannot be opened or read.
func (l *Ledger) Entries() iter.Seq2[persist.Entry, error] { return l.journal.Entries() }

// Newest are the last n entries, without reading the whole of a long journal; fewer
// where their lines are uncommonly long. It returns a [*persist.UnavailableError] if the
// journal cannot be opened or read.
func (l *Ledger) Newest(n int) ([]persist.Entry, error) {
	return l.journal.Newest(n)
}

// Append implements [persist.Ledger]. It waits at most a second for a compaction and
// then goes on without the lock: what the entry says has happened.
func (l *Ledger) Append(_ context.Context, e persist.Entry) error {
	return l.journal.append(e.By(l.pid, l.issuer))
}

// Doubt implements [persist.Ledger]. It removes an intent whose outcome is in the
// journal, and raises no doubt for it: the process that made it died before it could
// remove it.
func (l *Ledger) Doubt(_ context.Context, id secret.Fingerprint) (history.Doubt, error) {
	doubt, over, err := l.doubt(id)
	l.close(over...)
	return doubt, err
}

// PeekDoubt implements [persist.Ledger].
func (l *Ledger) PeekDoubt(_ context.Context, id secret.Fingerprint) (history.Doubt, error) {
	doubt, _, err := l.doubt(id)
	return doubt, err
}

// doubt also returns the intents whose outcome is in the journal: all of them if the
// newest one is answered, or the newest ones if these were in vain.
func (l *Ledger) doubt(id secret.Fingerprint) (doubt history.Doubt, over []intent, err error) {
	open, err := l.intentsOf(id)
	for err == nil && len(open) > 0 {
		newest := open[len(open)-1]
		var answered, inVain bool
		answered, err = journal.IsAnswered(newest.Entry, l.Entries())
		if err == nil && !answered {
			inVain, err = journal.IsInVain(newest.Entry, l.Entries())
		}
		switch {
		case err != nil:
		case answered:
			return history.Doubt{}, append(over, open...), nil
		case !inVain:
			return history.Doubt{Since: newest.At, Times: newest.times, HolderGone: l.gone(newest)}, over, nil
		default:
			open, over = open[:len(open)-1], append(over, newest)
		}
	}
	return history.Doubt{}, over, err
}

// Intend implements [persist.Ledger]. It makes the file first and then reads the
// journal again: a process that removed an earlier intent had written the verdict
// before.
func (l *Ledger) Intend(ctx context.Context, e persist.Entry, doubt history.Doubt) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	made, err := l.makeIntent(e.By(l.pid, l.issuer), doubt.Times+1)
	if err != nil {
		return err
	}
	if err = l.checkFree(made, doubt); err == nil {
		err = l.journal.append(made.Entry)
	}
	if err != nil {
		l.close(made)
	}
	return err
}

// checkFree returns [persist.ErrIntended] if another process has made the post that
// the intent made announces, or is about to.
func (l *Ledger) checkFree(made intent, doubt history.Doubt) error {
	open, err := l.intentsOf(made.TokenID)
	if err != nil {
		return &persist.NotDurableError{Err: err}
	}
	history, err := l.journal.history()
	if err != nil {
		return &persist.NotDurableError{Err: err}
	}
	newer := func(other intent) bool { return other.times > made.times }
	lost := history.Losses(made.TokenID) > doubt.AnswersLost
	isBarred := history.VerdictOn(made.TokenID) != nil || history.Objection(made.TokenID, made.Profile) != nil
	if lost || isBarred || slices.ContainsFunc(open, newer) {
		return persist.ErrIntended
	}
	return nil
}

// Conclude implements [persist.Ledger]. It writes an answer before it removes the
// intents, so that a crash between the two loses no doubt. For a post without an
// answer it removes the intent first, so that a crash makes no doubt where there is
// none; unless the issuer objected to the request: then no other process may post in
// between.
func (l *Ledger) Conclude(_ context.Context, id secret.Fingerprint, outcome persist.Entry) error {
	outcome.TokenID = id
	isOver := outcome.Kind == persist.Deferred && !outcome.Lost && !outcome.IsInVain() && !outcome.IsAnswer()
	if isOver {
		l.takeBack(id)
	}
	if err := l.journal.append(outcome.By(l.pid, l.issuer)); err != nil {
		return err
	}
	switch {
	case isOver:
	case outcome.IsAnswer():
		l.closeAll(id)
	default:
		l.takeBack(id)
	}
	l.compactIfDue()
	return nil
}
