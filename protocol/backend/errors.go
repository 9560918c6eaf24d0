package backend

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
)

// StatusError reports that the backend did not give the limits.
type StatusError struct {
	Path   string // that was asked for
	Status int    // of HTTP
}

// Error begins as the reference's does, which goes on with the body.
func (e *StatusError) Error() string {
	return fmt.Sprintf("GET %s failed: %d %s", e.Path, e.Status, cmp.Or(http.StatusText(e.Status), "<unknown status code>"))
}

// ErrUnreadable reports an answer that does not hold the limits.
var ErrUnreadable = errors.New("the backend's answer cannot be read")

// UnreachableError reports that the backend gave no answer, or not all of it.
type UnreachableError struct{ Problem Problem }

func (e *UnreachableError) Error() string { return "the backend gave no answer: " + string(e.Problem) }

// Problem is why there was no answer: a closed set, because the texts of the
// network's own errors hold addresses and, with a proxy, passwords.
type Problem string

// The problems. The last four do not pass by themselves.
const (
	ProblemCancelled   Problem = "the call was cancelled"
	ProblemTimeout     Problem = "time ran out"
	ProblemConnection  Problem = "the connection could not be made or broke"
	ProblemName        Problem = "its name is not known"
	ProblemCertificate Problem = "its certificate is not trusted"
	ProblemLogin       Problem = "the login cannot be sent in a header"
	ProblemAddress     Problem = "its address is not a URL"
)

// problemOf puts an error of the network into one of the words that may be told.
func problemOf(err error) Problem {
	if network, ok := errors.AsType[net.Error](err); ok && network.Timeout() {
		return ProblemTimeout // a deadline of the context is one as well
	}
	if errors.Is(err, context.Canceled) {
		return ProblemCancelled
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return ProblemName
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return ProblemCertificate
	}
	return ProblemConnection
}
