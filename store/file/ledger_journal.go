package file

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/journal"
)

// journalFile writes the file of entries that its Reader reads.
type journalFile struct {
	*journal.Reader
	path       string
	limitBytes int64
	log        *slog.Logger
	step       func(string)
	lock       journalLock

	mu             sync.Mutex // guards what follows
	compactedBytes int64      // what was left at the last compaction
}

func newJournal(path string, issuer machine.Issuer, options LedgerOptions) *journalFile {
	return &journalFile{
		Reader: journal.NewReader(path, persist.Endpoint(issuer)), path: path, limitBytes: options.LimitBytes,
		log: options.Log, step: options.Step, lock: journalLock{path + ".lock"},
	}
}

// history replays all entries. Only those that are new are read.
func (j *journalFile) history() (history.TokenHistory, error) {
	history, unreadable, err := j.Reader.History()
	if unreadable > 0 {
		j.log.Warn("the ledger has lines that cannot be read", "lines", unreadable)
	}
	return history, err
}

// replacements is how often an append starts again because the file was
// replaced under its hands. Compactions are hours apart.
const replacements = 8

// append writes e behind the other entries, in one write.
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

// write reports whether the file it wrote to is still the journal. The lock
// sees to that; a file system that does not lock, or a person, may not.
func (j *journalFile) write(line []byte, isSynced bool) (stands bool, err error) {
	file, info, err := disk.Open(j.path, os.O_RDWR|os.O_APPEND|os.O_CREATE)
	if err != nil {
		return false, err
	}
	defer file.Close()
	if isTorn(file, info.Size()) {
		line = slices.Concat([]byte("\n"), line)
	}
	j.step("append: write")
	if _, err := file.Write(line); err != nil {
		return false, err
	}
	if isSynced {
		j.step("append: sync")
		if err := file.Sync(); err != nil {
			return false, err
		}
	}
	if info.Size() == 0 { // its name may be as new
		j.step("append: sync folder")
		if err := disk.SyncFolder(filepath.Dir(j.path)); err != nil {
			return false, err
		}
	}
	named, err := os.Stat(j.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(info, named), err
}

// isTorn reports whether the last line has no end: somebody died in it.
func isTorn(file *os.File, size int64) bool {
	last := []byte{'\n'}
	if size > 0 {
		file.ReadAt(last, size-1) // if that fails, the line is taken for whole, as nearly all are
	}
	return last[0] != '\n'
}
