package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/evidence"
)

func TestNoAnswerIsToldWithoutTheNetworksWords(t *testing.T) {
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

func TestTheEndOfTheCallGoesBeforeWhatTheNetworkSaysOfIt(t *testing.T) {
	cause := &net.OpError{Op: "dial", Err: errors.New("refused")}
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	late, done := context.WithDeadlineCause(t.Context(), time.Unix(0, 0), cause)
	defer done()
	require.Equal(t, evidence.ProblemCancelled, ProblemOf(cancelled, cause))
	require.Equal(t, evidence.ProblemTimedOut, ProblemOf(late, cause))
}
