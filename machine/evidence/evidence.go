// Package evidence holds the closed words for an attempt to refresh that brought no
// tokens: what the issuer answered ([Evidence]), what stood in the way of its answer
// ([Problem]), and what kept the attempt from being made ([BlockReason]). The machine
// decides by them, the ledger keeps them, and people read them.
package evidence

import "strings"

// Evidence is what an attempt to refresh learned where it got no tokens: what the
// issuer answered, or what stood in the way of an answer. It is comparable, and
// holds a number and two short words: an issuer's free text never gets here. The
// zero Evidence is none.
//
// It is for people and for later attempts. The outcome of the answer was decided
// before, and is never decided anew from here.
type Evidence struct {
	Status  int     `json:"status,omitempty"`  // of the HTTP answer; 0: no answer came
	Code    string  `json:"code,omitempty"`    // the issuer's error code as CleanCode leaves it; "" for none
	Problem Problem `json:"problem,omitempty"` // "" for none: the answer says it all
}

// Problem is what stood in the way of an answer, or of its use: a closed set. With
// blanks for its underscores it is also what a person reads. It is an error, for
// callers that have nothing to add.
type Problem string

// The problems of the way to the issuer: no answer came.
const (
	ProblemCancelled           Problem = "call_cancelled"
	ProblemTimedOut            Problem = "timed_out"
	ProblemNoConnection        Problem = "no_connection"
	ProblemConnectionRefused   Problem = "connection_refused"
	ProblemConnectionBroken    Problem = "connection_broken" // before an answer, or in the middle of it
	ProblemNameUnknown         Problem = "name_not_known"
	ProblemProxyUnreachable    Problem = "proxy_not_reachable"
	ProblemProxyRefused        Problem = "proxy_refused"
	ProblemCertificate         Problem = "certificate_not_trusted"
	ProblemCAFileUnreadable    Problem = "ca_file_not_readable"
	ProblemCAFileNoCertificate Problem = "ca_file_has_no_pem_certificate"
	ProblemAddress             Problem = "address_is_not_a_url"
	ProblemHeader              Problem = "value_does_not_fit_into_a_header"
	ProblemPlainHTTP           Problem = "plain_http_refused"
	ProblemClientSecret        Problem = "client_secret_not_available"       // its command or variable gave none
	ProblemOtherProfile        Problem = "login_of_another_issuer_or_client" // than the profile has by now
)

// The problems of an answer that came.
const (
	ProblemPage       Problem = "page_instead_of_an_answer" // of a gateway, a portal, a wall: not the issuer's
	ProblemUnreadable Problem = "answer_not_readable"
	ProblemNoToken    Problem = "answer_without_a_usable_token"
)

var problems = map[Problem]bool{ // true: see NeedsOperator
	ProblemCancelled: false, ProblemTimedOut: false, ProblemNoConnection: false, ProblemConnectionRefused: false,
	ProblemConnectionBroken: false, ProblemNameUnknown: false, ProblemProxyUnreachable: true, ProblemProxyRefused: true,
	ProblemCertificate: true, ProblemCAFileUnreadable: true, ProblemCAFileNoCertificate: true,
	ProblemAddress: true, ProblemHeader: true, ProblemPlainHTTP: true,
	ProblemClientSecret: true, ProblemOtherProfile: true,
	ProblemPage: false, ProblemUnreadable: false, ProblemNoToken: false,
}

// Problems lists the closed set, in no particular order.
func Problems() []Problem {
	var all []Problem
	for problem := range problems {
		all = append(all, problem)
	}
	return all
}

// NeedsOperator reports whether waiting does not help: a setting of this machine
// or of its network has to be changed.
func (p Problem) NeedsOperator() bool { return problems[p] }

func (p Problem) Error() string { return strings.ReplaceAll(string(p), "_", " ") }

// codeLimitBytes is longer than any error code that was seen, and shorter than
// most tokens, which an issuer might repeat.
const codeLimitBytes = 48

