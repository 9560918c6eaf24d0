package login

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

// TestEveryLoginEndsOnceWhateverHappens makes every move of users, clients,
// issuers and disks, in every order, at once or apart, and then compares how each login
// ended with what was saved.
func TestEveryLoginEndsOnceWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plan := rapid.SliceOfN(genMove, 5, 40).Draw(t, "plan")
		rapid.SyncTest(t, func(t *rapid.T) {
			s := newStory(t)
			for _, each := range plan {
				moves[each.Name].make(s, each.Which)
				if each.Settle {
					synctest.Wait()
				}
			}
			s.end()
			s.judge()
		})
	})
}

// move is an event, of the latest login or of one before it.
type move struct {
	Name   string
	Which  int
	Settle bool // all that it leads to happens before the next move
}

var genMove = rapid.Custom(func(t *rapid.T) move {
	var names []string
	for name, each := range moves {
		names = append(names, slices.Repeat([]string{name}, each.weight)...)
	}
	slices.Sort(names)
	return move{
		rapid.SampledFrom(names).Draw(t, "name"),
		rapid.SampledFrom([]int{0, 0, 0, 0, 1, 2}).Draw(t, "which"),
		rapid.SampledFrom([]bool{true, true, false}).Draw(t, "settle"),
	}
})

var moves = map[string]struct {
	weight int
	make   func(s *story, n int)
}{
	"begin browser": {3, func(s *story, _ int) { s.follow(s.world.manager.Browser()) }},
	"whole login":   {6, func(s *story, _ int) { s.login(0) }},
	"slow login":    {6, func(s *story, _ int) { s.login(3 * time.Second) }},
	"begin device":  {2, func(s *story, _ int) { s.follow(s.world.manager.Device()) }},

	"callback":             {8, func(s *story, n int) { s.visit(n) }},
	"callback wrong state": {1, func(s *story, n int) { s.visit(n, "state", "bad") }},
	"callback with error":  {1, func(s *story, n int) { s.visit(n, "code", "", "error", "access_denied") }},
	"allow device":         {4, func(s *story, n int) { s.decide(n, s.world.issuer.Approve) }},
	"refuse device":        {1, func(s *story, n int) { s.decide(n, s.world.issuer.Deny) }},
	"success":              {3, func(s *story, _ int) { s.ask(successAddress) }},
	"port is wanted":       {1, func(s *story, _ int) { s.ask(cancelAddress) }},
	"cancel":               {4, (*story).cancel},
	"end":                  {2, func(s *story, _ int) { s.endAll() }},

	"a moment":    {3, func(*story, int) { time.Sleep(300 * time.Millisecond) }},
	"a while":     {5, func(*story, int) { time.Sleep(4 * time.Second) }},
	"a long time": {1, func(*story, int) { time.Sleep(10 * time.Minute) }},

	"disk full":       {1, func(s *story, _ int) { s.setDisk(errDiskFull, 0) }},
	"disk slow":       {3, func(s *story, _ int) { s.setDisk(nil, 2*time.Second) }},
	"disk well":       {1, func(s *story, _ int) { s.setDisk(nil, 0) }},
	"slow issuer":     {2, func(s *story, _ int) { s.slowDown(3 * time.Second) }},
	"hanging issuer":  {1, func(s *story, _ int) { s.script(issuer.Step{Before: issuer.Pause{For: time.Hour}}) }},
	"refusing issuer": {1, func(s *story, _ int) { s.script(issuer.Step{Status: 400}) }},
}

// story is what happened so far.
type story struct {
	t     *rapid.T
	world *world
	busy  sync.WaitGroup // browsers, followers and ends that are under way

	mu       sync.Mutex     // guards all below
	logins   []*clientView  // in the order in which they were begun
	tried    map[string]int // saves, by account, which is the id of the login
	saved    map[string]int // that succeeded
	saving   int            // under way
	ended    []string       // logins that were over before an End returned
	diskErr  error
	diskSlow time.Duration
}

// clientView is one login, as the client sees it.
type clientView struct {
	attempt   *Attempt
	back      *url.URL
	userCode  string
	ends      []error
	cancelled bool // in time, as the client learned
}

func newStory(t *rapid.T) *story {
	s := &story{t: t, tried: map[string]int{}, saved: map[string]int{}}
	s.world = newWorld(t, func(o *Options) { o.Save = s.save })
	return s
}

func (s *story) save(ctx context.Context, credential machine.Credential) error {
	s.mu.Lock()
	s.tried[credential.AccountID]++
	s.saving++
	if s.saving > 1 {
		s.t.Errorf("two logins are being saved at once")
	}
	err, slow := s.diskErr, s.diskSlow
	s.mu.Unlock()
	time.Sleep(slow)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saving--
	if ctx.Err() != nil {
		s.t.Errorf("a cancellation reached the disk")
	}
	if slices.Contains(s.ended, credential.AccountID) {
		s.t.Errorf("saved after its end: %s", credential.AccountID)
	}
	if err == nil {
		s.saved[credential.AccountID]++
	}
	return err
}

