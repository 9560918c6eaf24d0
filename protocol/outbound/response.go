package outbound

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/bezoar-auth/bezoar/machine/evidence"
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

// IsPage reports whether a body is written for a person's browser. None of those who
// are asked here answers so: a gateway, a portal or a wall did.
func IsPage(header http.Header, body []byte) bool {
	contentType, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	text := Text(body)
	return strings.HasPrefix(text, "<") || text != "" && strings.HasSuffix(contentType, "html")
}

// byteOrderMark is what some writers begin UTF-8 with; RFC 8259 section 8.1 lets a
// reader pass over it.
const byteOrderMark = "\uFEFF"

// Text is a body without the blanks around it and without a byte order mark.
func Text(body []byte) string {
	return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(string(body)), byteOrderMark))
}

// wsaeConnRefused is ECONNREFUSED on Windows, which package syscall does not map.
const wsaeConnRefused = syscall.Errno(10061)

// socksProblem tells a proxy that is not there from one that says no.
func socksProblem(connect *net.OpError) evidence.Problem {
	if _, ok := errors.AsType[*net.OpError](connect.Err); ok {
		return evidence.ProblemProxyUnreachable
	}
	return evidence.ProblemProxyRefused
}

// ProblemOf puts an error of net/http into a word of a closed set: the network's
// own errors hold addresses and, with a proxy, passwords. The context
// of the call is asked first: net/http returns the cause of its end, which may
// be any error.
func ProblemOf(ctx context.Context, err error) evidence.Problem {
	if known, ok := errors.AsType[evidence.Problem](err); ok {
		return known
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return evidence.ProblemCancelled
	}
	if network, ok := errors.AsType[net.Error](err); ctx.Err() != nil || ok && network.Timeout() {
		return evidence.ProblemTimedOut
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return evidence.ProblemCertificate
	}
	operation, _ := errors.AsType[*net.OpError](err)
	if operation != nil && operation.Op == "proxyconnect" {
		return evidence.ProblemProxyUnreachable // whatever it is that its name or its port has
	}
	if operation != nil && operation.Op == "socks connect" {
		return socksProblem(operation)
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return evidence.ProblemNameUnknown
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, wsaeConnRefused):
		return evidence.ProblemConnectionRefused
	case operation != nil && operation.Op == "dial":
		return evidence.ProblemNoConnection
	}
	return evidence.ProblemConnectionBroken
}
