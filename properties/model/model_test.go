package model

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
)

// model is a second machine, written as dumbly as possible: strings, seconds
// and booleans, and no code in common with the real one. It knows what a login
// is worth, and counts how often the issuer was to be asked.
type model struct {
	login    credential
	state    string
	dead     map[string]string // refresh token → the access token it was refused with
	inFlight bool
	wait     int // no attempt before
	born     int // when the login came out of a refresh
	refused  bool
	objected bool // the issuer objects to each refresh
	orders   int
}

func (m *model) take(c credential, now int) {
	refusedWith, condemned := m.dead[c.refresh]
	m.login, m.inFlight, m.wait, m.born, m.refused, m.objected = c, false, 0, -1000, false, false
	switch {
	case c.key != "":
		m.state = "ApiKey"
	case condemned && (refusedWith == c.access || now >= c.due):
		m.state = "Poisoned"
	case now >= c.due:
		m.state = "Stale"
	default:
		m.state = "Fresh"
	}
}

func (m *model) ask(refresh bool, now int) {
	_, condemned := m.dead[m.login.refresh]
	wanted := refresh && !condemned && now-m.born >= propertytest.FloorSeconds
	switch {
	case m.state == "Fresh" && now >= m.login.due && condemned:
		m.state = "Poisoned"
	case m.state == "Fresh" && (wanted || now >= m.login.due), m.state == "Stale" && !m.inFlight && now >= m.wait:
		m.order()
	}
}

func (m *model) reject(now int) {
	if m.state != "Fresh" && m.state != "Stale" || now-m.born < propertytest.FloorSeconds {
		return
	}
	_, condemned := m.dead[m.login.refresh]
	m.refused = !condemned
	switch {
	case condemned:
		m.state = "Poisoned"
	case m.state == "Fresh", !m.inFlight && now >= m.wait:
		m.order()
	}
}

func (m *model) order() {
	m.state = "Stale"
	if !m.objected {
		m.inFlight = true
		m.orders++
	}
}

// said is what the ledger says of the two logins.
type said struct{ isLater, isEnded bool }

func (m *model) reload(c *credential, s said, now int) {
	if c == nil || *c == m.login || m.state == "ApiKey" && s == (said{}) {
		return
	}
	_, isDead := m.dead[c.refresh]
	_, weAre := m.dead[m.login.refresh]
	isOver := weAre || m.refused || now >= m.login.due // nothing else dates these tokens
	switch {
	case m.state != "Fresh" && m.state != "Stale" && m.state != "ApiKey", c.key != "", s.isEnded:
		m.take(*c, now)
	case s.isLater && c.account != m.login.account:
		m.take(*c, now)
	case c.account == m.login.account && (weAre || !isDead), c.account != m.login.account && isOver:
		m.take(*c, now)
	}
}

func (m *model) logout() {
	m.login, m.state, m.inFlight, m.refused, m.objected = credential{}, "NoAuth", false, false, false
}

func (m *model) granted(next credential, now int) {
	if next.refresh != m.login.refresh {
		m.dead[m.login.refresh] = m.login.access
	}
	m.take(next, now)
	m.state, m.born = "Fresh", now
}

func (m *model) deferred(until int) { m.inFlight, m.wait = false, until }

func (m *model) objects() { m.inFlight, m.objected = false, true }

func (m *model) condemned() {
	m.dead[m.login.refresh] = m.login.access
	m.state, m.inFlight = "Poisoned", false
}

func (m *model) token() string {
	switch {
	case m.state == "Poisoned" || m.refused:
		return ""
	case m.login.key != "":
		return m.login.key
	}
	return m.login.access
}

func TestMachineAgreesWithTheModel(t *testing.T) {
	rapid.Check(t, machineAgreesWithTheModel)
}

func FuzzMachineAgreesWithTheModel(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(machineAgreesWithTheModel))
}