// CleanCode is the text if it can be an error code: letters, digits and _ . - of
// bounded length; else "".
func CleanCode(text string) string {
	foreign := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("_.-", r))
	}
	if len(text) > codeLimitBytes || strings.ContainsFunc(text, foreign) {
		return ""
	}
	return text
}

// Clean is the evidence without what cannot be: for one that was read from a file
// that others may write.
func (e Evidence) Clean() Evidence {
	if e.Status < 100 || e.Status > 999 {
		e.Status = 0
	}
	if _, known := problems[e.Problem]; !known {
		e.Problem = ""
	}
	e.Code = CleanCode(e.Code)
	return e
}

// IsCertain reports whether not even a second attempt can end differently while
// nothing is changed on this machine.
func (e Evidence) IsCertain() bool {
	switch e.Problem {
	case ProblemPlainHTTP, ProblemCAFileUnreadable, ProblemCAFileNoCertificate, ProblemAddress, ProblemHeader, ProblemClientSecret, ProblemOtherProfile:
		return true
	}
	return false
}

// IsOfThisMachine reports whether a setting of this machine or its network is at
// fault, the client that it says it is included.
func (e Evidence) IsOfThisMachine() bool {
	isClient := e.Code == "invalid_client" || e.Code == "unauthorized_client" // RFC 6749 section 5.2
	isAddress := e.Problem == "" && (e.Status == 404 || e.Status == 405)
	return e.Problem.NeedsOperator() || isClient || isAddress
}

// IsOfTheLogin reports whether the issuer itself answered and means this login, as
// far as a status can tell: not that it is busy, and not a page of what is in between.
func (e Evidence) IsOfTheLogin() bool {
	switch e.Status {
	case 408, 425, 429: // RFC 9110 and 6585: not now
		return false
	}
	isAnswer := e.Problem == "" && e.Status/100 == 4 || e.Problem == ProblemNoToken
	return isAnswer && !e.IsOfThisMachine()
}

// Repeated is evidence with the number of attempts in a row that ended in it, over
// all processes of one store. The zero Repeated is none: an attempt that did not ask
// the issuer leaves it as it was.
type Repeated struct {
	Evidence
	Times int `json:"times,omitempty"`
}

// After is the evidence counted on from what was known before it.
func (e Evidence) After(known ...Repeated) Repeated {
	times := 0
	for _, each := range known {
		if each.Evidence == e {
			times = max(times, each.Times)
		}
	}
	return Repeated{e, times + 1}
}

// Clean is [Evidence.Clean], with a count that can be.
func (r Repeated) Clean() Repeated { return Repeated{r.Evidence.Clean(), max(r.Times, 0)} }

// BlockReason is what stood in the way of a refresh that ended without a verdict, or of
// a look at the store: a closed set of words for programs.
type BlockReason string

// The reasons.
const (
	BlockIssuerUnavailable BlockReason = "issuer_unavailable" // it is away, out of order, or wants to be left alone
	BlockInDoubt           BlockReason = "in_doubt"           // the refresh token may be spent: an answer was lost, or a process
	BlockRefreshElsewhere  BlockReason = "refresh_elsewhere"  // another process holds the lock or the intent
	BlockOtherLoginStored  BlockReason = "other_login_stored" // what the store holds is not the login in use
	BlockStoreUnavailable  BlockReason = "store_unavailable"  // it could not be read, so that it is not known what it holds
	BlockStoreNotDurable   BlockReason = "store_not_durable"  // it could not keep what the issuer would grant
	BlockMisconfigured     BlockReason = "misconfigured"      // the issuer does not take the request from this client
	BlockLoginNeeded       BlockReason = "login_needed"       // the issuer wants a person: no refresh will do
)

// IsOfStore reports whether the store held something else than the login in use, or
// something unreadable.
func (b BlockReason) IsOfStore() bool {
	return b == BlockOtherLoginStored || b == BlockStoreUnavailable
}

// NeedsOperator reports whether waiting does not help: the administrator of this
// machine has to look after its store, or after what it sends to the issuer.
func (b BlockReason) NeedsOperator() bool {
	return b == BlockStoreUnavailable || b == BlockStoreNotDurable || b == BlockMisconfigured
}
