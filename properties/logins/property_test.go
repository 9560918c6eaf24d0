package logins

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

// TestLoginsEndInAgreement does to a whole server all
// that can happen to logins, in every order, at once or apart. A failure tells
// the story.
//
// A login that a client has heard of ends once. Every request has one answer. And
// once nothing happens any more, the client was last told what the status says,
// and that is what the store has.
func TestLoginsEndInAgreement(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.SampledFrom([]string{"none", "bob", "a key"}).Draw(t, "before")
		plan := rapid.SliceOfN(genDeed, 3, 30).Draw(t, "plan")
		restsBeforeTheEnd := rapid.Bool().Draw(t, "rests before the end")
		rapid.SyncTest(t, func(t *rapid.T) {
			p := &loginPlay{loginSite: openLoginSite(t, storedBefore(before))}
			for _, each := range plan {
				p.tell("%v", each)
				loginDeeds[each.name].do(p, each.which)
				if each.settles {
					synctest.Wait()
				}
			}
			if restsBeforeTheEnd {
				p.rest()
			}
			p.end()
			p.judge()
		})
	})
}

func storedBefore(who string) *machine.Credential {
	switch who {
	case "bob":
		return &machine.Credential{
			Method: machine.MethodTokens, AccountID: "account-bob", LastRefresh: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
			IDToken: machinetest.JWT(`{}`), AccessToken: secret.New("access-bob"), RefreshToken: secret.New("refresh-bob"),
		}
	case "a key":
		return &machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New("sk-before")}
	}
	return nil
}

// loginPlay is a site, and what has to be known to judge what happened there.
type loginPlay struct {
	*loginSite
	logouts []cut
	keys    []cut
	cancels map[int]int // by the request: the login that it was about
}

// cut is a request that ends the logins from before it.
type cut struct {
	request int
	before  int // how many these are
}

// deed is something that a user or a client does, to the login asked for last or to one
// before it.
type deed struct {
	name    string
	which   int
	settles bool // all that it leads to at once happens before the next one
}

func (d deed) String() string { return fmt.Sprintf("%s (%d, settles: %v)", d.name, d.which, d.settles) }

var genDeed = rapid.Custom(func(t *rapid.T) deed {
	var names []string
	for name, each := range loginDeeds {
		names = append(names, slices.Repeat([]string{name}, each.weight)...)
	}
	slices.Sort(names)
	return deed{
		rapid.SampledFrom(names).Draw(t, "name"),
		rapid.SampledFrom([]int{0, 0, 0, 0, 1, 2}).Draw(t, "which"),
		rapid.SampledFrom([]bool{true, true, false}).Draw(t, "settles"),
	}
})

const (
	successPage = "http://127.0.0.1:1455/success"
	cancelPage  = "http://127.0.0.1:1455/cancel"
)

var loginDeeds = map[string]struct {
	weight int
	do     func(p *loginPlay, which int)
}{
	"browser login": {4, func(p *loginPlay, _ int) { p.begin("chatgpt") }},
	"device login":  {4, func(p *loginPlay, _ int) { p.begin("chatgptDeviceCode") }},
	"key login":     {3, (*loginPlay).keyLogin},
	"external login": {2, func(p *loginPlay, _ int) {
		p.loginWith("chatgptAuthTokens", "accessToken", machinetest.JWT(`{"sub":"first"}`).Reveal())
	}},
	"logout": {4, (*loginPlay).logout},
	"cancel": {4, (*loginPlay).cancel},
	"poll":   {1, func(p *loginPlay, _ int) { p.request("getAuthStatus", map[string]bool{"includeToken": true}) }},

	"callback":                  {10, func(p *loginPlay, n int) { p.comeBack(n) }},
	"callback with a bad state": {1, func(p *loginPlay, n int) { p.comeBack(n, "state", "bad") }},
	"callback with an error":    {1, func(p *loginPlay, n int) { p.comeBack(n, "error", "access_denied") }},
	"success page":              {5, func(p *loginPlay, _ int) { p.open(successPage) }},
	"the port is wanted":        {1, func(p *loginPlay, _ int) { p.open(cancelPage) }},
	"device allowed":            {8, func(p *loginPlay, n int) { p.decide(n, p.issuer.Approve) }},
	"device denied":             {1, func(p *loginPlay, n int) { p.decide(n, p.issuer.Deny) }},

	"a moment passes":    {4, func(*loginPlay, int) { time.Sleep(300 * time.Millisecond) }},
	"a while passes":     {5, func(*loginPlay, int) { time.Sleep(4 * time.Second) }},
	"a long time passes": {1, func(*loginPlay, int) { time.Sleep(20 * time.Minute) }},
	"all rest":           {1, func(p *loginPlay, _ int) { p.rest() }},

	"the disk is full":   {1, func(p *loginPlay, _ int) { p.store.set(true, 0) }},
	"the disk is slow":   {1, func(p *loginPlay, _ int) { p.store.set(false, time.Second) }},
	"the disk is well":   {2, func(p *loginPlay, _ int) { p.store.set(false, 0) }},
	"the issuer is slow": {2, func(p *loginPlay, _ int) { p.script(issuer.Step{After: issuer.Pause{For: 3 * time.Second}}) }},
	"the issuer hangs":   {1, func(p *loginPlay, _ int) { p.script(issuer.Step{Before: issuer.Pause{For: time.Hour}}) }},
	"the issuer refuses": {1, func(p *loginPlay, _ int) { p.script(issuer.Step{Status: 400}) }},
	"revocations are hanging": {1, func(p *loginPlay, _ int) {
		p.issuer.Script(issuer.Revoke, issuer.Step{Before: issuer.Pause{For: time.Hour}})
	}},
}

func (p *loginPlay) script(step issuer.Step) {
	for _, call := range []issuer.Call{issuer.Exchange, issuer.KeyExchange, issuer.UserCode, issuer.DevicePoll} {
		p.issuer.Script(call, step)
	}
}

func (p *loginPlay) loginWith(loginType, member, token string) {
	p.requestInstead("account/login/start", map[string]string{"type": loginType, member: token, "chatgptAccountId": "account-external"})
}

func (p *loginPlay) keyLogin(int) {
	p.loginWith("apiKey", "apiKey", "sk-test")
	p.keys = append(p.keys, cut{p.lastID, len(p.tales)})
}

func (p *loginPlay) logout(int) {
	p.logouts = append(p.logouts, cut{p.requestInstead("account/logout", nil), len(p.tales)})
}

func (p *loginPlay) cancel(which int) {
	tale, told := p.latest(which)
	if tale == nil {
		return
	}
	if p.cancels == nil {
		p.cancels = map[int]int{}
	}
	request := p.request("account/login/cancel", map[string]string{"loginId": told.LoginID})
	p.cancels[request] = slices.Index(p.tales, tale)
}
