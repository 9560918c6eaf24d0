package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
)

// Problem is why there was no answer: a closed set, because the texts of the
// network's own errors hold addresses and, with a proxy, passwords. It is an
// error, for those who have nothing to add.
type Problem string

// The problems. From ProblemProxy on they do not pass by themselves: the
// operator has to solve them.
const (
	ProblemCancelled   Problem = "the call was cancelled"
	ProblemTimeout     Problem = "time ran out"
	ProblemConnection  Problem = "no connection could be made"
	ProblemBroken      Problem = "the connection broke"
	ProblemName        Problem = "its name is not known"
	ProblemProxy       Problem = "the proxy does not answer"
	ProblemProxyDenies Problem = "the proxy does not let it through"
	ProblemCertificate Problem = "its certificate is not trusted"
	ProblemAuthorities Problem = "the file of certificate authorities cannot be used"
	ProblemAddress     Problem = "its address is not a URL"
	ProblemHeader      Problem = "what is to be sent does not fit into a header"
)

func (p Problem) Error() string { return string(p) }

// ProblemOf puts an error of net/http into a word that may be told. The context
// of the call is asked first: net/http returns the cause of its end, which may
// be any error.
func ProblemOf(ctx context.Context, err error) Problem {
	if known, ok := errors.AsType[Problem](err); ok {
		return known
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ProblemCancelled
	}
	if network, ok := errors.AsType[net.Error](err); ctx.Err() != nil || ok && network.Timeout() {
		return ProblemTimeout
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return ProblemCertificate
	}
	operation, _ := errors.AsType[*net.OpError](err)
	if operation != nil && operation.Op == "proxyconnect" {
		return ProblemProxy // whatever it is that its name or its port has
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return ProblemName
	}
	if operation != nil && operation.Op == "dial" {
		return ProblemConnection
	}
	return ProblemBroken
}
