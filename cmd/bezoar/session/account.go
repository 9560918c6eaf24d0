package session

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/jwt"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// Discover asks the issuer of the account for its metadata, and gives it to the account: at
// a login, and never before a refresh. It asks no issuer for a login of Codex. Its error is
// that of [oauth.Client.Discover]; what was known before is kept then.
func Discover(ctx context.Context, c *config.Config, client *oauth.Client, now time.Time) error {
	if c.IsCodex() || c.Profile.Discovery == profile.DiscoveryNone {
		return nil
	}
	found, err := client.Discover(ctx, c.Profile)
	if err != nil {
		return err
	}
	c.Account.Metadata, c.Account.FoundAt = found, now
	return nil
}

// metadataOf is what is known of the issuer. What another issuer said counts for nothing:
// the profile has changed since. Neither does what is known from before, if the profile
// wants none of it now.
func metadataOf(c config.Config) profile.Metadata {
	if c.Account.Metadata.Issuer != c.Profile.Issuer || c.Profile.Discovery == profile.DiscoveryNone {
		return profile.Metadata{}
	}
	return c.Account.Metadata
}

// EndpointsOf are the endpoints of the account's issuer.
func EndpointsOf(c config.Config) profile.Endpoints { return c.Profile.Endpoints.With(metadataOf(c)) }

// accountPolicy is the policy for logins of any issuer.
func accountPolicy(c config.Config) machine.Policy {
	p := c.Profile
	lead := p.RefreshBefore
	var claims jwt.Paths // none of a token that is neither verified nor to be read
	if p.ReadsIDTokens() {
		claims = jwt.Paths{Email: []jwt.Path{profile.Steps(p.EmailClaim)}, AccountID: []jwt.Path{profile.Steps(p.SubjectClaim)}}
	}
	return machine.Policy{
		Issuer: issuerOf(c), Profile: fingerprintOf(p, EndpointsOf(c)), RefreshFloor: c.RefreshFloor, BackoffOff: c.NoRefreshBackoff,
		Claims:       claims,
		RefreshLead:  max(lead, time.Nanosecond), // 0 would be the default
		LeadIsAFifth: true,
		RefreshAge:   max(p.AssumedLifetime-min(lead, p.AssumedLifetime/5), time.Nanosecond),

		ExpiresInFirst: len(p.Expiry) > 0 && p.Expiry[0] == profile.ExpiresIn,
		ReuseLeeway:    p.ReuseLeeway,
		Reusable:       p.Rotation == profile.Static,
	}
}

// fingerprintOf names what decides about the requests and answers of a profile. Where the
// secret of the client comes from is a part of it, and the secret is not: neither are the
// arguments of the command that gives it, for one may be the secret.
func fingerprintOf(p profile.Profile, to profile.Endpoints) string {
	source := []string{p.Secret.Env}
	if len(p.Secret.Command) > 0 {
		source = append(source, p.Secret.Command[0])
	}
	decisive, _ := json.Marshal(struct {
		Issuer     string
		Refresh    profile.Request
		Answers    profile.Answers
		AuthMethod profile.AuthMethod
		Source     []string
	}{p.Issuer, p.Requests(to).Refresh, p.Answers, p.AuthMethod, source}) // which has nothing that JSON does not
	sum := sha256.Sum256(decisive)
	return hex.EncodeToString(sum[:8])
}