// follow is a client: it waits for the prompt, and for the end. The account has the id of
// the login as its name.
func (s *story) follow(attempt *Attempt) {
	seen := &clientView{attempt: attempt}
	s.mu.Lock()
	s.logins = append(s.logins, seen)
	s.mu.Unlock()
	s.busy.Go(func() {
		if prompt, err := attempt.Prompt(); err == nil {
			s.mu.Lock()
			seen.userCode = prompt.UserCode
			s.world.issuer.SetAccount(issuer.Account{ID: attempt.ID, UserID: "u"})
			if prompt.AuthURL != "" {
				seen.back = s.world.consent(prompt)
			}
			s.mu.Unlock()
		}
		err := attempt.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		seen.ends = append(seen.ends, err)
	})
}

// login is a browser login up to its callback, with a slow issuer behind it.
func (s *story) login(pause time.Duration) {
	s.follow(s.world.manager.Browser())
	synctest.Wait()
	s.slowDown(pause)
	s.visit(0)
}

func (s *story) slowDown(pause time.Duration) {
	s.script(issuer.Step{After: issuer.Pause{For: pause}})
}

// latest is the login that was begun last, or the nth before it; nil for none.
func (s *story) latest(n int) *clientView {
	if n >= len(s.logins) {
		return nil
	}
	return s.logins[len(s.logins)-1-n]
}

func (s *story) visit(n int, change ...string) {
	s.mu.Lock()
	seen := s.latest(n)
	ready := seen != nil && seen.back != nil
	s.mu.Unlock()
	if !ready {
		return
	}
	changed, query := *seen.back, seen.back.Query()
	for i := 0; i < len(change); i += 2 {
		query.Set(change[i], change[i+1])
	}
	changed.RawQuery = query.Encode()
	s.ask(changed.String())
}

// ask sends a browser's request, which may find no server.
func (s *story) ask(address string) {
	s.busy.Go(func() { s.world.ask(http.MethodGet, address, nil) })
}

func (s *story) decide(n int, decision func(string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if seen := s.latest(n); seen != nil && seen.userCode != "" {
		s.world.issuer.SetAccount(issuer.Account{ID: seen.attempt.ID, UserID: "u"})
		decision(seen.userCode)
	}
}

func (s *story) cancel(n int) {
	s.mu.Lock()
	seen := s.latest(n)
	s.mu.Unlock()
	if seen == nil {
		return
	}
	accepted := 0
	inTime := s.world.manager.Cancel(seen.attempt.ID, func() { accepted++ })
	if inTime != (accepted == 1) {
		s.t.Errorf("in time: %v, accepted: %d", inTime, accepted)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	seen.cancelled = seen.cancelled || inTime
}

// endAll is a logout: after it, no login from before is saved.
func (s *story) endAll() {
	s.mu.Lock()
	begun := slices.Clone(s.logins)
	s.mu.Unlock()
	s.busy.Go(func() {
		if err := s.world.manager.End(context.Background()); err != nil {
			s.t.Errorf("end: %v", err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, each := range begun {
			if !isOver(each.attempt) {
				s.t.Errorf("not over: %s", each.attempt.ID)
			}
			s.ended = append(s.ended, each.attempt.ID)
		}
	})
}

func (s *story) setDisk(err error, slow time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.diskErr, s.diskSlow = err, slow
}

func (s *story) script(step issuer.Step) {
	for _, call := range []issuer.Call{issuer.Exchange, issuer.KeyExchange, issuer.UserCode, issuer.DevicePoll} {
		s.world.issuer.Script(call, step)
	}
}

// end waits for all that goes on. The bubble then fails on a goroutine that is left.
func (s *story) end() {
	s.endAll()
	s.busy.Wait()
	require.Zero(s.t, s.world.network.listeners(), "listeners left")
}

func (s *story) judge() {
	known := map[string]bool{}
	for n, each := range s.logins {
		id := each.attempt.ID
		known[id] = true
		require.Len(s.t, each.ends, 1, "ends of login %d", n)
		require.LessOrEqual(s.t, s.tried[id], 1, "saves of login %d", n)
		err := each.ends[0]
		require.Equal(s.t, err == nil, s.saved[id] == 1, "login %d ended with %v, saved %d times", n, err, s.saved[id])
		if each.cancelled {
			require.Zero(s.t, s.tried[id], "login %d was cancelled in time", n)
			require.ErrorIs(s.t, err, NotCompleted)
		}
		require.True(s.t, err == nil || expected(err), "login %d: %v", n, err)
	}
	for id := range s.tried {
		require.True(s.t, known[id], "saved a login that was not begun: %s", id)
	}
}

// expected reports whether an error is one that Wait documents.
func expected(err error) bool {
	_, interrupted := errors.AsType[Interruption](err)
	_, failed := errors.AsType[*FailedError](err)
	_, unstarted := errors.AsType[*StartError](err)
	return interrupted || failed || unstarted
}

func (m move) String() string { return fmt.Sprintf("%s (%d, %v)", m.Name, m.Which, m.Settle) }
