package fronts

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
)

// TestFrontKeepsItsPromises puts a front between a client and a child that do all that
// they may, while logins come and go. A failure tells the story.
//
// Each request has one answer, of the right end; no line comes twice, changed, or before one
// that it stands behind; no request goes out under a login that is older than the one that the
// client was answered about; no turn goes out without a login; and no token goes astray.
func TestFrontKeepsItsPromises(t *testing.T) {
	propertytest.Checks(t, 300)
	rapid.Check(t, func(t *rapid.T) {
		plan := genPlan.Draw(t, "plan")
		rapid.SyncTest(t, func(t *rapid.T) { plan.run(t) })
	})
}

// plan is all that is decided before a run begins.
type plan struct {
	Before         string
	Manners        manners
	IsExperimental bool
	IsKept         bool
	Version        string
	Deeds          []deed
	Rests          bool
}

// deed is something that happens, after a pause.
type deed struct {
	Pause   time.Duration
	Name    string
	N       int
	Settles bool // all that it leads to at once happens before the next one
}

func (d deed) String() string { return fmt.Sprintf("%s (%d)", d.Name, d.N) }

var genPlan = rapid.Custom(func(t *rapid.T) plan {
	pushes := [][]time.Duration{{0}, {20 * time.Millisecond}, {20 * time.Millisecond, 0, time.Second}, {7 * time.Second, 0}}
	genManner := rapid.Custom(func(t *rapid.T) manner {
		return manner{
			After:  rapid.SampledFrom([]time.Duration{0, 0, time.Millisecond, time.Second, 20 * time.Second, -1}).Draw(t, "after"),
			Refuse: rapid.SampledFrom([]bool{false, false, false, true}).Draw(t, "refuses"),
		}
	})
	return plan{
		Before: rapid.SampledFrom([]string{"none", "a login", "a login", "an old login", "a key"}).Draw(t, "before"),
		Manners: manners{
			Hello:    rapid.SampledFrom([]time.Duration{0, 200 * time.Millisecond, 3 * time.Second, 40 * time.Second}).Draw(t, "hello"),
			Requests: rapid.SliceOfN(genManner, 1, 5).Draw(t, "requests"),
			Pushes:   rapid.SampledFrom(pushes).Draw(t, "pushes"),
		},
		IsExperimental: rapid.Bool().Draw(t, "experimental"),
		IsKept:         rapid.Bool().Draw(t, "kept"),
		Version:        rapid.SampledFrom([]string{"", "0.171.0"}).Draw(t, "version"),
		Deeds:          rapid.SliceOfN(genDeed, 1, 40).Draw(t, "deeds"),
		Rests:          rapid.Bool().Draw(t, "rests"),
	}
})

var genDeed = rapid.Custom(func(t *rapid.T) deed {
	return deed{
		Pause: rapid.SampledFrom([]time.Duration{0, 0, 0, time.Millisecond, time.Second, 6 * time.Second, time.Minute, 56 * time.Minute}).Draw(t, "pause"),
		Name:  rapid.SampledFrom(deedNames).Draw(t, "name"), N: rapid.IntRange(0, 150).Draw(t, "n"),
		Settles: rapid.SampledFrom([]bool{true, true, false}).Draw(t, "settles"),
	}
})

var deedNames = func() (names []string) {
	for name, each := range deeds {
		names = append(names, slices.Repeat([]string{name}, each.weight)...)
	}
	slices.Sort(names)
	return names
}()

func (p plan) run(t *rapid.T) {
	s := open(t, p.Before, p.Manners, p.IsKept, p.Version)
	if p.Deeds[0].N%10 == 9 {
		s.client.send(turn, "turn/start", `{"threadId":"t"`)
	}
	s.client.initialize(p.IsExperimental)
	for _, each := range p.Deeds {
		time.Sleep(each.Pause)
		if s.isOver() {
			break
		}
		s.tell("%v", each)
		deeds[each.Name].do(s, each.N)
		if each.Settles {
			synctest.Wait()
		}
	}
	if p.Rests {
		s.rest()
	}
	s.end()
	s.judge()
}

// keep stores a login as another program does.
func (s *site) keep(what string) {
	s.world.mu.Lock()
	var login machine.Credential
	switch what {
	case "a login":
		login = s.world.logIn(time.Hour)
	case "an old login":
		login = s.world.logIn(-time.Minute)
	case "a key":
		key, _ := s.world.newKey()
		login = keyLogin(key)
	}
	s.world.mu.Unlock()
	if login.Method != "" {
		require.NoError(s.t, s.store.Replace(context.Background(), login))
	}
}

// rest lets all that is under way come to its end. Then the child has the engine's login.
func (s *site) rest() {
	s.child.resume()
	time.Sleep(3 * time.Minute)
	synctest.Wait()
	w := s.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.isOver() || !w.isReady {
		return
	}
	snapshot := s.engine.Snapshot()
	token := snapshot.TokenAt(time.Now())
	switch {
	case snapshot.Phase() == machine.NoAuth && s.child.has != "":
		w.accuse("the child has a login, and there is none")
	case snapshot.Phase() != machine.NoAuth && !token.IsAbsent() && token.Reveal() != s.child.has:
		w.accuse("the child has another login than the engine")
	}
	for _, a := range s.client.asks {
		if a.kind == mine && len(a.answers) == 0 {
			w.accuse("%s has no answer", shortened(a.line))
		}
	}
}

// judge demands what must be true when all is over.
func (s *site) judge() {
	w := s.world
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range s.client.asks {
		if a.id != "" {
			s.judgeAnswer(a)
		}
	}
	if s.client.seq != s.child.sent && !s.isUnfit() {
		w.accuse("the client has heard %d lines of the child, which has written %d", s.client.seq, s.child.sent)
	}
	for line := range strings.Lines(s.log.String()) {
		if anyToken.MatchString(line) {
			w.accuse("a token is logged: %s", shortened(line))
		}
	}
	if len(w.broken) > 0 {
		s.show()
	}
	require.Empty(s.t, w.broken)
}

func (s *site) judgeAnswer(a *ask) {
	w := s.world
	if len(a.answers) != 1 {
		w.accuse("%s has %d answers", shortened(a.line), len(a.answers))
		return
	}
	m := a.answers[0]
	nonce := m.Result.Nonce
	if m.Error != nil {
		nonce = m.Error.Data.Nonce
	}
	isOurs := nonce == 0
	switch {
	case !isOurs && nonce != a.nonce:
		w.accuse("%s has the answer to another request, %d", shortened(a.line), nonce)
	case !isOurs && (a.kind == mine || a.kind == refused):
		w.accuse("%s is answered by the child", shortened(a.line))
	case isOurs && a.kind == refused && (m.Error == nil || m.Error.Code != -32600):
		w.accuse("%s is not refused", shortened(a.line))
	case isOurs && m.Error == nil && a.kind != mine:
		w.accuse("%s is answered by bezoar", shortened(a.line))
	case isOurs && a.kind == passing && m.Error.Code != -32603:
		w.accuse("%s is answered with %q", shortened(a.line), m.Error.Message)
	case isOurs && a.kind == turn && m.Error.Code != -32603 && !isWord(m.Error.Message):
		w.accuse("%s is answered with %q", shortened(a.line), m.Error.Message)
	}
}
