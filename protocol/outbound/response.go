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

// gzipMagic is how gzip begins (RFC 1952 section 2.3.1), and no JSON, form or page does. We
// accept gzip, and Content-Encoding should say that it came; but some servers send it
// unasked, undeclared or twice, so that the bytes decide.
var gzipMagic = []byte{0x1f, 0x8b}

const gzipRounds = 2

// ReadBody reads a body and decompresses it; the limit holds before and after. With an
// error it returns what could be read before the error.
func ReadBody(from io.Reader, limitBytes int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(from, limitBytes))
	for range gzipRounds {
		if !bytes.HasPrefix(body, gzipMagic) {
			break
		}
		packed, failed := gzip.NewReader(bytes.NewReader(body))
		if failed != nil {
			break // the magic bytes were a coincidence
		}
		// Without the right end the body still counts as far as it can be read.
		body, _ = io.ReadAll(io.LimitReader(packed, limitBytes))
	}
	return body, err
}

// IsPage reports whether a body is an HTML page. No server that is asked here answers with
// one: it is the page of a gateway, a portal or a firewall.
func IsPage(header http.Header, body []byte) bool {
	contentType, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	text := Text(body)
	return strings.HasPrefix(text, "<") || text != "" && strings.HasSuffix(contentType, "html")
}

// byteOrderMark begins the UTF-8 of some writers; a reader may ignore it (RFC 8259 section
// 8.1).
const byteOrderMark = "\uFEFF"

// Text is a body without the blanks around it and without a byte order mark.
func Text(body []byte) string {
	return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(string(body)), byteOrderMark))
}

// wsaeConnRefused is ECONNREFUSED on Windows, which package syscall does not map.
const wsaeConnRefused = syscall.Errno(10061)

// socksProblem distinguishes a SOCKS proxy that cannot be reached from one that refuses.
func socksProblem(connect *net.OpError) evidence.Problem {
	if _, ok := errors.AsType[*net.OpError](connect.Err); ok {
		return evidence.ProblemProxyUnreachable
	}
	return evidence.ProblemProxyRefused
}

// ProblemOf translates an error of net/http into a problem of a closed set: the network's
// own errors hold addresses and, with a proxy, passwords. The context of the call counts
// first: net/http returns the cause of its end, which may be any error.
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
		return evidence.ProblemProxyUnreachable // whatever is wrong with its name or its port
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
