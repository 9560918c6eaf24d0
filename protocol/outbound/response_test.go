package outbound

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/evidence"
)

func zipped(text string) []byte {
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	io.WriteString(writer, text)
	writer.Close()
	return packed.Bytes()
}

func TestBodyIsReadHoweverItIsPacked(t *testing.T) {
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

func TestBodyHasALimitPackedAndUnpacked(t *testing.T) {
	const limit = 1000
	bomb := zipped(strings.Repeat("x", 100*limit))
	require.Less(t, len(bomb), limit)
	for _, body := range [][]byte{bomb, bytes.Repeat([]byte("x"), 100*limit)} {
		read, err := ReadBody(bytes.NewReader(body), limit)
		require.NoError(t, err)
		require.Len(t, read, limit)
	}
}

func TestBodyBeforeABrokenConnectionIsRead(t *testing.T) {
	broken := errors.New("broken")
	packed := zipped(`{"access_token":"a"}`)
	read, err := ReadBody(io.MultiReader(bytes.NewReader(packed[:len(packed)-8]), failing{broken}), 1<<20)
	require.ErrorIs(t, err, broken)
	require.Equal(t, `{"access_token":"a"}`, string(read))
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestProblemsHoldNoWordsOfTheNetwork(t *testing.T) {
	password := errors.New("http://user:password@proxy.test")
	for _, each := range []struct {
		err  error
		want evidence.Problem
	}{
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "issuer.test"}}, evidence.ProblemNameUnknown},
		{&tls.CertificateVerificationError{Err: password}, evidence.ProblemCertificate},
		{&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, evidence.ProblemTimedOut},
		{&net.OpError{Op: "proxyconnect", Err: password}, evidence.ProblemProxyUnreachable},
		{&net.OpError{Op: "proxyconnect", Err: &net.DNSError{Err: "no such host", Name: "proxy.test"}}, evidence.ProblemProxyUnreachable},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, evidence.ProblemConnectionRefused},
		{&net.OpError{Op: "dial", Err: password}, evidence.ProblemNoConnection},
		{&net.OpError{Op: "socks connect", Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}, evidence.ProblemProxyUnreachable},
		{&net.OpError{Op: "socks connect", Err: password}, evidence.ProblemProxyRefused},
		{&net.OpError{Op: "read", Err: password}, evidence.ProblemConnectionBroken},
		{password, evidence.ProblemConnectionBroken},
		{fmt.Errorf("%w: %w", password, evidence.ProblemCAFileUnreadable), evidence.ProblemCAFileUnreadable},
	} {
		require.Equal(t, each.want, ProblemOf(t.Context(), each.err), "%v", each.want)
	}
}

func TestEndOfTheCallCountsBeforeTheNetworksError(t *testing.T) {
	cause := &net.OpError{Op: "dial", Err: errors.New("refused")}
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	late, done := context.WithDeadlineCause(t.Context(), time.Unix(0, 0), cause)
	defer done()
	require.Equal(t, evidence.ProblemCancelled, ProblemOf(cancelled, cause))
	require.Equal(t, evidence.ProblemTimedOut, ProblemOf(late, cause))
}
