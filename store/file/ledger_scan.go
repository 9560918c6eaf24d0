package file

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
)

// lineLimitBytes bounds a line. No version writes one that long.
const lineLimitBytes = 16 << 10

// scan calls each with every whole line behind from, nil for one that is too
// long, until it returns false, and returns where it stopped: before a line that
// has no end yet. Memory does not depend on what is in the file. The line is valid
// until the next one is read.
func scan(file io.ReaderAt, from bookmark, each func(line []byte) bool) (bookmark, error) {
	rest := io.NewSectionReader(file, from.offset, math.MaxInt64-from.offset)
	reader := bufio.NewReaderSize(rest, lineLimitBytes)
	offset, isLong := from.offset, from.isInLine()
	for goesOn := true; ; {
		if !goesOn {
			return bookmarkAt(file, offset)
		}
		chunk, err := reader.ReadSlice('\n')
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
			return from, err
		}
		if errors.Is(err, io.EOF) && !isLong {
			return bookmarkAt(file, offset)
		}
		offset += int64(len(chunk))
		switch {
		case errors.Is(err, io.EOF):
			return bookmarkAt(file, offset)
		case err != nil:
			isLong = true
		case isLong:
			isLong = false
			goesOn = each(nil)
		case len(bytes.TrimSpace(chunk)) > 0:
			goesOn = each(chunk)
		}
	}
}

// newestBytes is as much of a journal as is read, its end. One that any version
// writes is a thousand times shorter.
const newestBytes = 256 << 20

// begin is where to begin to read a journal of this size.
func begin(file io.ReaderAt, size int64) (bookmark, error) {
	return bookmarkAt(file, max(0, size-newestBytes))
}

// bookmark is a place in a file that may be cut or replaced before one comes
// back to it: the bytes before the place tell whether it is still the same.
type bookmark struct {
	offset int64
	before []byte
}

const bookmarkBytes = 64

func bookmarkAt(file io.ReaderAt, offset int64) (bookmark, error) {
	before := make([]byte, min(offset, bookmarkBytes))
	_, err := file.ReadAt(before, offset-int64(len(before)))
	if err != nil && !errors.Is(err, io.EOF) {
		return bookmark{}, err
	}
	return bookmark{offset, before}, nil
}

func (b bookmark) isIn(file io.ReaderAt) bool {
	found, err := bookmarkAt(file, b.offset)
	return err == nil && bytes.Equal(found.before, b.before)
}

// isInLine reports whether the place is inside a line that is too long to read.
func (b bookmark) isInLine() bool { return len(b.before) > 0 && b.before[len(b.before)-1] != '\n' }
