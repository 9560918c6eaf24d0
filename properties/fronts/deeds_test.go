package fronts

import (
	"context"
	"fmt"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
)

func keyLogin(key string) machine.Credential { return machinetest.Key(key) }

// quick is for a request whose answer nothing may delay.
func quick(a *ask) { a.isQuick = !a.isEarly }

// about is for a login or a logout.
func about(number int) func(*ask) { return func(a *ask) { a.login = number } }

// number is the number of a new login or logout.
func number[T any](s *site, of func(w *world) T) T {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	return of(s.world)
}

var ourReads = []string{"getAuthStatus", "account/read", "account/health/read"}

var refusedMethods = []string{"accountSession/switch", "remoteControl/enable", "account/bedrock/setup"}

var passingMethods = []string{"thread/list", "no/such", "thread/start", "model/list", "turn/interrupt"}

// deeds are what both ends, other programs and the issuer do. n is any number.
var deeds = map[string]struct {
	weight int
	do     func(s *site, n int)
}{
	"the client reads": {6, func(s *site, n int) { s.client.send(mine, ourReads[n%len(ourReads)], `{`, quick) }},
	"the client demands a refresh": {2, func(s *site, _ int) {
		s.client.send(mine, "getAuthStatus", `{"includeToken":true,"refreshToken":true`)
	}},
	"the client cancels a login": {1, func(s *site, _ int) { s.client.send(mine, "account/login/cancel", `{"loginId":"l"`, quick) }},
	"the client asks the child":  {8, func(s *site, n int) { s.client.send(passing, passingMethods[n%len(passingMethods)], `{`) }},
	"the client asks the child a lot": {2, func(s *site, n int) {
		for i := range n {
			s.client.send(passing, passingMethods[i%len(passingMethods)], `{`)
		}
	}},
	"the client begins a turn": {10, func(s *site, n int) {
		s.client.send(turn, []string{"turn/start", "review/start"}[n%2], `{"threadId":"t"`)
	}},
	"the client asks for what is refused": {2, func(s *site, n int) { s.client.send(refused, refusedMethods[n%len(refusedMethods)], `{`) }},
	"the client asks for what is new":     {2, func(s *site, _ int) { s.client.send(forExperimental, "collaborationMode/list", `{`) }},
	"the client takes an id of the front": {1, func(s *site, n int) {
		s.client.send(refused, "thread/list", `{`, func(a *ask) { a.id = fmt.Sprintf(`"\u0066ront/%d-%d"`, n, a.nonce) })
	}},
	"the client notes": {3, func(s *site, _ int) { s.client.send(note, "custom/note", `{`) }},

	"the client logs in with a key": {4, func(s *site, _ int) {
		made := number(s, func(w *world) keyed { key, n := w.newKey(); return keyed{key, n} })
		s.client.send(mine, "account/login/start", fmt.Sprintf(`{"type":"apiKey","apiKey":%q`, made.key), about(made.number))
	}},
	"the client gives tokens": {3, func(s *site, _ int) {
		made := number(s, func(w *world) keyed { n := w.next(); s.client.external = n; return keyed{w.newExternal(n), n} })
		s.client.send(mine, "account/login/start",
			fmt.Sprintf(`{"type":"chatgptAuthTokens","accessToken":%q,"chatgptAccountId":"account-ada"`, made.key), about(made.number))
	}},
	"the client logs out": {3, func(s *site, _ int) { s.client.send(mine, "account/logout", `{`, about(number(s, (*world).logOut))) }},
	"another client logs in": {4, func(s *site, _ int) {
		_ = s.engine.Login(context.Background(), number(s, func(w *world) machine.Credential { return w.logIn(time.Hour) }))
	}},
	"another program logs in":  {4, func(s *site, n int) { s.keep([]string{"a login", "an old login", "a key"}[n%3]) }},
	"another program logs out": {2, func(s *site, _ int) { number(s, (*world).logOut); _, _ = s.other.Logout(context.Background()) }},
	"another program refreshes": {2, func(s *site, _ int) {
		_ = s.other.Reload(context.Background())
		s.other.Ask(machine.Ask{Refresh: true, Token: true}, func(machine.Snapshot) {})
	}},
	"the issuer changes its mood": {6, func(s *site, n int) {
		takes := []time.Duration{0, time.Second, 8 * time.Second, 12 * time.Second, time.Hour}[n%5]
		mood := propertytest.Mood{How: propertytest.Ways[n%len(propertytest.Ways)], Takes: takes}
		if n > 75 {
			mood = propertytest.Mood{How: propertytest.Redeems, Takes: time.Second}
		}
		number(s, func(w *world) int { s.issuer.mood = mood; return 0 })
	}},

	"the child wants another token": {8, func(s *site, _ int) { s.child.wantToken() }},
	"the child wants tokens": {2, func(s *site, n int) {
		for range 2 + n%4 {
			s.child.wantToken()
			time.Sleep(10 * time.Millisecond)
		}
	}},
	"the child wants approval": {4, func(s *site, _ int) { s.child.wantApproval() }},
	"the child notes":          {4, func(s *site, _ int) { s.child.report(`{"method":"item/delta","params":{"seq":%[1]d}}`) }},
	"the child fails a turn": {2, func(s *site, _ int) {
		s.child.report(`{"method":"error","params":{"error":{"message":"auth refresh request failed: code=-32000"},"seq":%[1]d}}`)
	}},
	"the child says whose login it has": {1, func(s *site, _ int) { s.child.mutter(`{"method":"account/updated","params":{"seq":1000000}}`) }},
	"the child writes garbage":          {1, func(s *site, _ int) { s.child.mutter(`{"method":"x","params":`) }},
	"the child answers what was not asked": {1, func(s *site, _ int) {
		s.child.mutter(`{"id":1000000,"result":{"seq":1000000}}`)
	}},
	"the child hangs":   {2, func(s *site, _ int) { s.child.hang() }},
	"the child goes on": {3, func(s *site, _ int) { s.child.resume() }},
	"the child dies": {1, func(s *site, n int) {
		if n%3 == 0 {
			s.child.die()
		}
	}},
}

// keyed is a key or a token of the client's, with the number of its login.
type keyed struct {
	key    string
	number int
}
