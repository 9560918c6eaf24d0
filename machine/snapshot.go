package machine

import (
	"time"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Snapshot is what may leave the engine of a [State]: everything that a client, a page
// or a command shows, and the token that may be used, but no refresh token and nothing
// that a caller could change. It is a small value that never changes: copy it, keep it,
// read it from any goroutine. Two are equal (==) if they were published together. The
// zero Snapshot is that of no login.
type Snapshot struct{ of *shown }

// shown is a state without its refresh tokens, and what depends on them.
type shown struct {
	state     State
	tokenID   secret.Fingerprint
	verdict   history.Verdict
	condemned bool
}

// Snapshot is the state as others may see it.
func (s State) Snapshot() Snapshot {
	of := &shown{state: s, tokenID: s.Policy.TokenID(s.Credential)}
	of.verdict, of.condemned = s.Verdict()
	of.state.InDoubt = s.isInDoubt() // of Poisoned a verdict says so
	of.state.Credential.RefreshToken, of.state.Verdicts = secret.Token{}, nil
	if s.IsUnsaved() {
		of.state.Base = new(Credential) // that there is one, and not which
	}
	return Snapshot{of}
}

var noLogin = New(Policy{}).Snapshot()

func (s Snapshot) shown() *shown {
	if s.of == nil {
		return noLogin.of
	}
	return s.of
}

// Phase is the phase of the login, and Since is when it began.
func (s Snapshot) Phase() Phase { return s.shown().state.Phase }

func (s Snapshot) Since() time.Time { return s.shown().state.Since }

// Assess is how the login fares at a moment; see [State.Assess].
func (s Snapshot) Assess(at time.Time) Assessment {
	assessed := s.shown().state.Assess(at)
	if assessed.Phase == Poisoned {
		assessed.Reason = string(s.shown().verdict.Reason)
	}
	return assessed
}

// Token is the token that may be used now, and TokenAt the one that is worth trying at
// a moment; see [State.Token] and [State.TokenAt]. Absent for none.
func (s Snapshot) Token() secret.Token { return s.shown().state.Token() }

func (s Snapshot) TokenAt(at time.Time) secret.Token { return s.shown().state.TokenAt(at) }

// IDToken is the last ID token that the issuer gave for this login. It may have expired: a
// refresh need not bring one (OpenID Connect Core section 12.2). Absent for none, and while
// there is no token that may be used.
func (s Snapshot) IDToken() secret.Token {
	if s.Token().IsAbsent() {
		return secret.Token{}
	}
	return s.shown().state.Credential.IDToken
}

// Method is the kind of login that a client sees, "" for no login or one
// with nothing to hand out; see [State.Method].
func (s Snapshot) Method() Method { return s.shown().state.Method() }

// LoginMethod is Method also for a login that has nothing to hand out.
func (s Snapshot) LoginMethod() Method { return s.shown().state.Credential.Method }

// Account is whose login it is, as far as its tokens say, and AccountID is the account
// that is stored with it.
func (s Snapshot) Account() Account { return s.shown().state.Account }

func (s Snapshot) AccountID() string { return s.shown().state.Credential.AccountID }

// Access is the fingerprint of the access token or key of the login, also of one that
// may not be used; "" for none.
func (s Snapshot) Access() secret.Fingerprint { return s.shown().state.Credential.Fingerprint() }

// TokenOnly is the login as a program may have it that must not refresh it: external, with
// an empty refresh token. The zero Credential if there is no token that may be used, or
// none that expires.
func (s Snapshot) TokenOnly() Credential {
	held := s.shown().state
	if held.Credential.Method == MethodAPIKey || held.Token().IsEmpty() {
		return Credential{}
	}
	return Credential{
		Method: MethodExternal, IDToken: held.Credential.IDToken, AccessToken: held.Token(), RefreshToken: secret.New(""),
		AccountID: held.Policy.accountID(held.Credential), LastRefresh: held.Credential.LastRefresh,
	}
}

// TokenID is what the ledger files the refresh token under, "" for none.
func (s Snapshot) TokenID() secret.Fingerprint { return s.shown().tokenID }

// SameLogin reports whether both snapshots are of one login, equal in every member.
func (s Snapshot) SameLogin(other Snapshot) bool {
	one, two := s.shown(), other.shown()
	return one.tokenID == two.tokenID && one.state.Credential.Equal(two.state.Credential)
}

// Verdict is the one that condemns the refresh token, if there is one.
func (s Snapshot) Verdict() (verdict history.Verdict, condemned bool) {
	return s.shown().verdict, s.shown().condemned
}

// Expiry is when the access token expires, and DueAt when the token set is due for a
// refresh. Zero for never, or if nothing says so.
func (s Snapshot) Expiry() time.Time { return s.shown().state.Expiry }

func (s Snapshot) DueAt() time.Time { return s.shown().state.DueAt }

// LastRefresh is the date of the last refresh that the record of the login has, and
// RefreshedAt is when the login came out of a refresh, as far as the ledger or this
// process knows. Zero for none.
func (s Snapshot) LastRefresh() time.Time { return s.shown().state.Credential.LastRefresh }

func (s Snapshot) RefreshedAt() time.Time { return s.shown().state.RefreshedAt }

// IsJustRefreshed reports whether a moment is within the floor; see
// [State.IsJustRefreshed].
func (s Snapshot) IsJustRefreshed(at time.Time) bool { return s.shown().state.IsJustRefreshed(at) }

// Attempt is the refresh in flight, 0 for none, and Overdue says that its deadline has
// struck: no caller waits for it any more.
func (s Snapshot) Attempt() AttemptID { return s.shown().state.Attempt }

func (s Snapshot) Overdue() bool { return s.shown().state.Overdue }

// LastAttempt is when this process last began a refresh, and NotBefore is when it may
// begin the next one. Zero for never, and for at once.
func (s Snapshot) LastAttempt() time.Time { return s.shown().state.LastAttempt }

func (s Snapshot) NotBefore() time.Time { return s.shown().state.NotBefore }

// ActsAt is when an ask would begin a refresh or a save; see [State.ActsAt].
func (s Snapshot) ActsAt(at time.Time) time.Time { return s.shown().state.ActsAt(at) }

// Cause is why a refresh is wanted, Blocked what stood in the way of the last one,
// Evidence what the authorization server answered to it, and Failures how many have
// failed in a row; see the members of [State].
func (s Snapshot) Cause() endpoint.Cause { return s.shown().state.Cause }

func (s Snapshot) Blocked() evidence.BlockReason { return s.shown().state.Blocked }

func (s Snapshot) Evidence() evidence.Repeated { return s.shown().state.Evidence }

func (s Snapshot) Failures() int { return s.shown().state.Failures }

// Rejected reports whether a resource server refused the access token, InDoubt whether
// the refresh token may be spent, or was when it was refused, and Unsaved whether the tokens are in the memory of
// this process alone.
func (s Snapshot) Rejected() bool { return s.shown().state.Rejected }

func (s Snapshot) InDoubt() bool { return s.shown().state.InDoubt }

func (s Snapshot) Unsaved() bool { return s.shown().state.IsUnsaved() }

// Unrejected is the snapshot for a caller that had only guessed that the access token
// was refused: Token has it again.
func (s Snapshot) Unrejected() Snapshot {
	again := *s.shown()
	again.state.Rejected = false
	return Snapshot{&again}
}
