package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"

	"github.com/bezoar-auth/bezoar/machine/persist"
)

// Line is one entry of a journal with the bytes that it was read from. They may hold
// members that this version does not know.
type Line struct {
	Raw   []byte // with the newline; valid until the next line is read
	Entry persist.Entry
}

// decode reads an entry. A newer version may have written members and kinds that
// this one does not know; a line without a kind is not an entry. A byte-order mark is
// from an editor on Windows.
func decode(raw []byte) (persist.Entry, bool) {
	var e persist.Entry
	err := json.Unmarshal(bytes.TrimPrefix(raw, byteOrderMark), &e)
	return e, err == nil && e.Kind != ""
}

var byteOrderMark = []byte("\ufeff")

// lineLimitBytes bounds a line. No version writes one that long.
const lineLimitBytes = 16 << 10

// scan calls each with every whole line after from, and with where it ends, until
// each returns false. A line that is too long is nil; blank lines are left out. scan
// returns where it stopped: at the latest before a line that has no newline yet.
// Memory does not grow with the file. The line is valid until the next one is read.
func scan(file io.ReaderAt, from cursor, each func(raw []byte, end int64) bool) (cursor, error) {
	rest := io.NewSectionReader(file, from.offset, math.MaxInt64-from.offset)
	reader := bufio.NewReaderSize(rest, lineLimitBytes)
	offset, long := from.offset, from.inLine()
	for goOn := true; goOn; {
		chunk, err := reader.ReadSlice('\n')
		eof := errors.Is(err, io.EOF)
		if err != nil && !eof && !errors.Is(err, bufio.ErrBufferFull) {
			return from, err
		}
		if !eof || long {
			offset += int64(len(chunk))
		}
		switch {
		case eof:
			goOn = false
		case err != nil:
			long = true
		case long:
			long = false
			goOn = each(nil, offset)
		case len(bytes.TrimSpace(chunk)) > 0:
			goOn = each(chunk, offset)
		}
	}
	return cursorAt(file, offset)
}

// cursor is a place in a file that may be cut or replaced before the next look at
// it: the bytes before the place tell whether the file is still the same.
type cursor struct {
	offset int64
	before []byte
}

const cursorBytes = 64

func cursorAt(file io.ReaderAt, offset int64) (cursor, error) {
	before := make([]byte, min(offset, cursorBytes))
	_, err := file.ReadAt(before, offset-int64(len(before)))
	if err != nil && !errors.Is(err, io.EOF) {
		return cursor{}, err
	}
	return cursor{offset, before}, nil
}

// fits reports whether the file is still the one that the cursor was made in.
func (c cursor) fits(file io.ReaderAt) bool {
	found, err := cursorAt(file, c.offset)
	return err == nil && bytes.Equal(found.before, c.before)
}

// inLine reports whether the place is inside a line that is too long to read.
func (c cursor) inLine() bool { return len(c.before) > 0 && c.before[len(c.before)-1] != '\n' }
