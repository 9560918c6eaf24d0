package machine

import (
	"cmp"
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Phase is the name of a state: what a user could say of the login.
type Phase string

// The five states.
const (
	NoAuth   Phase = "NoAuth"   // no credential
	ApiKey   Phase = "ApiKey"   // a static key
	Fresh    Phase = "Fresh"    // a token set the issuer gave, not aged
	Stale    Phase = "Stale"    // a token set that should be refreshed: the only state that may
	Poisoned Phase = "Poisoned" // the issuer refused this very refresh token for good
)

// Phases lists the states in the order in which they are documented.
func Phases() []Phase { return []Phase{NoAuth, ApiKey, Fresh, Stale, Poisoned} }

// AttemptID numbers the refreshes of one process, from 1. Zero is none.
type AttemptID uint64

// Policy is what does not change while the program runs.
type Policy struct {
	Issuer       Issuer        // of a login that does not say where it was made; see IssuerOf
	RefreshFloor time.Duration // a refresh demanded so soon after a success is that success; 0: never
	BackoffOff   bool          // no waiting after a failure, also not after a lost answer; for tests of the wire
	AttemptLimit time.Duration // how long one refresh takes at the most, with its wait for the lock; 0: defaultAttemptLimit
	Restriction  Restriction

	EndpointOverridden bool // Issuer.TokenEndpoint is that of every login, wherever it was made
}

// State is the whole memory of the machine. It is a value: Step returns a new
// one, and a published State is a snapshot that anybody may read at any time.
type State struct {
	Policy     Policy
	Phase      Phase
	Since      time.Time // when the label was entered
	Credential Credential
	Account    Account   // who the credential belongs to
	Expiry     time.Time // of the access token, by this machine's clock; zero when it does not say
	ClockWrong bool      // the token had expired when it was asked for: Expiry is a guess
	DueAt      time.Time // when the token set ages; zero for never

	Cause        endpoint.Cause       // Stale: why
	Rejected     bool                 // Stale: a resource server refused the access token
	Attempt      AttemptID            // Stale: the refresh in flight, zero for none
	Overdue      bool                 // Stale: the deadline of its post has struck; the answer is still heard, until NotBefore
	NotBefore    time.Time            // Stale: when the next attempt may be
	SparesIssuer bool                 // Stale: NotBefore is the backoff; else it is for the sake of the access token, or of another process
	Failures     int                  // transient failures in a row
	Blocked      evidence.BlockReason // Stale: what stood in the way of the last attempt; NoAuth: of the last look
	Evidence     evidence.Repeated    // Stale: what came of asking the issuer the last time, here or in another process
	InDoubt      bool                 // Stale: the refresh token may be spent, and its successor lost
	LastAttempt  time.Time            // when the last refresh was started
	RefreshedAt  time.Time            // when this credential came out of a refresh, anybody's; zero if it did not

	Attempts      AttemptID        // how many refreshes this process has started
	Verdicts      history.Verdicts // condemned refresh tokens this process knows of
	Base          *Credential      // what the store holds in place of an unsaved credential; nil when saved
	SaveNotBefore time.Time        // unsaved: when the next try to save may be

	told Assessment // what subscribers know
}

// New is the machine before it has looked anywhere.
func New(policy Policy) State {
	s := State{Policy: policy, Phase: NoAuth}
	s.told = s.Assess(time.Time{}).news()
	return s
}

// defaultAttemptLimit is that of a default deadline and the wait for another's.
const defaultAttemptLimit = 65 * time.Second

func (p Policy) attemptLimit() time.Duration { return cmp.Or(p.AttemptLimit, defaultAttemptLimit) }

// Ask is what a client wants when it asks for its status.
type Ask struct {
	Refresh bool // demands a refresh, whatever the age of the token
	Token   bool // wants the token itself
}

// Method is how somebody is logged in, as a client is told; "" for none. A
// poisoned login keeps its method: the client must not think it is signed out.
func (s State) Method() Method {
	if !s.Credential.isUsable() {
		return ""
	}
	return s.Credential.Method
}

// Token is what a client may use: the key, or an access token that nothing
// says is refused. It is absent otherwise, above all in Poisoned.
func (s State) Token() secret.Token {
	switch {
	case !s.Credential.isUsable(), s.Phase == Poisoned, s.Rejected:
		return secret.Token{}
	case s.Credential.Method == MethodAPIKey:
		return s.Credential.APIKey
	}
	return s.Credential.AccessToken
}

// Verdict is the one that condemns the credential in use, if any does.
func (s State) Verdict() (history.Verdict, bool) {
	if s.Credential.Method != MethodChatGPT {
		return history.Verdict{}, false
	}
	return s.verdictOn(s.Credential)
}

// verdictOn also knows the token set that has nothing to refresh with: it is
// as good as its access token, and its verdict names none.
func (s State) verdictOn(c Credential) (history.Verdict, bool) {
	if c.Method == MethodChatGPT && c.RefreshToken.IsEmpty() {
		return history.Verdict{Reason: history.ReasonMissing}, true
	}
	return s.Verdicts.On(s.Policy.TokenID(c))
}

// IsUnsaved reports whether the credential lives in memory alone because the
// store could not take it.
func (s State) IsUnsaved() bool { return s.Base != nil }

// AnswersAtOnce reports whether ask can be answered from this snapshot without
// telling the machine: nothing is due, demanded or to be looked for.
func (s State) AnswersAtOnce(ask Ask, at time.Time) bool {
	switch s.Phase {
	case ApiKey:
		return true
	case Fresh:
		return !s.IsUnsaved() && !s.isDue(at) && (!ask.Refresh || s.ignoresDemand(at))
	}
	return false
}

// NeedsALook reports whether all that ask wants first is a look at the store: if
// that holds what it held, this snapshot is the answer.
func (s State) NeedsALook(ask Ask, at time.Time) bool { return s.onAsked(ask, at) == lookNeeded }

// Waits reports whether an ask has to wait for the refresh in flight: it demands
// one, or it wants a token and the one at hand was refused, has expired, or cannot
// be dated and is old. Others are answered with what there is.
func (s State) Waits(ask Ask, at time.Time) bool {
	if s.Attempt == 0 || s.Overdue || s.Credential.Method == MethodExternal {
		return false
	}
	if ask.Refresh {
		return true
	}
	return ask.Token && !s.serves(at)
}

// isDue reports whether the token set has aged.
func (s State) isDue(at time.Time) bool { return !s.DueAt.IsZero() && !at.Before(s.DueAt) }

// inUse reports whether there is a login that a reload must not disturb.
func (s State) inUse() bool { return s.Phase == ApiKey || s.Phase == Fresh || s.Phase == Stale }

// ignoresDemand reports whether a demanded refresh of a Fresh token set posts
// nothing: it was just refreshed, the client refreshes it, or it cannot be.
func (s State) ignoresDemand(at time.Time) bool {
	_, condemned := s.Verdict()
	return condemned || s.Credential.Method == MethodExternal || s.IsJustRefreshed(at)
}

// IsJustRefreshed holds within the floor after a success. A clock that went
// back does not stretch it.
func (s State) IsJustRefreshed(at time.Time) bool {
	age := at.Sub(s.RefreshedAt)
	return !s.RefreshedAt.IsZero() && age >= 0 && age < s.Policy.RefreshFloor
}

// refreshesItself reports whether an ask may start a refresh: it is the client
// that refreshes external tokens, and it is asked when they are refused.
func (s State) refreshesItself() bool { return s.Credential.Method != MethodExternal }

// mayAttempt reports whether a refresh may start now. A deadline further away
// than any that is ever set was made by a clock that has since gone back.
func (s State) mayAttempt(at time.Time) bool {
	wait := s.NotBefore.Sub(at)
	isKnown := wait <= maxDeferral || s.NotBefore.Equal(s.endOfService())
	return s.Phase == Stale && s.Attempt == 0 && (wait <= 0 || !isKnown)
}

// Restriction is what an administrator forbids; the zero Restriction is nothing.
type Restriction struct {
	ForbidAPIKey  bool
	ForbidChatGPT bool     // external tokens too
	Workspaces    []string // the only ChatGPT account ids that may be used; empty for any
}

// Admits reports whether the restriction allows the login.
func (r Restriction) Admits(c Credential) bool {
	if c.Method == MethodAPIKey {
		return !r.ForbidAPIKey
	}
	return !r.ForbidChatGPT && (len(r.Workspaces) == 0 || slices.Contains(r.Workspaces, c.accountID()))
}
