package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/journal"
)

// journalFile is the file of entries. Any process may append to it or put a
// shorter one in its place at any time, and a person may break it: its whole
// lines count, and of them those that are entries.
type journalFile struct {
	path       string
	endpoint   secret.Fingerprint
	limitBytes int64
	log        *slog.Logger
	step       func(string)
	lock       journalLock

	mu             sync.Mutex // guards what follows
	read           reading
	compactedBytes int64 // what was left at the last compaction
}

// reading is what was read of a journal so far. The zero reading is nothing.
type reading struct {
	seen  os.FileInfo // of the file then
	upTo  bookmark
	known machine.TokenHistory
}

func newJournal(path string, issuer machine.Issuer, options LedgerOptions) *journalFile {
	return &journalFile{
		path: path, endpoint: persist.Endpoint(issuer), limitBytes: options.LimitBytes,
		log: options.Log, step: options.Step, lock: journalLock{path + ".lock"},
	}
}

// lineage is what all entries amount to. Only those that are new are read.
func (j *journalFile) lineage() (machine.TokenHistory, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	info, err := os.Stat(j.path)
	if err == nil && j.read.isOf(info) {
		return j.read.known, nil
	}
	file, info, err := disk.Open(j.path, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		j.read = reading{}
		return machine.TokenHistory{}, nil
	}
	if err == nil {
		defer file.Close()
		err = j.readOn(file, info.Size())
	}
	if err != nil {
		j.read = reading{}
		return machine.TokenHistory{}, &persist.UnavailableError{Err: fmt.Errorf("read the ledger: %w", err)}
	}
	j.read.seen = info
	return j.read.known, nil
}

// isOf reports whether the file with this info has been read already.
func (r reading) isOf(info os.FileInfo) bool {
	return r.seen != nil && os.SameFile(r.seen, info) && r.seen.Size() == info.Size() && r.seen.ModTime().Equal(info.ModTime())
}

func (j *journalFile) readOn(file *os.File, size int64) error {
	from, err := begin(file, size)
	if err != nil {
		return err
	}
	if j.read.upTo.offset < from.offset || !j.read.upTo.isIn(file) {
		j.read = reading{upTo: from}
	}
	upTo, unreadable := j.read.upTo, 0
	entries := func(yield func(persist.Entry) bool) {
		upTo, err = scan(file, upTo, func(line []byte) bool {
			if bytes.HasPrefix(line, intentLine) {
				return true
			}
			e, ok := decode(line)
			if !ok {
				unreadable++
			}
			return !ok || yield(e)
		})
	}
	j.read.known, j.read.upTo = journal.Fold(j.read.known, entries, j.endpoint), upTo
	if unreadable > 0 {
		j.log.Warn("the ledger has lines that cannot be read", "lines", unreadable)
	}
	return err
}

// journalLine is an entry and its bytes, which may hold more than this version
// understands.
type journalLine struct {
	raw   []byte // with the newline
	entry persist.Entry
}

// intentLine begins the line of an intent, which decides nothing. Half of a journal is
// not decoded for that.
var intentLine = []byte(`{"kind":"` + string(persist.Intended) + `"`)

// commonLineBytes is more than nearly every line has.
const commonLineBytes = 4 << 10

// linesOf are the entries in the last bytes of a file, one after the other: of what is
// in it no more is in memory than one line, which is valid until the next. An error
// ends them.
func linesOf(file *os.File, lastBytes int64) iter.Seq2[journalLine, error] {
	return func(yield func(journalLine, error) bool) {
		var from bookmark
		info, err := file.Stat()
		if err == nil {
			from, err = bookmarkAt(file, max(0, info.Size()-lastBytes))
		}
		if err == nil {
			_, err = scan(file, from, func(line []byte) bool {
				e, ok := decode(line)
				return !ok || yield(journalLine{line, e}, nil)
			})
		}
		if err != nil {
			yield(journalLine{}, &persist.UnavailableError{Err: fmt.Errorf("read the ledger: %w", err)})
		}
	}
}

// entries are those of the journal as it is now, none if there is no journal.
func (j *journalFile) entries() iter.Seq2[persist.Entry, error] { return j.entriesBehind(newestBytes) }

// entriesBehind are the entries in the last bytes of the journal.
func (j *journalFile) entriesBehind(lastBytes int64) iter.Seq2[persist.Entry, error] {
	return func(yield func(persist.Entry, error) bool) {
		file, _, err := disk.Open(j.path, os.O_RDONLY)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(persist.Entry{}, &persist.UnavailableError{Err: fmt.Errorf("read the ledger: %w", err)})
			return
		}
		defer file.Close()
		for line, err := range linesOf(file, lastBytes) {
			if !yield(line.entry, err) {
				return
			}
		}
	}
}

// decode reads an entry. Members and kinds that it does not know are a newer
// version's; a line without a kind is nobody's.
func decode(line []byte) (persist.Entry, bool) {
	var e persist.Entry
	err := json.Unmarshal(line, &e)
	return e, err == nil && e.Kind != ""
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
