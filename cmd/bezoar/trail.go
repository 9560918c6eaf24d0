package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/bezoar-auth/bezoar/store"
)

// trail reads the file of a ledger from where it stopped the last time. Others
// append to it, and put a shorter one in its place now and then.
type trail struct {
	path   string
	seen   os.FileInfo // of the file then; nil before the first time
	offset int64       // behind the last whole line
	last   []byte      // that line
}

// trailLine is a line of the ledger.
type trailLine struct {
	raw   []byte // with the newline
	entry store.Entry
}

// news are the whole lines that are new, but for those that are no entries.
func (t *trail) news() (lines []trailLine, unreadable int, err error) {
	info, err := os.Stat(t.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0, nil
	case err != nil:
		return nil, 0, fmt.Errorf("read the ledger: %w", err)
	case !info.Mode().IsRegular():
		return nil, 0, fmt.Errorf("read the ledger: %s is no file", t.path)
	case t.isSeen(info):
		return nil, 0, nil
	}
	content, err := t.readOn()
	if err != nil {
		return nil, 0, fmt.Errorf("read the ledger: %w", err)
	}
	for raw := range bytes.Lines(content) {
		t.last = raw
		var e store.Entry
		if json.Unmarshal(raw, &e) == nil && e.Kind != "" {
			lines = append(lines, trailLine{raw, e})
		} else if len(bytes.TrimSpace(raw)) > 0 {
			unreadable++
		}
	}
	return lines, unreadable, nil
}

func (t *trail) isSeen(info os.FileInfo) bool {
	return t.seen != nil && os.SameFile(t.seen, info) && t.seen.Size() == info.Size() && t.seen.ModTime().Equal(info.ModTime())
}

// readOn returns the whole lines behind the last one that was seen. In a file
// that was put in the place of another one that is looked for: what it was
// shortened by is old.
func (t *trail) readOn() ([]byte, error) {
	file, err := os.Open(t.path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat() // of this one: the name may belong to another by now
	if err != nil {
		return nil, err
	}
	isReplaced := t.seen == nil || !os.SameFile(t.seen, info) || info.Size() < t.offset
	if isReplaced {
		t.offset = 0
	}
	content, err := io.ReadAll(io.NewSectionReader(file, t.offset, info.Size()-t.offset))
	if err != nil {
		return nil, err
	}
	content = content[:bytes.LastIndexByte(content, '\n')+1]
	t.seen, t.offset = info, t.offset+int64(len(content))
	if at := bytes.LastIndex(content, t.last); isReplaced && len(t.last) > 0 && at >= 0 {
		content = content[at+len(t.last):]
	}
	return content, nil
}
