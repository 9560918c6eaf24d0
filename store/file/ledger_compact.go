package file

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/journal"
)

// intentLifetime is after how long nobody asks for a refresh token any more.
const intentLifetime = 30 * 24 * time.Hour

// compactIfDue shortens a journal that has grown over its limit. It is no
// failure of whoever appended last if that cannot be done.
func (l *Ledger) compactIfDue() {
	if !l.journal.isDue() {
		return
	}
	if err := l.compact(); err != nil {
		l.options.Log.Warn("the ledger cannot be compacted", "error", err)
	}
}

// isDue lets a journal double before it is compacted again, whatever had to be
// kept of it.
func (j *journalFile) isDue() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	info, err := os.Stat(j.path)
	return err == nil && info.Size() > max(j.limitBytes, 2*j.compactedBytes)
}

// compact puts a new journal in the place of the old one: a reader sees the one
// or the other. Nobody appends meanwhile.
func (l *Ledger) compact() error {
	release, alone := l.journal.lock.exclude()
	if !alone {
		return nil // somebody is writing: the next refresh will do
	}
	defer release()
	old, info, err := disk.Open(l.journal.path, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer old.Close()
	open, err := l.sweep()
	if err != nil {
		return err
	}
	content, err := l.shortened(old, open)
	if err != nil {
		return err
	}
	return l.journal.replace(info, content)
}

// shortened is what the journal can be replaced by.
func (l *Ledger) shortened(old *os.File, open map[secret.Fingerprint]bool) ([]byte, error) {
	history, err := l.journal.history()
	if err != nil {
		return nil, err
	}
	past := journal.PastEntries(history, l.options.Now())
	for i := range past {
		past[i] = past[i].By(l.pid, l.issuer)
	}
	return journal.Shorten(journal.Lines(old), past, open)
}

// sweep clears away the intents that are not asked for any more, and returns the
// keys of the others.
func (l *Ledger) sweep() (open map[secret.Fingerprint]bool, err error) {
	intents, err := l.allIntents()
	open = map[secret.Fingerprint]bool{}
	for _, each := range intents {
		isAnswered, failed := journal.IsAnswered(each.Entry, l.Entries())
		if failed != nil {
			return nil, failed
		}
		if isAnswered || l.options.Now().Sub(each.At) > intentLifetime {
			l.close(each)
		} else {
			open[each.TokenID] = true
		}
	}
	return open, err
}

// replace writes content in place of the file with this info.
func (j *journalFile) replace(old os.FileInfo, content []byte) error {
	folder, name := filepath.Split(j.path)
	removeTemps(folder, name)
	j.step("compact: create")
	temp, err := disk.New(fmt.Sprintf("%s.%d.tmp", j.path, rand.Uint64()))
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	if err := j.fill(temp, content); err != nil {
		return err
	}
	if named, err := os.Stat(j.path); err != nil || !os.SameFile(old, named) || old.Size() != named.Size() {
		return errors.New("it was written to meanwhile") // by somebody who could not or would not wait for the lock
	}
	j.step("compact: rename")
	if err := os.Rename(temp.Name(), j.path); err != nil {
		return err
	}
	j.mu.Lock()
	j.compactedBytes = int64(len(content))
	j.mu.Unlock()
	j.step("compact: sync folder")
	return disk.SyncFolder(folder)
}

// removeTemps removes what those left who died in a compaction.
func removeTemps(folder, name string) {
	files, _ := disk.ReadFolder(folder)
	for _, each := range files {
		if strings.HasPrefix(each.Name(), name+".") && strings.HasSuffix(each.Name(), ".tmp") {
			os.Remove(filepath.Join(folder, each.Name()))
		}
	}
}

func (j *journalFile) fill(temp *os.File, content []byte) error {
	defer temp.Close()
	j.step("compact: write")
	if _, err := temp.Write(content); err != nil {
		return err
	}
	j.step("compact: sync")
	return temp.Sync()
}

// journalLock keeps appends out of a compaction, where the file system can
// lock. It is a file of its own, for the journal itself is replaced.
type journalLock struct{ path string }

const (
	lockPatience = time.Second // a compaction takes milliseconds, unless its process is stopped
	lockPoll     = time.Millisecond
)

// share waits for a compaction to end, and goes on without the lock if it does
// not or if there is none to be had.
func (l journalLock) share() (release func()) {
	ctx, cancel := context.WithTimeout(context.Background(), lockPatience)
	defer cancel()
	lock := disk.NewLock(l.path)
	lock.TryRLockContext(ctx, lockPoll)
	return func() { lock.Close() }
}

// exclude reports whether nobody appends now, as far as can be told.
func (l journalLock) exclude() (release func(), alone bool) {
	lock := disk.NewLock(l.path)
	locked, err := lock.TryLock()
	return func() { lock.Close() }, locked || err != nil
}
