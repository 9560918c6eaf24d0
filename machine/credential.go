package machine

import (
	"time"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/jwt"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Method is the kind of a login, in the words of the app-server protocol.
type Method string

// The methods of a credential. The zero Method is no login.
const (
	MethodAPIKey   Method = "apikey"
	MethodChatGPT  Method = "chatgpt"           // tokens that this program refreshes
	MethodExternal Method = "chatgptAuthTokens" // tokens that the client refreshes
)

// Credential is one login, as stored. It is a value: compare it with Equal,
// derive another one with Merge. The zero Credential is no login.
type Credential struct {
	Method       Method
	APIKey       secret.Token // may also accompany a token set
	IDToken      secret.Token
	AccessToken  secret.Token
	RefreshToken secret.Token
	AccountID    string    // as stored, see SharesAccount
	PlanType     string    // external tokens only: what the client said
	LastRefresh  time.Time // zero when the record has none
	Provenance   Provenance
	OwnerID      string // a random name that the login was given when it was made; "" when the record has none

	// ExpiresAt is when the access token expires, as the issuer said when it gave it
	// (expires_in); zero if that is not known. It is no part of the record: the ledger
	// keeps it, and Equal does not look at it.
	ExpiresAt time.Time
}

// Equal reports whether both are the same login in every member.
func (c Credential) Equal(d Credential) bool {
	return c.Method == d.Method &&
		c.APIKey.Equal(d.APIKey) &&
		c.IDToken.Equal(d.IDToken) &&
		c.AccessToken.Equal(d.AccessToken) &&
		c.RefreshToken.Equal(d.RefreshToken) &&
		c.AccountID == d.AccountID &&
		c.PlanType == d.PlanType &&
		c.LastRefresh.Equal(d.LastRefresh) &&
		c.Provenance == d.Provenance &&
		c.OwnerID == d.OwnerID
}

// Fingerprint names the login to people and in ledgers: by what it hands out.
func (c Credential) Fingerprint() secret.Fingerprint {
	if c.Method == MethodAPIKey {
		return c.APIKey.Fingerprint()
	}
	return c.AccessToken.Fingerprint()
}

// Judge is what an answer to the refresh in flight comes to, which was sent at the
// given time. A grant that gives the access token back that the refresh was for, though
// it had expired by then or a resource server had refused it, has refreshed nothing: a
// cache may have answered. A refresh token that came with it is kept all the same.
func (s State) Judge(a endpoint.Answer, sent time.Time) endpoint.Answer {
	granted, ok := a.(endpoint.Issued)
	if !ok || !granted.Response.AccessToken.Equal(s.Credential.AccessToken) {
		return a
	}
	expiry := s.Credential.Merge(granted.Response, sent).expiry()
	if expiry.IsZero() {
		expiry = s.Credential.expiry()
	}
	if isOver := !expiry.IsZero() && !expiry.After(sent); !isOver && !s.Rejected {
		return a
	}
	kept := endpoint.Unavailable{Evidence: evidence.Evidence{Status: 200, Problem: evidence.ProblemNoToken}}
	if !granted.Response.RefreshToken.Equal(s.Credential.RefreshToken) {
		kept.Kept.RefreshToken = granted.Response.RefreshToken
	}
	return kept
}

// Merge is the credential after a refresh that the issuer granted at the given
// time. An ID token that cannot be read is left out rather than let it cost
// the rotated refresh token that came with it. The account id never changes.
func (c Credential) Merge(grant endpoint.TokenResponse, at time.Time) Credential {
	if _, err := jwt.Parse(grant.IDToken); err == nil {
		c.IDToken = grant.IDToken
	}
	if !grant.AccessToken.IsAbsent() {
		c.AccessToken, c.ExpiresAt = grant.AccessToken, grant.ExpiresAt
	}
	if !grant.RefreshToken.IsAbsent() {
		c.RefreshToken = grant.RefreshToken
	}
	c.LastRefresh = at
	return c
}

// Keeping is the credential with a refresh token that came without an access token
// that can be used. It counts as refreshed, as in Codex, unless the date of
// its last refresh is all that tells that its access token has aged.
func (c Credential) Keeping(kept endpoint.TokenResponse, at time.Time) Credential {
	next, due := c.Merge(kept, at), c.dueAt()
	if c.expiry().IsZero() && !due.IsZero() && !at.Before(due) {
		next.LastRefresh = c.LastRefresh
	}
	return next
}

// Account is who a login belongs to, as its tokens say.
type Account struct {
	Email    string // "" when no claim tells
	PlanType string // the issuer's word, "" when unknown
	UserID   string
}

// account reads the claims of the token that carries them.
func (c Credential) account() Account {
	said, _ := jwt.Parse(c.identity()) // an opaque token says nothing
	account := Account{Email: said.Email, PlanType: said.PlanType, UserID: said.UserID}
	if c.PlanType != "" {
		account.PlanType = c.PlanType
	}
	return account
}

// expiry is when the access token expires, zero when that is unknown. What the token
// says of itself (exp) goes before what was said with it (expires_in): resource
// servers go by it, and everybody who has the token can see it. That this machine's
// clock may differ from the issuer's is seen to where a token seems to be born dead.
func (c Credential) expiry() time.Time {
	if said, _ := jwt.Parse(c.AccessToken); !said.Expiry.IsZero() {
		return said.Expiry
	}
	return c.ExpiresAt
}

// The ages at which a token set is due for a refresh.
const (
	ExpiryLead     = 5 * time.Minute    // before the access token's exp
	LastRefreshAge = 8 * 24 * time.Hour // after the last refresh, where there is no exp
)

// dueAt is when the token set should be refreshed, zero for never: the
// client's own tokens and API keys do not age, and a record that says
// neither when it expires nor when it was refreshed cannot be dated. What cannot
// be refreshed has no use for a lead.
func (c Credential) dueAt() time.Time {
	if c.Method != MethodChatGPT {
		return time.Time{}
	}
	if expiry := c.expiry(); !expiry.IsZero() {
		if c.RefreshToken.IsEmpty() {
			return expiry
		}
		return expiry.Add(-ExpiryLead)
	}
	if c.LastRefresh.IsZero() {
		return time.Time{}
	}
	return c.LastRefresh.Add(LastRefreshAge)
}

// dueAtSince is dueAt for a token set that came out of a refresh which was sent at
// the given time, zero for any other. A short-lived token is due after four fifths
// of its life; one that had expired when the refresh was sent, at its expirySince.
func (c Credential) dueAtSince(sent time.Time) time.Time {
	due := c.dueAt()
	if sent.IsZero() || due.IsZero() || due.After(sent.Add(ExpiryLead)) {
		return due
	}
	life := c.expiry().Sub(sent)
	if life <= 0 {
		return c.expirySince(sent)
	}
	if shortDue := sent.Add(life * 4 / 5); shortDue.After(due) {
		return shortDue
	}
	return due
}

// expirySince is expiry by the clock of this machine. A token that had expired when
// the refresh was sent which brought it shows that the clock is wrong: it is used
// for ExpiryLead, or as long as its issuer meant it to last if that is shorter.
// Otherwise every ask would refresh. (One that expires between the request and the
// answer shows nothing: it is dead.)
func (c Credential) expirySince(sent time.Time) time.Time {
	expiry := c.expiry()
	if sent.IsZero() || expiry.IsZero() || c.Method != MethodChatGPT || expiry.After(sent) {
		return expiry
	}
	return sent.Add(min(c.meantLife(), ExpiryLead))
}

// meantLife is how long the access token lasts by the clock of its issuer, or
// ExpiryLead where it does not say.
func (c Credential) meantLife() time.Duration {
	said, _ := jwt.Parse(c.AccessToken)
	if life := said.Expiry.Sub(said.IssuedAt); !said.IssuedAt.IsZero() && life > 0 {
		return life
	}
	return ExpiryLead
}

// isUsable reports whether the login has anything to hand out. Codex
// wants a token set to say when it was last refreshed.
func (c Credential) isUsable() bool {
	switch c.Method {
	case MethodAPIKey:
		return !c.APIKey.IsEmpty()
	case MethodChatGPT, MethodExternal:
		return !c.AccessToken.IsEmpty() && !c.LastRefresh.IsZero()
	}
	return false
}
