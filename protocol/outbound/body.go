package outbound

import (
	"bytes"
	"compress/gzip"
	"io"
)

// gzipMagic is how gzip begins (RFC 1952 section 2.3.1) and no JSON, form or page
// does. It is asked for, and then Content-Encoding says that it came; but some send
// it unasked, unsaid, or twice over, and the bytes are what counts.
var gzipMagic = []byte{0x1f, 0x8b}

const gzipRounds = 2

// ReadBody reads a body and decompresses it; the limit holds before and after. With
// an error it returns what could be read before it.
func ReadBody(from io.Reader, limitBytes int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(from, limitBytes))
	for range gzipRounds {
		if !bytes.HasPrefix(body, gzipMagic) {
			break
		}
		packed, failed := gzip.NewReader(bytes.NewReader(body))
		if failed != nil {
			break // no gzip after all
		}
		// An end that is missing or wrong takes nothing away from what can be read.
		body, _ = io.ReadAll(io.LimitReader(packed, limitBytes))
	}
	return body, err
}
