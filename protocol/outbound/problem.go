package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"syscall"

	"github.com/bezoar-auth/bezoar/machine/evidence"
)

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
