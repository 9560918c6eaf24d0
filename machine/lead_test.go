package machine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// under is the state of a login that was made at noon under a policy.
func under(change func(*machine.Policy), c machine.Credential) machine.State {
	changed := policy
	change(&changed)
	next, _, _ := machine.Step(machine.New(changed), machine.LoggedIn{At: at(0), Credential: c})
	return next
}

func short(p *machine.Policy) { p.RefreshLead, p.LeadIsAFifth = 5*time.Minute, true }

// A lead that is longer than a token lives would refresh it at its first use.
func TestTheLeadIsAFifthOfALifeAtTheMost(t *testing.T) {
	for life, lead := range map[time.Duration]time.Duration{
		time.Minute: 12 * time.Second, 20 * time.Minute: 4 * time.Minute, time.Hour: 5 * time.Minute,
	} {
		c := login("opaque", "r")
		c.LastRefresh, c.ExpiresAt = noon, noon.Add(life)
		require.Equal(t, noon.Add(life-lead), under(short, c).DueAt, life)
		refreshed := run(t, machine.LoggedIn{At: at(0), Credential: login("a", "r")})
		refreshed.Policy = under(short, c).Policy
		next, _, _ := machine.Step(refreshed, machine.CredentialLoaded{At: at(time.Second), Credential: c, SentAt: noon, RefreshedAt: noon})
		require.Equal(t, noon.Add(life-lead), next.DueAt, "%v, after a refresh", life)
	}
	old := login("opaque", "r")
	old.LastRefresh, old.ExpiresAt = noon, noon.Add(-time.Hour)
	require.Equal(t, noon.Add(-time.Hour-5*time.Minute), under(short, old).DueAt, "a clock is wrong")
}

func TestAPolicySaysWhichOfTwoExpiriesCounts(t *testing.T) {
	c := login("", "r")
	c.AccessToken, c.ExpiresAt = machinetest.Expiring("subject", noon.Add(time.Hour)), noon.Add(time.Minute)
	require.Equal(t, noon.Add(time.Hour), under(func(*machine.Policy) {}, c).Expiry)
	saidFirst := func(p *machine.Policy) { p.ExpiresInFirst = true }
	require.Equal(t, noon.Add(time.Minute), under(saidFirst, c).Expiry)
	c.ExpiresAt = time.Time{}
	require.Equal(t, noon.Add(time.Hour), under(saidFirst, c).Expiry)
	c.AccessToken, c.ExpiresAt = secret.New("opaque"), noon.Add(time.Minute)
	require.Equal(t, noon.Add(time.Minute), under(func(*machine.Policy) {}, c).Expiry)
}

func TestARecordThatSaysItsExpiryIsBelievedBeforeTheLedger(t *testing.T) {
	c := login("opaque", "r")
	known := history.TokenHistory{Expiries: []history.Expiry{{Access: c.AccessToken.Fingerprint(), At: noon.Add(time.Hour)}}}
	start := machine.New(policy)
	require.Equal(t, noon.Add(time.Hour), runFrom(t, start, start.Loaded(known, c, noon)).Expiry)
	c.ExpiresAt = noon.Add(time.Minute)
	require.Equal(t, noon.Add(time.Minute), runFrom(t, start, start.Loaded(known, c, noon)).Expiry)
}
