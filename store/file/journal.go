package file

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/journal"
)

// journalFile writes the file of entries that its Reader reads.
type journalFile struct {
	*journal.Reader
	path       string
	limitBytes int64
	log        *slog.Logger
	disk       disk.Disk
	lock       journalLock

	mu             sync.Mutex // guards what follows
	compactedBytes int64      // what was left at the last compaction
}

func newJournal(path string, issuer machine.Issuer, options LedgerOptions) *journalFile {
	return &journalFile{
		Reader: journal.NewReader(options.Disk, path, issuer.EndpointID()), path: path, limitBytes: options.LimitBytes,
		log: options.Log, disk: options.Disk, lock: journalLock{options.Disk, path + ".lock"},
	}
}

// history replays all entries, and reads only the new ones.
func (j *journalFile) history() (history.TokenHistory, error) {
	history, unreadable, err := j.Reader.History()
	if unreadable > 0 {
		j.log.Warn("the ledger has lines that cannot be read", "lines", unreadable)
	}
	return history, err
}

// replacements is how often an append starts again because another process replaced
// the file meanwhile. Compactions are hours apart.
const replacements = 8

// append writes e after the other entries, in one write.
func (j *journalFile) append(e persist.Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode an entry of the ledger: %w", err)
	}
	defer j.lock.share()()
	for range replacements {
		stands, err := j.write(append(line, '\n'), e.IsSynced())
		if err != nil {
			return &persist.NotDurableError{Err: fmt.Errorf("write to the ledger: %w", err)}
		}
		if stands {
			return nil
		}
	}
	return &persist.NotDurableError{Err: errors.New("the ledger is replaced again and again")}
}

// write reports whether the file it wrote to is still the journal. The lock ensures
// that, unless the file system does not lock or a person replaces the file.
func (j *journalFile) write(line []byte, synced bool) (stands bool, err error) {
	file, info, err := j.disk.Open(j.path, os.O_RDWR|os.O_APPEND|os.O_CREATE)
	if err != nil {
		return false, err
	}
	defer file.Close()
	if torn(file, info.Size()) {
		line = slices.Concat([]byte("\n"), line)
	}
	j.disk.Step("append: write")
	if _, err := file.Write(line); err != nil {
		return false, err
	}
	if synced {
		j.disk.Step("append: sync")
		if err := j.disk.System().Sync(file); err != nil {
			return false, err
		}
	}
	if info.Size() == 0 { // its name may be as new
		j.disk.Step("append: sync folder")
		if err := j.disk.System().SyncFolder(filepath.Dir(j.path)); err != nil {
			return false, err
		}
	}
	named, err := os.Stat(j.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(info, named), err
}

// torn reports whether the last line has no end: its writer died in it.
func torn(file *os.File, size int64) bool {
	last := []byte{'\n'}
	if size > 0 {
		file.ReadAt(last, size-1) // if that fails, the line is taken for whole, as nearly all are
	}
	return last[0] != '\n'
}

// intentLifetime is how long a process may still ask for a refresh token.
const intentLifetime = 30 * 24 * time.Hour

// compactIfDue shortens a journal that has grown over its limit. If that fails, the
// append before it has not failed.
func (l *Ledger) compactIfDue() {
	if !l.journal.due() {
		return
	}
	if err := l.compact(); err != nil {
		l.log.Warn("the ledger cannot be compacted", "error", err)
	}
}

// due lets a journal double before it is compacted again, however much of it had to be
// kept.
func (j *journalFile) due() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	info, err := os.Stat(j.path)
	return err == nil && info.Size() > max(j.limitBytes, 2*j.compactedBytes)
}

// compact puts a shorter journal in the place of the old one: a reader sees the one or
// the other. No process appends meanwhile.
func (l *Ledger) compact() error {
	release, alone := l.journal.lock.exclude()
	if !alone {
		return nil // another process is writing: the next refresh will do
	}
	defer release()
	open, err := l.sweep()
	if err != nil {
		return err
	}
	content, old, err := l.shortened(open)
	if err != nil {
		return err
	}
	return l.journal.replace(old, content)
}

// shortened is the content of the shorter journal, and the file that it was made from. It is
// closed again: not every system replaces a file that is open.
func (l *Ledger) shortened(open map[secret.Fingerprint]bool) (content []byte, of os.FileInfo, err error) {
	old, of, err := l.disk.Open(l.journal.path, os.O_RDONLY)
	if err != nil {
		return nil, nil, err
	}
	defer old.Close()
	history, err := l.journal.history()
	if err != nil {
		return nil, nil, err
	}
	past := journal.PastEntries(history, l.now())
	for i := range past {
		past[i] = past[i].By(l.pid, l.issuer)
	}
	content, err = journal.Shorten(journal.Lines(old), past, open)
	return content, of, err
}

// sweep removes the intents that are answered or too old, and returns the token ids of
// the others.
func (l *Ledger) sweep() (open map[secret.Fingerprint]bool, err error) {
	intents, err := l.allIntents()
	open = map[secret.Fingerprint]bool{}
	for _, each := range intents {
		answered, failed := journal.IsAnswered(each.Entry, l.Entries())
		if failed != nil {
			return nil, failed
		}
		if answered || l.now().Sub(each.At) > intentLifetime {
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
	j.removeTemps(folder, name)
	j.disk.Step("compact: create")
	temp, err := j.disk.New(fmt.Sprintf("%s.%d.tmp", j.path, rand.Uint64()))
	if err != nil {
		return err
	}
	defer j.disk.System().Remove(temp.Name())
	if err := j.fill(temp, content); err != nil {
		return err
	}
	if named, err := os.Stat(j.path); err != nil || !os.SameFile(old, named) || old.Size() != named.Size() {
		return errors.New("it was written to meanwhile") // by a process that could not or would not wait for the lock
	}
	j.disk.Step("compact: rename")
	if err := j.disk.System().Rename(temp.Name(), j.path); err != nil {
		return err
	}
	j.mu.Lock()
	j.compactedBytes = int64(len(content))
	j.mu.Unlock()
	j.disk.Step("compact: sync folder")
	return j.disk.System().SyncFolder(folder)
}

// removeTemps removes what a process left that died in a compaction.
func (j *journalFile) removeTemps(folder, name string) {
	files, _ := j.disk.ReadFolder(folder)
	for _, each := range files {
		if strings.HasPrefix(each.Name(), name+".") && strings.HasSuffix(each.Name(), ".tmp") {
			j.disk.System().Remove(filepath.Join(folder, each.Name()))
		}
	}
}

func (j *journalFile) fill(temp *os.File, content []byte) error {
	defer temp.Close()
	j.disk.Step("compact: write")
	if _, err := temp.Write(content); err != nil {
		return err
	}
	j.disk.Step("compact: sync")
	return j.disk.System().Sync(temp)
}
