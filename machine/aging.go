package machine

import (
	"cmp"
	"time"

	"github.com/bezoar-auth/bezoar/machine/jwt"
)

// The ages at which a token set is due for a refresh, where the policy gives none.
const (
	defaultRefreshLead = 5 * time.Minute    // before the access token's exp
	defaultRefreshAge  = 8 * 24 * time.Hour // after the last refresh, where there is no exp
)

func (p Policy) lead() time.Duration { return cmp.Or(p.RefreshLead, defaultRefreshLead) }

// leadOf is the lead of an access token with this life.
func (p Policy) leadOf(life time.Duration) time.Duration {
	if p.LeadIsAFifth && life > 0 {
		return min(p.lead(), life/5)
	}
	return p.lead()
}

// dates are those of a token set. Zero is never, or unknown.
type dates struct {
	expiry     time.Time // of the access token, by this machine's clock
	due        time.Time // when the token set should be refreshed
	clockWrong bool      // the token had expired when it was asked for: expiry is a guess
}

func (d dates) isDue(at time.Time) bool { return !d.due.IsZero() && !at.Before(d.due) }

// dates are those of a login. If it came out of a refresh, sent is when that was sent to
// the issuer; else it is zero.
//
// A token that had expired when its refresh was sent shows that a clock is wrong: it is
// used for the lead, or as long as its issuer meant it to last if that is shorter.
// Otherwise every ask would refresh. (One that expires between the request and the
// answer shows nothing: it is dead.) A short-lived token is due after four fifths of its
// life.
func (p Policy) dates(c Credential, sent time.Time) dates {
	said, _ := jwt.Parse(c.AccessToken, jwt.Paths{}) // an opaque token says nothing
	expiry := p.expirySaid(c, said)
	d := dates{expiry: expiry, due: p.dueAt(c, expiry)}
	if sent.IsZero() || c.Method != MethodTokens {
		return d
	}
	if !expiry.IsZero() && !expiry.After(sent) {
		d.expiry = sent.Add(min(p.meantLife(said), p.lead()))
		d.clockWrong = !d.expiry.Equal(expiry)
	}
	if d.due.IsZero() || d.due.After(sent.Add(p.lead())) {
		return d
	}
	life := expiry.Sub(sent)
	if life <= 0 {
		d.due = d.expiry
	} else if short := sent.Add(life * 4 / 5); short.After(d.due) {
		d.due = short
	}
	return d
}

// expiry is when the access token expires by the issuer's clock, zero when that is
// unknown.
func (p Policy) expiry(c Credential) time.Time {
	said, _ := jwt.Parse(c.AccessToken, jwt.Paths{})
	return p.expirySaid(c, said)
}

// expirySaid puts what the token says of itself (exp) before what was said with it
// (expires_in): resource servers go by it, and each program that has the token sees it.
// A policy may have it the other way round.
func (p Policy) expirySaid(c Credential, said jwt.Claims) time.Time {
	if !said.Expiry.IsZero() && (!p.ExpiresInFirst || c.ExpiresAt.IsZero()) {
		return said.Expiry
	}
	return c.ExpiresAt
}

// dueAt is when the token set should be refreshed: the client's own tokens and API keys
// do not age, and a record that says neither when it expires nor when it was refreshed
// cannot be dated. What cannot be refreshed has no use for a lead.
func (p Policy) dueAt(c Credential, expiry time.Time) time.Time {
	switch {
	case c.Method != MethodTokens:
		return time.Time{}
	case !expiry.IsZero() && c.RefreshToken.IsEmpty():
		return expiry
	case !expiry.IsZero():
		return expiry.Add(-p.leadOf(expiry.Sub(c.LastRefresh)))
	case c.LastRefresh.IsZero():
		return time.Time{}
	}
	return c.LastRefresh.Add(cmp.Or(p.RefreshAge, defaultRefreshAge))
}

// meantLife is how long the access token lasts by the clock of its issuer, or the lead
// where it does not say.
func (p Policy) meantLife(said jwt.Claims) time.Duration {
	if life := said.Expiry.Sub(said.IssuedAt); !said.IssuedAt.IsZero() && life > 0 {
		return life
	}
	return p.lead()
}
