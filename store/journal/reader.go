package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"sync"

	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/disk"
)

// Reader reads a journal's file. Any process may append to the file or replace it by
// a shorter one at any time, and a person may damage it: its whole lines count, and of
// them those that are entries. A missing file is an empty journal. A Reader keeps no
// file open, and its methods may be called concurrently.
type Reader struct {
	disk     disk.Disk
	path     string
	endpoint secret.Fingerprint

	mu   sync.Mutex // guards read
	read reading
}

// reading is what has been read of a journal so far. The zero reading is nothing.
type reading struct {
	seen    os.FileInfo // of the file then
	upTo    cursor
	history history.TokenHistory
}

// NewReader reads the journal at path for the processes that use one token endpoint
// (see [machine.Issuer.EndpointID]). Nothing is opened yet.
func NewReader(on disk.Disk, path string, endpoint secret.Fingerprint) *Reader {
	return &Reader{disk: on, path: path, endpoint: endpoint}
}

// newestBytes is how much of a journal is read at most: its end. A journal that any
// version writes is a thousand times shorter.
const newestBytes = 256 << 20

// History replays the journal. While the file is unchanged it costs one stat; else
// only the new lines are read. unreadable counts those of them that are no entries. It
// returns a [*persist.UnavailableError] if the file cannot be opened or read.
func (r *Reader) History() (known history.TokenHistory, unreadable int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	info, err := os.Stat(r.path)
	if err == nil && unchanged(r.read.seen, info) {
		return r.read.history, 0, nil
	}
	file, info, err := r.disk.Open(r.path, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		r.read = reading{}
		return history.TokenHistory{}, 0, nil
	}
	if err == nil {
		defer file.Close()
		unreadable, err = r.readOn(file, info.Size())
	}
	if err != nil {
		r.read = reading{}
		return history.TokenHistory{}, unreadable, unavailable(r.path, err)
	}
	r.read.seen = info
	return r.read.history, unreadable, nil
}

// unchanged reports whether the file with this info has been read already.
func unchanged(seen, info os.FileInfo) bool {
	return seen != nil && os.SameFile(seen, info) && seen.Size() == info.Size() && seen.ModTime().Equal(info.ModTime())
}

// unavailable is err with the path once, in front.
func unavailable(path string, err error) error {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		err = of.Err
	}
	return &persist.UnavailableError{Err: fmt.Errorf("%s: %w", path, err)}
}

// intentLine begins the line of an intent, which decides nothing. Half of a journal
// need not be decoded for that.
var intentLine = []byte(`{"kind":"` + string(persist.Intended) + `"`)

func (r *Reader) readOn(file io.ReaderAt, size int64) (unreadable int, err error) {
	begin, err := cursorAt(file, max(0, size-newestBytes))
	if err != nil {
		return 0, err
	}
	if r.read.upTo.offset < begin.offset || !r.read.upTo.fits(file) {
		r.read = reading{upTo: begin}
	}
	upTo := r.read.upTo
	entries := func(yield func(persist.Entry) bool) {
		upTo, err = scan(file, upTo, func(raw []byte, _ int64) bool {
			if bytes.HasPrefix(raw, intentLine) {
				return true
			}
			e, ok := decode(raw)
			if !ok {
				unreadable++
			}
			return !ok || yield(e)
		})
	}
	r.read.history, r.read.upTo = Replay(r.read.history, entries, r.endpoint), upTo
	return unreadable, err
}

// Entries are the entries of the journal as it is now, in its order. Memory does not
// grow with their number. A [*persist.UnavailableError] ends them if the file cannot
// be opened or read.
func (r *Reader) Entries() iter.Seq2[persist.Entry, error] { return r.entries(newestBytes) }

// commonLineBytes is more than nearly every line has.
const commonLineBytes = 4 << 10

// Newest are the last n entries, without reading the whole of a long journal; fewer
// where their lines are uncommonly long. It returns the error of [Reader.Entries].
func (r *Reader) Newest(n int) ([]persist.Entry, error) {
	return Newest(r.entries(int64(n)*commonLineBytes), n)
}

// entries are those in the last bytes of the journal.
func (r *Reader) entries(lastBytes int64) iter.Seq2[persist.Entry, error] {
	return func(yield func(persist.Entry, error) bool) {
		file, _, err := r.disk.Open(r.path, os.O_RDONLY)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(persist.Entry{}, unavailable(r.path, err))
			return
		}
		defer file.Close()
		for line, err := range lines(file, lastBytes) {
			if !yield(line.Entry, err) {
				return
			}
		}
	}
}

// Lines are the entries of an open journal with their bytes, one after the other. A
// [*persist.UnavailableError] ends them if it cannot be read.
func Lines(file *os.File) iter.Seq2[Line, error] { return lines(file, newestBytes) }

func lines(file *os.File, lastBytes int64) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		var from cursor
		info, err := file.Stat()
		if err == nil {
			from, err = cursorAt(file, max(0, info.Size()-lastBytes))
		}
		if err == nil {
			_, err = scan(file, from, func(raw []byte, _ int64) bool {
				e, ok := decode(raw)
				return !ok || yield(Line{raw, e}, nil)
			})
		}
		if err != nil {
			yield(Line{}, unavailable(file.Name(), err))
		}
	}
}

// Newest are the last n of some entries, or the error that ends them. Memory does
// not grow with their number.
func Newest(entries iter.Seq2[persist.Entry, error], n int) ([]persist.Entry, error) {
	var kept []persist.Entry
	for e, err := range entries {
		if err != nil {
			return nil, err
		}
		if kept = append(kept, e); len(kept) == 2*n {
			kept = append(kept[:0], kept[n:]...)
		}
	}
	return kept[max(0, len(kept)-n):], nil
}
