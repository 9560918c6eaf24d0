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

	"github.com/bezoar-auth/bezoar/machine"
)

func TestNoAnswerIsToldWithoutTheNetworksWords(t *testing.T) {
	password := errors.New("http://user:password@proxy.test")
	for _, each := range []struct {
		err  error
		want machine.Problem
	}{
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "issuer.test"}}, machine.ProblemNameUnknown},
		{&tls.CertificateVerificationError{Err: password}, machine.ProblemCertificate},
		{&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, machine.ProblemTimedOut},
		{&net.OpError{Op: "proxyconnect", Err: password}, machine.ProblemProxyUnreachable},
		{&net.OpError{Op: "proxyconnect", Err: &net.DNSError{Err: "no such host", Name: "proxy.test"}}, machine.ProblemProxyUnreachable},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, machine.ProblemConnectionRefused},
		{&net.OpError{Op: "dial", Err: password}, machine.ProblemNoConnection},
		{&net.OpError{Op: "socks connect", Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}, machine.ProblemProxyUnreachable},
		{&net.OpError{Op: "socks connect", Err: password}, machine.ProblemProxyRefused},
		{&net.OpError{Op: "read", Err: password}, machine.ProblemConnectionBroken},
		{password, machine.ProblemConnectionBroken},
		{fmt.Errorf("%w: %w", password, machine.ProblemCAFileUnreadable), machine.ProblemCAFileUnreadable},
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
	require.Equal(t, machine.ProblemCancelled, ProblemOf(cancelled, cause))
	require.Equal(t, machine.ProblemTimedOut, ProblemOf(late, cause))
}
