package machine

import (
	"time"

	"github.com/bezoar-auth/bezoar/machine/jwt"
)

// The ages at which a token set is due for a refresh.
const (
	ExpiryLead     = 5 * time.Minute    // before the access token's exp
	LastRefreshAge = 8 * 24 * time.Hour // after the last refresh, where there is no exp
)

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
