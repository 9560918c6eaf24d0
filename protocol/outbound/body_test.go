package outbound

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func zipped(text string) []byte {
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	io.WriteString(writer, text)
	writer.Close()
	return packed.Bytes()
}

func TestABodyIsReadHoweverItIsPacked(t *testing.T) {
	const text = `{"access_token":"a"}`
	for name, body := range map[string][]byte{
		"plain":            []byte(text),
		"gzip":             zipped(text),
		"twice":            zipped(string(zipped(text))),
		"without its end":  zipped(text)[:len(zipped(text))-8],
		"with a wrong sum": append(zipped(text)[:len(zipped(text))-8], make([]byte, 8)...),
	} {
		read, err := ReadBody(bytes.NewReader(body), 1<<20)
		require.NoError(t, err, name)
		require.Equal(t, text, string(read), name)
	}
	read, err := ReadBody(strings.NewReader("\x1f\x8bno gzip"), 1<<20)
	require.NoError(t, err)
	require.Equal(t, "\x1f\x8bno gzip", string(read))
}

func TestABodyHasALimitPackedAndUnpacked(t *testing.T) {
	const limit = 1000
	bomb := zipped(strings.Repeat("x", 100*limit))
	require.Less(t, len(bomb), limit)
	for _, body := range [][]byte{bomb, bytes.Repeat([]byte("x"), 100*limit)} {
		read, err := ReadBody(bytes.NewReader(body), limit)
		require.NoError(t, err)
		require.Len(t, read, limit)
	}
}

func TestWhatCameBeforeAConnectionBrokeIsRead(t *testing.T) {
	broken := errors.New("broken")
	packed := zipped(`{"access_token":"a"}`)
	read, err := ReadBody(io.MultiReader(bytes.NewReader(packed[:len(packed)-8]), failing{broken}), 1<<20)
	require.ErrorIs(t, err, broken)
	require.Equal(t, `{"access_token":"a"}`, string(read))
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
