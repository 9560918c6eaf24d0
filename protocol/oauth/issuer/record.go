package issuer

import (
	"net/http"
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Request is one that arrived. Printing it shows no secret.
type Request struct {
	At       time.Time
	Call     Call
	Header   http.Header        // credentials and cookies are replaced by a placeholder
	Body     secret.Token       // all of it, as it came
	ClientID string             // client_id, "" if there was none
	Reason   string             // refresh_reason, "" if there was none
	Token    secret.Fingerprint // of the token, code or device that it was about
	Status   int                // of the answer, 0 before there was one
	Answered bool               // the answer was sent, and all of it
}

// Counts is what an issuer has seen of refreshes.
type Counts struct {
	Posts    int // requests for a refresh, of all fates
	Grants   int // that were granted
	Replays  int // that brought a token which was spent before, forgiven or not
	Refusals int // that were refused by the issuer itself, not by a script
	Revoked  int // families that ended: by reuse, revocation or a test
}

// Requests are the requests that arrived so far, of these kinds or of all,
// oldest first.
func (i *Issuer) Requests(calls ...Call) []Request {
	i.mu.Lock()
	defer i.mu.Unlock()
	var found []Request
	for _, each := range i.requests {
		if len(calls) == 0 || slices.Contains(calls, each.Call) {
			found = append(found, *each)
		}
	}
	return found
}

// Counts returns the counters as they are now.
func (i *Issuer) Counts() Counts {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.counts
}

func recordOf(request asked, r *http.Request, body []byte) *Request {
	header := r.Header.Clone()
	for _, name := range []string{"Authorization", "Proxy-Authorization", "Cookie"} {
		if header.Get(name) != "" {
			header.Set(name, secret.New(header.Get(name)).String())
		}
	}
	return &Request{
		At: request.at, Call: request.call, Header: header, Body: secret.New(string(body)),
		ClientID: request.values["client_id"], Reason: request.values["refresh_reason"],
		Token: request.tokenOf().Fingerprint(),
	}
}