func machineAgreesWithTheModel(t *rapid.T) {
	real := machine.New(propertytest.Policy)
	naive := &model{state: "NoAuth", dead: map[string]string{}}
	now, orders := 0, 0
	step := func(event machine.Event) {
		next, effects, err := machine.Step(real, event)
		require.NoError(t, err)
		for _, effect := range effects {
			if _, ok := effect.(machine.StartRefresh); ok {
				orders++
				require.Equal(t, machine.Stale, next.Phase, "only Stale spends")
				require.Zero(t, real.Attempt, "one at a time")
			}
		}
		real = next
	}
	t.Repeat(map[string]func(*rapid.T){
		"time passes": func(t *rapid.T) { now += rapid.SampledFrom([]int{1, 4, 30, 600}).Draw(t, "seconds") },
		"ask": func(t *rapid.T) {
			refresh := rapid.Bool().Draw(t, "refresh")
			step(machine.Asked{At: second(now), Ask: machine.Ask{Refresh: refresh}})
			naive.ask(refresh, now)
		},
		"login": func(t *rapid.T) {
			c := anyCredential(now).Draw(t, "login")
			step(machine.LoggedIn{At: second(now), Credential: c.real()})
			naive.take(c, now)
		},
		"logout": func(*rapid.T) { step(machine.LoggedOut{At: second(now)}); naive.logout() },
		"load": func(t *rapid.T) {
			c := anyCredential(now).Draw(t, "stored")
			s := said{rapid.Bool().Draw(t, "is later"), rapid.Bool().Draw(t, "is ended")}
			step(machine.CredentialLoaded{At: second(now), Credential: c.real(), IsLater: s.isLater, InUseEnded: s.isEnded})
			naive.reload(&c, s, now)
		},
		"load nothing": func(*rapid.T) { step(machine.NothingLoaded{At: second(now)}); naive.reload(nil, said{}, now) },
		"reject": func(*rapid.T) {
			step(machine.TokenRejected{At: second(now), Access: real.Credential.AccessToken.Fingerprint()})
			naive.reject(now)
		},
		"granted": func(t *rapid.T) {
			next := tokenSet(now).Draw(t, "next")
			next.account, next.due = real.Credential.AccountID, now+1000
			if real.Attempt == 0 || naive.dead[next.refresh] != "" && next.refresh != naive.login.refresh {
				return
			}
			step(machine.RefreshSucceeded{At: second(now), Attempt: real.Attempt, Credential: next.real()})
			naive.granted(next, now)
		},
		"deferred": func(t *rapid.T) {
			if real.Attempt == 0 {
				return
			}
			until := now + rapid.IntRange(0, 60).Draw(t, "wait")
			step(machine.RefreshFailedTransient{At: second(now), Attempt: real.Attempt, NotBefore: second(until).Time, Posted: true})
			naive.deferred(until)
		},
		"objects": func(t *rapid.T) {
			if real.Attempt == 0 {
				return
			}
			why := rapid.SampledFrom([]evidence.BlockReason{evidence.BlockMisconfigured, evidence.BlockLoginNeeded}).Draw(t, "why")
			step(machine.RefreshObjected{At: second(now), Attempt: real.Attempt, Objection: history.Objection{Why: why}})
			naive.objects()
		},
		"refused": func(t *rapid.T) {
			if real.Attempt == 0 {
				return
			}
			step(machine.RefreshFailedPermanent{At: second(now), Attempt: real.Attempt, Verdict: history.Verdict{
				TokenID: propertytest.Policy.TokenID(real.Credential), Access: real.Credential.AccessToken.Fingerprint(), Reason: history.ReasonReused,
			}})
			naive.condemned()
		},
		"": func(t *rapid.T) {
			require.Equal(t, naive.state, string(real.Phase))
			require.Equal(t, naive.orders, orders, "refreshes ordered")
			require.Equal(t, naive.inFlight, real.Attempt != 0)
			require.Equal(t, naive.token(), real.Token().Reveal())
			require.Equal(t, naive.state == "NoAuth", real.Method() == "", "the method stays visible")
			require.Equal(t, naive.objected, real.Objected)
			require.Empty(t, propertytest.WronglyTold(&real, second(now).Time))
		},
	})
}

// credential is a login in words, from a world so small that tokens meet again.
type credential struct {
	key, access, refresh, account string
	due                           int // second at which it should be refreshed
}

func (c credential) String() string {
	if c.key != "" {
		return "key " + c.key
	}
	return fmt.Sprintf("%s/%s of %s, due at %d", c.access, c.refresh, c.account, c.due)
}

func second(n int) machine.At {
	return machine.At{Time: machinetest.Dawn.Add(time.Duration(n) * time.Second)}
}
