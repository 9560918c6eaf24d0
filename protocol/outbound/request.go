// Package outbound is what all calls to other servers have in common: who they
// are made for, where they can go, and the words for an answer that did not come.
package outbound

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"unicode"

	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/protocol/legible"
)

// NewRequest is a request to an address, for an answer that ReadBody can read. Its
// errors are [evidence.ProblemAddress] if nothing can be sent there (net/http takes
// any text) and [evidence.ProblemPlainHTTP] if nothing may be.
func (r Rules) NewRequest(ctx context.Context, method, address string, body io.Reader) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil || request.URL.Scheme != "https" && request.URL.Scheme != "http" || request.URL.Hostname() == "" {
		return nil, evidence.ProblemAddress
	}
	if !r.Permit(request.URL) {
		return nil, evidence.ProblemPlainHTTP
	}
	request.Header.Set("Accept", "application/json") // GitHub answers with a form who does not ask
	request.Header.Set("Accept-Encoding", "gzip")    // without it, any coding may come (RFC 9110 section 12.5.3)
	return request, nil
}

// FitsHeader reports whether text can be sent in a header (RFC 9110 section
// 5.5). The network would say that it cannot, but not in words that may be told.
func FitsHeader(text string) bool { return !strings.ContainsFunc(text, unicode.IsControl) }

// Introduction is what a client says of the program that it asks for. The zero
// value says that it is this one. Its methods may be called concurrently.
type Introduction struct{ said atomic.Pointer[program] }

type program struct{ originator, userAgent string }

var thisProgram = program{"bezoar", "bezoar"}

// Introduce sets what all further requests say: the originator and user-agent
// headers. A character that a header cannot hold becomes an underscore: it must
// not stop refreshes.
func (i *Introduction) Introduce(originator, userAgent string) {
	fit := func(text string) string { return legible.Map(text, '_') }
	i.said.Store(&program{fit(originator), fit(userAgent)})
}

// Originator is the name of the program, as its requests say it.
func (i *Introduction) Originator() string { return i.program().originator }

// Sign puts the introduction into a request.
func (i *Introduction) Sign(request *http.Request) {
	asker := i.program()
	request.Header.Set("Originator", asker.originator)
	request.Header.Set("User-Agent", asker.userAgent)
}

func (i *Introduction) program() program {
	if said := i.said.Load(); said != nil {
		return *said
	}
	return thisProgram
}
