package machine

import (
	"cmp"
	"time"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/jwt"
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
	Poisoned Phase = "Poisoned" // the refresh token must not be posted: refused for good, already spent, in doubt twice, or missing
)

// Phases lists the states in the order in which they are documented.
func Phases() []Phase { return []Phase{NoAuth, ApiKey, Fresh, Stale, Poisoned} }

// Policy is what does not change while the program runs.
type Policy struct {
	Issuer       Issuer        // of a login that does not say where it was made; see IssuerOf
	RefreshFloor time.Duration // a refresh demanded so soon after a success is that success; 0: never
	BackoffOff   bool          // no waiting after a failure, also not after a lost answer; for tests of the wire
	AttemptLimit time.Duration // how long one refresh takes at the most, with its wait for the lock; 0: defaultAttemptLimit
	Restriction  Restriction
	Profile      string // a fingerprint of what decides about requests and their answers, never of a secret; "" for Codex

	Claims      jwt.Paths     // where the issuer's tokens say whose they are
	RefreshLead time.Duration // how long before its expiry an access token is due; 0: defaultRefreshLead
	RefreshAge  time.Duration // after how long a token set is due that does not say when it expires; 0: defaultRefreshAge

	ExpiresInFirst bool // what came with a token goes before what the token says of its own expiry
	LeadIsAFifth   bool // of an access token's life at the most, however long RefreshLead is

	ReuseLeeway time.Duration // how long after its use one more post of a refresh token is harmless (refresh_reuse_leeway); 0: never
	Reusable    bool          // a refresh token is not spent by its use (refresh_rotation = "static"): a lost answer costs nothing

	EndpointOverridden bool // Issuer.TokenEndpoint is that of every login, wherever it was made
}

func (p Policy) attemptLimit() time.Duration { return cmp.Or(p.AttemptLimit, defaultAttemptLimit) }

// defaultAttemptLimit is that of a default deadline and the wait for another's.
const defaultAttemptLimit = 65 * time.Second

// State is the whole memory of the machine. It is a value: Step returns a new
// one, and a published State is a snapshot that every goroutine may read at any time.
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
	Blocked      evidence.BlockReason // Stale: what stood in the way of the last attempt; NoAuth: of the last look; Fresh: see Objected
	Evidence     evidence.Repeated    // Stale, and Fresh if Objected: what came of asking the issuer the last time, here or in another process
	Objected     bool                 // Fresh and Stale: the issuer objects, for the reason in Blocked, until the login or the profile is another: no refresh starts
	InDoubt      bool                 // Fresh and Stale: the refresh token may be spent, and its successor lost; of Poisoned its verdict says so
	LastAttempt  time.Time            // when the last refresh was started
	RefreshedAt  time.Time            // when this credential came out of a refresh, of any process; zero if it did not
	LastLogin    history.Login        // the last login in the ledger when a look took one up

	Attempts      AttemptID        // how many refreshes this process has started
	Verdicts      history.Verdicts // condemned refresh tokens this process knows of
	Base          *Credential      // what the store holds in place of an unsaved credential; nil when saved
	SaveNotBefore time.Time        // unsaved: when the next try to save may be

	told Assessment // what subscribers know
}

// AttemptID numbers the refreshes of one process, from 1. Zero is none.
type AttemptID uint64

// New is the machine before it has looked anywhere.
func New(policy Policy) State {
	s := State{Policy: policy, Phase: NoAuth}
	s.told = s.Assess(time.Time{}).news()
	return s
}

// Method is the kind of login that a client sees, "" for none. A
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
	if s.Credential.Method != MethodTokens {
		return history.Verdict{}, false
	}
	return s.verdictOn(s.Credential)
}

// isInDoubt reports whether the refresh token may have been spent by a post without an
// outcome: it may be so still, or it was when the token was refused.
func (s State) isInDoubt() bool {
	verdict, _ := s.Verdict()
	return s.InDoubt || verdict.InDoubt
}

// verdictOn also knows the token set that has nothing to refresh with: it is
// as good as its access token, and its verdict names none.
func (s State) verdictOn(c Credential) (history.Verdict, bool) {
	if c.Method == MethodTokens && c.RefreshToken.IsEmpty() {
		return history.Verdict{Reason: history.ReasonMissing}, true
	}
	return s.Verdicts.On(s.Policy.TokenID(c))
}

// IsUnsaved reports whether the credential lives in memory alone because the
// store could not take it.
func (s State) IsUnsaved() bool { return s.Base != nil }

// inUse reports whether there is a login that a reload must not disturb.
func (s State) inUse() bool { return s.Phase == ApiKey || s.Phase == Fresh || s.Phase == Stale }

// serves reports whether the access token can still be of use, as far as is known.
func (s State) serves(at time.Time) bool {
	if s.Rejected {
		return false
	}
	if s.Expiry.IsZero() {
		return !s.isDue(at)
	}
	return at.Before(s.Expiry)
}

// endOfService is when serves begins to say no by itself, zero for never.
func (s State) endOfService() time.Time {
	if s.Expiry.IsZero() {
		return s.DueAt
	}
	return s.Expiry
}

// isDue reports whether the token set has aged.
func (s State) isDue(at time.Time) bool { return !s.DueAt.IsZero() && !at.Before(s.DueAt) }
