package issuer

import (
	"encoding/json"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine/secret"
)

// parsedRequest is a request that was read.
type parsedRequest struct {
	call   Call
	values map[string]string // members of the JSON object, the form or the query
	query  url.Values
	origin string // the issuer's own, as the client called it
	path   string
	at     time.Time

	user, password string // of the Authorization header
}

// answer is the answer to a request.
type answer struct {
	status int
	header http.Header
	body   []byte
}

const requestLimitBytes = 64 << 10

// handle serves a pattern: it reads and records the request, and plays the script. work is
// what the issuer does without a script; it is called with the lock held. An empty call is
// named by its grant type.
func (i *Issuer) handle(pattern string, call Call, work func(parsedRequest) answer) {
	i.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { i.serve(w, r, call, work) })
}

func (i *Issuer) serve(w http.ResponseWriter, r *http.Request, call Call, work func(parsedRequest) answer) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, requestLimitBytes))
	if err != nil {
		panic(http.ErrAbortHandler) // half a request is none
	}
	request := parsedRequest{call: call, values: parse(r, body), query: r.URL.Query(), origin: origin(r), path: r.URL.Path, at: i.options.Now()}
	request.user, request.password, _ = r.BasicAuth()
	if isJSON := strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"); i.options.Dialect != nil && isJSON {
		request.values = map[string]string{} // RFC 6749 has forms
	}
	if call == "" {
		request.call = callOf(request.values["grant_type"])
	}
	record, step := i.arrive(request, r, body)
	i.play(step, w, r, record, func() answer { return work(request) })
}

// arrive records a request and takes the next step of the script.
func (i *Issuer) arrive(request parsedRequest, r *http.Request, body []byte) (*Request, Step) {
	i.mu.Lock()
	defer i.mu.Unlock()
	record := recordOf(request, r, body)
	i.requests = append(i.requests, record)
	if request.call == Refresh {
		i.counts.Posts++
	}
	return record, i.script.next(request.call)
}

// play answers a request as a step of the script says.
func (i *Issuer) play(step Step, w http.ResponseWriter, r *http.Request, record *Request, work func() answer) {
	if !step.Before.Wait(r.Context()) || step.Drop == DropRequest {
		panic(http.ErrAbortHandler)
	}
	reply := i.decide(step, record, work)
	if !step.After.Wait(r.Context()) || step.Drop == DropAnswer {
		panic(http.ErrAbortHandler)
	}
	i.mu.Lock()
	record.Answered = step.Drop == DropNothing
	i.mu.Unlock()
	i.write(w, reply, step.Drop == DropHalf)
}

// decide does the work, unless the script has another answer.
func (i *Issuer) decide(step Step, record *Request, work func() answer) answer {
	i.mu.Lock()
	defer i.mu.Unlock()
	reply := answer{step.Status, step.Header, []byte(step.Body)}
	if step.Status == 0 {
		reply = work()
	} else if step.Work {
		work()
	}
	record.Status = reply.status
	return reply
}

func (i *Issuer) write(w http.ResponseWriter, reply answer, half bool) {
	w.Header().Set("Date", i.options.Now().UTC().Format(http.TimeFormat))
	maps.Copy(w.Header(), reply.header) // a scripted Date wins
	if half {
		w.Header().Set("Content-Length", strconv.Itoa(len(reply.body)))
		reply.body = reply.body[:len(reply.body)/2]
	}
	w.WriteHeader(reply.status)
	w.Write(reply.body) // a client that has gone is no concern of an issuer
	if half {
		_ = http.NewResponseController(w).Flush() // else net/http would keep the half back
		panic(http.ErrAbortHandler)
	}
}

// parse reads the members of a request: a JSON object of strings, or a form.
func parse(r *http.Request, body []byte) map[string]string {
	values := map[string]string{}
	switch contentType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); contentType {
	case "application/json":
		var members map[string]any
		_ = json.Unmarshal(body, &members) // what is no object has no members
		for name, value := range members {
			if text, ok := value.(string); ok {
				values[name] = text
			}
		}
	case "application/x-www-form-urlencoded":
		form, _ := url.ParseQuery(string(body)) // what is no form has no members
		for name := range form {
			values[name] = form.Get(name)
		}
	}
	return values
}

func origin(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// object is an answer with a JSON object.
func object(status int, members map[string]any) answer {
	body, _ := json.Marshal(members) // strings, and claims that were encoded before
	header := http.Header{"Content-Type": {"application/json"}, "Cache-Control": {"no-store"}}
	return answer{status, header, body}
}

// refuse is an error response (RFC 6749 section 5.2).
func refuse(status int, code, description string) answer {
	return object(status, map[string]any{"error": code, "error_description": description})
}

// tokenOf is the secret that a request is about.
func (r parsedRequest) tokenOf() secret.Token {
	for _, name := range []string{"refresh_token", "code", "subject_token", "token", "device_auth_id", "device_code"} {
		if r.values[name] != "" {
			return secret.New(r.values[name])
		}
	}
	return secret.Token{}
}

// Request is a request that arrived. Printing it shows no secret.
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

// Counts counts the refreshes of an issuer.
type Counts struct {
	Posts    int // requests for a refresh, of all fates
	Grants   int // that were granted
	Replays  int // that brought a token which was spent before, forgiven or not
	Refusals int // that were refused by the issuer itself, not by a script
	Revoked  int // families that ended: by reuse, revocation or a test
}

// Requests returns the requests that arrived so far, of these kinds or of all, oldest first.
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

// Counts returns the counters.
func (i *Issuer) Counts() Counts {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.counts
}

func recordOf(request parsedRequest, r *http.Request, body []byte) *Request {
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
