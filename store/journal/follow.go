package journal

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/bezoar-auth/bezoar/store/disk"
)

// Follower reads a growing journal from where it stopped the last time. When a
// compaction has replaced the file, it goes on after the last line that it has read.
// Its memory does not grow with the journal. One goroutine may use it.
type Follower struct {
	path string
	seen os.FileInfo // of the file at the last look; nil before the first one
	upTo cursor
	last []byte // the last line that was read
}

// Follow starts at the begin of the journal at path. Nothing is opened yet.
func Follow(path string) *Follower { return &Follower{path: path} }

// News calls each with every entry that is new. unreadable counts the new lines that
// are no entries. An error of each ends it. A missing file has no news; an
// [*persist.UnavailableError], which names the file, says that it cannot be read.
func (f *Follower) News(each func(Line) error) (unreadable int, err error) {
	info, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && unchanged(f.seen, info) {
		return 0, nil
	}
	if err != nil {
		return 0, unavailable(f.path, err)
	}
	file, info, err := disk.Here.Open(f.path, os.O_RDONLY) // of this one: the name may belong to another by now
	if err != nil {
		return 0, unavailable(f.path, err)
	}
	defer file.Close()
	from, err := f.resume(file, info)
	if err != nil {
		return 0, unavailable(f.path, err)
	}
	unreadable, refused, err := f.readOn(file, from, each)
	switch {
	case err != nil:
		return unreadable, unavailable(f.path, err)
	case refused == nil:
		f.seen = info
	}
	return unreadable, refused
}

// readOn returns the error of each apart from that of the file.
func (f *Follower) readOn(file io.ReaderAt, from cursor, each func(Line) error) (unreadable int, refused, err error) {
	f.upTo, err = scan(file, from, func(raw []byte, _ int64) bool {
		e, ok := decode(raw)
		if raw != nil {
			f.last = append(f.last[:0], raw...)
		}
		if !ok {
			unreadable++
			return true
		}
		refused = each(Line{raw, e})
		return refused == nil
	})
	return unreadable, refused, err
}

// resume is where the news begin. In a file that was replaced they follow the last
// line that was read: what the old file had before that line is old in the new file too.
func (f *Follower) resume(file io.ReaderAt, info os.FileInfo) (cursor, error) {
	if f.seen != nil && os.SameFile(f.seen, info) && f.upTo.fits(file) {
		return f.upTo, nil
	}
	if len(f.last) == 0 {
		return cursor{}, nil
	}
	var after int64
	_, err := scan(file, cursor{}, func(raw []byte, end int64) bool {
		if bytes.Equal(raw, f.last) {
			after = end
		}
		return true
	})
	if err != nil {
		return cursor{}, err
	}
	return cursorAt(file, after)
}
