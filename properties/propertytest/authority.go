package propertytest

import (
	"fmt"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// authority is a little issuer that means it: a refresh token works once, and
// using it again revokes everything that came of the same login. The test
// says when it answers, and it remembers which process it gave what.
type Authority struct {
	Issued map[string]*Grant // by refresh token
}

// grant is one token set, from a login or from a refresh.
type Grant struct {
	Access, Refresh string // their short names
	Credential      machine.Credential
	Family          *Family
	expires         time.Time
}

// family is what came of one login.
type Family struct {
	Account string
	Live    *Grant         // the only one whose refresh token works
	Dead    history.Reason // why none does any more
}

func NewAuthority() *Authority {
	return &Authority{Issued: map[string]*Grant{}}
}

// login starts a family.
func (a *Authority) Login(account string, life time.Duration, now time.Time) *Grant {
	return a.issue(&Family{Account: account}, life, now)
}

// tokenLife is how long an access token from a refresh is good.
const TokenLife = time.Hour

func (a *Authority) issue(f *Family, life time.Duration, now time.Time) *Grant {
	n := len(a.Issued) + 1
	g := &Grant{Access: fmt.Sprintf("a%d", n), Refresh: fmt.Sprintf("r%d", n), Family: f, expires: now.Add(life)}
	g.Credential = machine.Credential{
		Method: machine.MethodTokens, IDToken: machinetest.Expiring(f.Account, now.Add(life)),
		AccessToken: machinetest.Expiring(g.Access, g.expires), RefreshToken: secret.New(g.Refresh),
		AccountID: f.Account, LastRefresh: now,
	}
	a.Issued[g.Refresh] = g
	f.Live = g
	return g
}

// redeem takes a refresh token and rotates it, or says why not (RFC 9700
// section 4.14.2). There is no leeway: a second use is theft.
func (a *Authority) Redeem(refresh secret.Token, now time.Time) endpoint.Answer {
	g := a.Issued[refresh.Reveal()]
	switch {
	case g == nil:
		return endpoint.Refused{Reason: history.ReasonInvalidGrant}
	case g.Family.Dead != "":
		return endpoint.Refused{Reason: g.Family.Dead}
	case g.Family.Live != g:
		g.Family.Dead = history.ReasonRevoked
		return endpoint.Refused{Reason: history.ReasonReused}
	}
	next := a.issue(g.Family, TokenLife, now).Credential
	return endpoint.Issued{Response: endpoint.TokenResponse{
		IDToken: next.IDToken, AccessToken: next.AccessToken, RefreshToken: next.RefreshToken,
	}}
}

// end kills the family of a refresh token, which is then refused for that reason.
func (a *Authority) End(refresh secret.Token, reason history.Reason) endpoint.Answer {
	f := a.Issued[refresh.Reveal()].Family
	if f.Dead == "" {
		f.Dead = reason
	}
	return endpoint.Refused{Reason: f.Dead}
}

// The ways to answer. Those that redeem leave the word to the issuer: it grants
// what lives and refuses what was used or revoked.
const (
	Redeems           = "redeems it"
	BadIDToken        = "redeems it, with a bad ID token"
	Loses             = "redeems it, and the answer is lost"
	OutOfOrder        = "is out of order"
	Busy              = "is busy for a minute"
	Unreachable       = "is not reached"
	SaysExpired       = "says it has expired"
	SaysInvalidGrant  = "says invalid_grant"
	SaysUnauthorized  = "says 401 and no more"
	SaysInvalidClient = "says invalid_client"
	SaysLoginRequired = "says login_required"
	SaysNothingMore   = "says 401 and no more, to a client that may be wrong"
)

var Ways = []string{
	Redeems, SaysExpired, SaysInvalidGrant, OutOfOrder, SaysUnauthorized, Unreachable, Busy, Loses, BadIDToken,
	SaysInvalidClient, SaysLoginRequired, SaysNothingMore,
}

// answer is what the issuer says to a refresh token.
func (a *Authority) Answer(how string, token secret.Token, now time.Time) endpoint.Answer {
	switch how {
	case SaysExpired:
		return a.End(token, history.ReasonExpired)
	case SaysInvalidGrant:
		return a.End(token, history.ReasonInvalidGrant)
	case SaysUnauthorized:
		return endpoint.Refused{Reason: history.ReasonUnexplained}
	case SaysInvalidClient:
		return endpoint.Misconfigured{Evidence: evidence.Evidence{Status: 401, Code: "invalid_client"}}
	case SaysLoginRequired:
		return endpoint.LoginNeeded{Evidence: evidence.Evidence{Status: 400, Code: "login_required"}}
	case SaysNothingMore:
		return endpoint.Misconfigured{Evidence: evidence.Evidence{Status: 401}, Unexplained: true}
	case OutOfOrder:
		return endpoint.Unavailable{}
	case Busy:
		return endpoint.Unavailable{RetryAfter: time.Minute}
	case Unreachable:
		return endpoint.Unavailable{}
	}
	answer := a.Redeem(token, now)
	if how == Loses {
		return endpoint.Unavailable{Lost: true}
	}
	if granted, ok := answer.(endpoint.Issued); ok && how == BadIDToken {
		granted.Response.IDToken = granted.Response.RefreshToken
		return granted
	}
	return answer
}

// Objects reports whether an answer is an objection to the request, after which the same
// token must not come again under the same profile.
func Objects(a endpoint.Answer) bool {
	misconfigured, isOfClient := a.(endpoint.Misconfigured)
	_, wantsPerson := a.(endpoint.LoginNeeded)
	return wantsPerson || isOfClient && !misconfigured.Unexplained
}

// of is the grant that a credential's refresh token came with.
func (a *Authority) Of(c machine.Credential) *Grant { return a.Issued[c.RefreshToken.Reveal()] }

// isWhole reports whether both tokens and the account came from one grant.
func (a *Authority) IsWhole(c machine.Credential) bool {
	g := a.Of(c)
	return g != nil && g.Credential.AccessToken.Equal(c.AccessToken) && g.Family.Account == c.AccountID
}
