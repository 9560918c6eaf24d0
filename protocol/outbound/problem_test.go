package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNoAnswerIsToldWithoutTheNetworksWords(t *testing.T) {
	password := errors.New("http://user:password@proxy.test")
	for _, each := range []struct {
		err  error
		want Problem
	}{
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "issuer.test"}}, ProblemName},
		{&tls.CertificateVerificationError{Err: password}, ProblemCertificate},
		{&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, ProblemTimeout},
		{&net.OpError{Op: "proxyconnect", Err: password}, ProblemProxy},
		{&net.OpError{Op: "proxyconnect", Err: &net.DNSError{Err: "no such host", Name: "proxy.test"}}, ProblemProxy},
		{&net.OpError{Op: "dial", Err: password}, ProblemConnection},
		{&net.OpError{Op: "read", Err: password}, ProblemBroken},
		{password, ProblemBroken},
		{fmt.Errorf("%w: %w", password, ProblemAuthorities), ProblemAuthorities},
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
	require.Equal(t, ProblemCancelled, ProblemOf(cancelled, cause))
	require.Equal(t, ProblemTimeout, ProblemOf(late, cause))
}
