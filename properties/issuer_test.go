package properties

import (
	"encoding/base64"
	"fmt"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// authority is a little issuer that means it: a refresh token works once, and
// using it again revokes everything that came of the same login. It is told
// when to answer, and remembers what it gave to whom.
type authority struct {
	issued map[string]*grant // by refresh token
}

// grant is one token set, from a login or from a refresh.
type grant struct {
	access, refresh string // their short names
	credential      machine.Credential
	family          *family
	expires         time.Time
}

// family is what came of one login.
type family struct {
	account string
	live    *grant         // the only one whose refresh token works
	dead    history.Reason // why none does any more
}

func newAuthority() *authority {
	return &authority{issued: map[string]*grant{}}
}

// login starts a family.
func (a *authority) login(account string, life time.Duration, now time.Time) *grant {
	return a.issue(&family{account: account}, life, now)
}

// tokenLife is how long an access token from a refresh is good.
const tokenLife = time.Hour

func (a *authority) issue(f *family, life time.Duration, now time.Time) *grant {
	n := len(a.issued) + 1
	g := &grant{access: fmt.Sprintf("a%d", n), refresh: fmt.Sprintf("r%d", n), family: f, expires: now.Add(life)}
	g.credential = machine.Credential{
		Method: machine.MethodChatGPT, IDToken: jsonWebToken(f.account, now.Add(life)),
		AccessToken: jsonWebToken(g.access, g.expires), RefreshToken: secret.New(g.refresh),
		AccountID: f.account, LastRefresh: now,
	}
	a.issued[g.refresh] = g
	f.live = g
	return g
}

func jsonWebToken(subject string, expires time.Time) secret.Token {
	payload := fmt.Sprintf(`{"sub":%q,"exp":%d}`, subject, expires.Unix())
	return secret.New("e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2ln")
}

// redeem takes a refresh token and rotates it, or says why not (RFC 9700
// section 4.14.2). There is no leeway: a second use is theft.
func (a *authority) redeem(refresh secret.Token, now time.Time) machine.Answer {
	g := a.issued[refresh.Reveal()]
	switch {
	case g == nil:
		return machine.Refused{Reason: history.ReasonInvalidGrant}
	case g.family.dead != "":
		return machine.Refused{Reason: g.family.dead}
	case g.family.live != g:
		g.family.dead = history.ReasonRevoked
		return machine.Refused{Reason: history.ReasonReused}
	}
	next := a.issue(g.family, tokenLife, now).credential
	return machine.Issued{Response: machine.TokenResponse{
		IDToken: next.IDToken, AccessToken: next.AccessToken, RefreshToken: next.RefreshToken,
	}}
}

// end kills the family of a refresh token, which is then refused for that reason.
func (a *authority) end(refresh secret.Token, reason history.Reason) machine.Answer {
	f := a.issued[refresh.Reveal()].family
	if f.dead == "" {
		f.dead = reason
	}
	return machine.Refused{Reason: f.dead}
}

// The ways to answer. Those that redeem leave the word to the issuer: it grants
// what lives and refuses what was used or revoked.
const (
	redeems     = "redeems it"
	badIDToken  = "redeems it, with a bad ID token"
	loses       = "redeems it, and the answer is lost"
	isOut       = "is out of order"
	isBusy      = "is busy for a minute"
	unreachable = "is not reached"
	expires     = "says it has expired"
	disowns     = "says invalid_grant"
	walls       = "says 401 and no more"
)

var allWays = []string{redeems, expires, disowns, isOut, walls, unreachable, isBusy, loses, badIDToken}

// answer is what the issuer says to a refresh token.
func (a *authority) answer(how string, token secret.Token, now time.Time) machine.Answer {
	switch how {
	case expires:
		return a.end(token, history.ReasonExpired)
	case disowns:
		return a.end(token, history.ReasonInvalidGrant)
	case walls:
		return machine.Refused{Reason: history.ReasonUnexplained}
	case isOut:
		return machine.Unavailable{}
	case isBusy:
		return machine.Unavailable{RetryAfter: time.Minute}
	case unreachable:
		return machine.Unavailable{}
	}
	answer := a.redeem(token, now)
	if how == loses {
		return machine.Unavailable{Lost: true}
	}
	if granted, ok := answer.(machine.Issued); ok && how == badIDToken {
		granted.Response.IDToken = granted.Response.RefreshToken
		return granted
	}
	return answer
}

// of is the grant that a credential's refresh token came with.
func (a *authority) of(c machine.Credential) *grant { return a.issued[c.RefreshToken.Reveal()] }

// isWhole reports whether both tokens and the account came from one grant.
func (a *authority) isWhole(c machine.Credential) bool {
	g := a.of(c)
	return g != nil && g.credential.AccessToken.Equal(c.AccessToken) && g.family.account == c.AccountID
}
