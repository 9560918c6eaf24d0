package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"

	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/disk"
)

// trail reads the file of a ledger from where it stopped the last time. Others
// append to it, and put a shorter one in its place now and then. Memory does not
// depend on how long it is.
type trail struct {
	path   string
	seen   os.FileInfo // of the file then; nil before the first time
	offset int64       // behind the last whole line
	last   []byte      // that line
}

// trailLine is a line of the ledger.
type trailLine struct {
	raw   []byte // with the newline; valid until the next line is read
	entry persist.Entry
}

// news calls each with every whole line that is new, but for those that are no
// entries: of these it returns the number. An error of each ends it.
func (t *trail) news(each func(trailLine) error) (unreadable int, err error) {
	info, err := os.Stat(t.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, t.unread(err)
	case t.isSeen(info):
		return 0, nil
	}
	file, info, err := disk.Open(t.path, os.O_RDONLY) // of this one: the name may belong to another by now
	if err != nil {
		return 0, t.unread(err)
	}
	defer file.Close()
	if err := t.find(file, info); err != nil {
		return 0, t.unread(err)
	}
	t.seen = info
	news := io.NewSectionReader(file, t.offset, info.Size()-t.offset)
	for line, err := range wholeLines(news) {
		if err != nil {
			return unreadable, t.unread(err)
		}
		t.offset += int64(line.length)
		t.last = append(t.last[:0], line.text...)
		var e persist.Entry
		switch {
		case json.Unmarshal(line.text, &e) == nil && e.Kind != "":
			if err := each(trailLine{line.text, e}); err != nil {
				return unreadable, err
			}
		case line.isLong || len(bytes.TrimSpace(line.text)) > 0:
			unreadable++
		}
	}
	return unreadable, nil
}

// trailError reports that a ledger cannot be read.
type trailError struct{ err error }

func (e *trailError) Error() string { return "the ledger cannot be read: " + e.err.Error() }
func (e *trailError) Unwrap() error { return e.err }

// unread is err with the path of the ledger, once.
func (t *trail) unread(err error) error {
	return &trailError{fmt.Errorf("%s: %w", t.path, cause(err))}
}

func (t *trail) isSeen(info os.FileInfo) bool {
	return t.seen != nil && os.SameFile(t.seen, info) && t.seen.Size() == info.Size() && t.seen.ModTime().Equal(info.ModTime())
}

// find goes to where the news begin: in a file that was put in the place of
// another one, behind the last line that was seen. What it was shortened by is old.
func (t *trail) find(file io.ReaderAt, info os.FileInfo) error {
	if t.seen != nil && os.SameFile(t.seen, info) && info.Size() >= t.offset {
		return nil
	}
	t.offset = 0
	if len(t.last) == 0 {
		return nil
	}
	at := int64(0)
	for line, err := range wholeLines(io.NewSectionReader(file, 0, info.Size())) {
		if err != nil {
			return err
		}
		at += int64(line.length)
		if bytes.Equal(line.text, t.last) {
			t.offset = at
		}
	}
	return nil
}

// lineLimitBytes bounds a line of the ledger. No version writes one that long.
const lineLimitBytes = 16 << 10

// wholeLine is a line that has an end. What is too long has no text.
type wholeLine struct {
	text   []byte // with the newline; valid until the next line is read
	length int
	isLong bool
}

// wholeLines are the lines of a text, until it ends or cannot be read.
func wholeLines(text io.Reader) iter.Seq2[wholeLine, error] {
	reader := bufio.NewReaderSize(text, lineLimitBytes)
	return func(yield func(wholeLine, error) bool) {
		line := wholeLine{}
		for {
			chunk, err := reader.ReadSlice('\n')
			line.length += len(chunk)
			switch {
			case errors.Is(err, io.EOF):
				return
			case errors.Is(err, bufio.ErrBufferFull):
				line.isLong = true
				continue
			case !line.isLong:
				line.text = chunk
			}
			if !yield(line, err) || err != nil {
				return
			}
			line = wholeLine{}
		}
	}
}
