package scripted

import (
	"net/http"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Call is the kind of a request, by which a test counts them.
type Call string

// The calls.
const (
	Turn         Call = "turn"          // a request to the model
	Models       Call = "models"        // which models there are
	AccountCheck Call = "account check" // wham/accounts/check
	Usage        Call = "usage"         // rate limits
	OAuth        Call = "issuer"        // any request to the issuer
	Other        Call = "other"         // a path that this service does not have
	Refused      Call = "refused"       // a host that this service is not
)

// Request is a request that arrived. It holds no secret.
type Request struct {
	At         time.Time
	Call       Call
	Method     string
	Host       string // that the client wanted; "" if it used no proxy
	Path       string
	Account    string             // chatgpt-account-id, "" if there was none
	Bearer     secret.Fingerprint // "" for an anonymous request
	Originator string
	UserAgent  string
	Status     int // of the answer, 0 before it was decided
}

// Requests are the requests that have arrived so far and that isWanted accepts, oldest first;
// all of them for nil.
func (s *Service) Requests(isWanted func(Request) bool) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []Request
	for _, each := range s.requests {
		if isWanted == nil || isWanted(*each) {
			found = append(found, *each)
		}
	}
	return found
}

// Turns are the requests to the model so far, oldest first.
func (s *Service) Turns() []Request { return s.Requests(Request.IsTurn) }

// IsTurn reports whether a request asked the model.
func (r Request) IsTurn() bool { return r.Call == Turn }

// IsAnonymous reports whether a request asked the model without a bearer.
func (r Request) IsAnonymous() bool { return r.Call == Turn && r.Bearer == "" }

// arrive records a request.
func (s *Service) arrive(r *http.Request, call Call, host string) *Request {
	record := &Request{
		At: s.now(), Call: call, Method: r.Method, Host: host, Path: r.URL.Path,
		Account: r.Header.Get("Chatgpt-Account-Id"), Bearer: bearerOf(r).Fingerprint(),
		Originator: r.Header.Get("Originator"), UserAgent: r.Header.Get("User-Agent"),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, record)
	s.change()
	return record
}

// decide records the status of an answer before it is sent.
func (s *Service) decide(record *Request, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	record.Status = status
	s.change()
}

// change wakes those who await a request. The caller holds the lock.
func (s *Service) change() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func bearerOf(r *http.Request) secret.Token {
	text, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !isBearer {
		return secret.Token{}
	}
	return secret.New(text)
}
