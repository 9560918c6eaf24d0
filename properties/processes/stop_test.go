package processes

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/states"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/properties/programtest"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/store/system"
)

// stopDeadline is that of the posts of a process that is going to stand still.
const stopDeadline = 2 * time.Second

// stopped is a process that stands still in a refresh, on a scene of its own.
type stopped struct {
	*scene
	*programtest.Server
	point states.Failpoint
	name  string
}

// newStopScene is a home whose access tokens live for a second, so that nothing
// but the rules about posts keeps a sister from replaying a token in doubt. If
// nothing can be locked, as on some network disks, no lock keeps her either.
func newStopScene(t *testing.T, isLocking bool, handler func(*issuer.Issuer) http.Handler) *scene {
	i := issuer.New(issuer.Options{AccessLifetime: time.Second})
	s := sceneOf(t, i, handler(i))
	s.deadline = stopDeadline
	s.settings = func(o *engine.Options) { o.LockWait = 50 * time.Millisecond }
	for _, lock := range locks {
		if !isLocking {
			require.NoError(t, os.Mkdir(filepath.Join(s.home, lock), 0o700))
		}
	}
	return s
}

var locks = []string{"auth.lock", "auth.json.lock", "auth.ledger.lock"}

func plainly(i *issuer.Issuer) http.Handler { return i }

// begin starts a process and has it refresh.
func (s *scene) begin(t *testing.T, m mortal) *programtest.Server {
	t.Helper()
	m.Deadline = s.deadline
	child, err := programtest.Start("mortal", os.Args[0], s.environmentOf(m))
	require.NoError(t, err)
	t.Cleanup(child.Kill)
	require.NoError(t, child.Write(
		`{"id":1,"method":"initialize","params":{"clientInfo":{"name":"editor","version":"1"}}}`+"\n"+
			`{"id":2,"method":"getAuthStatus","params":{"includeToken":true,"refreshToken":true}}`+"\n"))
	return child
}

// goOn lets a process go on, and waits until it has answered and ended.
func goOn(t *testing.T, s *programtest.Server, name string) {
	t.Helper()
	require.NoError(t, letGoOn(s.Process.Process), name)
	_, err := s.AnswerTo(2)
	require.NoError(t, err, "%s\n%s", name, s.Stderr.String())
	s.Input.Close()
	<-s.Gone
	require.NotContains(t, s.Stderr.String(), "bug:", name)
}

// sisterAsks lets another process demand a refresh, a minute from now: whatever
// can be old by then is.
func (s *scene) sisterAsks(t *testing.T) {
	t.Helper()
	sister := s.engineAt(t, time.Minute)
	sister.demand(t)
	sister.Close(background)
}

// TestStoppedRefreshDoesNoHarm stops a process at
// each failpoint, for longer than the deadline of its post, while a sister comes
// along, and then lets it go on. No process died, so there is no excuse: each token
// is posted once, and the login lives.
func TestStoppedRefreshDoesNoHarm(t *testing.T) {
	besideOthers(t)
	for _, isLocking := range []bool{true, false} {
		if !isLocking && !machinetest.Long() {
			continue
		}
		t.Run(map[bool]string{true: "with locks", false: "without any lock"}[isLocking], func(t *testing.T) {
			var all []*stopped
			for n, point := range states.RefreshFailpoints(system.KindHere()) {
				if n%stride() != 0 {
					continue
				}
				if !isLocking && point.Call == "lock: create" {
					continue // there is none to be made
				}
				all = append(all, stopAt(t, point, isLocking))
			}
			for _, each := range all {
				before := each.issuer.Counts().Posts
				each.sisterAsks(t)
				if each.holdsIntent() && each.hasPosted() {
					require.Equal(t, before, each.issuer.Counts().Posts, "%s: a sister posts though the poster lives\n%s\n%s", each.name, each.Stderr.String(), each.log.String())
				}
			}
			<-time.After(stopDeadline) // the last of them stands no less long
			for _, each := range all {
				each.judge(t)
			}
		})
	}
}

// stopAt starts a process that comes to a standstill there. Some places are reached
// only if another program writes at the right moment: a try that misses it is made anew.
func stopAt(t *testing.T, point states.Failpoint, isLocking bool) *stopped {
	t.Helper()
	for tries := 5; ; tries-- {
		s := newStopScene(t, isLocking, plainly)
		where := place(point.Step, point.Call)
		m := mortal{StopsBefore: where}
		for _, each := range circumstances {
			if each.when == point.When {
				each.prepare(t, s, &m)
			}
		}
		stands := &stopped{scene: s, Server: s.begin(t, m), point: point, name: fmt.Sprintf("stopped before %q (%s)", where, point.When)}
		err := awaitStop(stands.Process.Process)
		if err == nil {
			return stands
		}
		require.Positive(t, tries, "%s: it does not come there: %v\n%s", stands.name, err, stands.Stderr.String())
		_ = stands.Process.Process.Kill()
	}
}

// holdsIntent reports whether it stands between its intent and the outcome.
func (s *stopped) holdsIntent() bool { return s.point.Outcome == states.InDoubt }

// hasPosted reports whether the issuer has heard of it already.
func (s *stopped) hasPosted() bool { return s.point.Step != "intend" && s.point.Step != "post" }

// judge lets it go on and demands that nothing is lost, and nothing posted twice.
func (s *stopped) judge(t *testing.T) {
	t.Helper()
	before := s.issuer.Counts().Posts
	goOn(t, s.Server, s.name)
	after := s.issuer.Counts()
	if s.holdsIntent() && !s.hasPosted() {
		require.Equal(t, before, after.Posts, "%s: it posts on an intent whose end has come", s.name)
	}
	require.Zero(t, after.Replays, s.name)
	for token, times := range s.postsOf() {
		require.Equal(t, 1, times, "%s: %s is posted again", s.name, token)
	}
	require.True(t, s.issuer.IsAlive(s.stored(t).RefreshToken), "%s: the stored login is dead\n%s\n%s", s.name, s.Stderr.String(), s.log.String())
	s.settings = func(*engine.Options) {} // no process is in the way of the next one
	s.goesOn(t, s.name)
}

// postsOf counts the posts of each refresh token.
func (s *scene) postsOf() map[secret.Fingerprint]int {
	times := map[secret.Fingerprint]int{}
	for _, each := range s.issuer.Requests(issuer.Refresh) {
		times[each.Token]++
	}
	return times
}

// halting stops the first process that posts, before it is answered.
type halting struct {
	*issuer.Issuer
	once    sync.Once
	poster  chan *os.Process
	stopped chan struct{} // closed when it stands still, and the answer is on its way
}

func (h *halting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	asked, _ := io.ReadAll(r.Body) // who stands still sends no more of it
	r.Body = io.NopCloser(bytes.NewReader(asked))
	isFirst := false
	h.once.Do(func() { isFirst = stop(<-h.poster) == nil })
	h.Issuer.ServeHTTP(w, r)
	if isFirst {
		close(h.stopped)
	}
}

// TestAnswerToAStoppedProcessCounts: a deadline ends the
// waiting, never the hearing. What lies in the socket when a process goes on is
// heard, however long it stood still.
func TestAnswerToAStoppedProcessCounts(t *testing.T) {
	besideOthers(t)
	const rounds = 8 // for the answer and the deadline race when a process goes on
	var all []*stopped
	for n := range rounds {
		h := &halting{poster: make(chan *os.Process, 1), stopped: make(chan struct{})}
		s := newStopScene(t, true, func(i *issuer.Issuer) http.Handler { h.Issuer = i; return h })
		stands := &stopped{scene: s, name: "granted"}
		if n%2 == 1 {
			stands.name = "refused"
			s.issuer.Revoke(s.old.RefreshToken)
		}
		stands.Server = s.begin(t, mortal{})
		h.poster <- stands.Process.Process
		select {
		case <-h.stopped:
		case <-time.After(programtest.Patience):
			require.Fail(t, "nothing is posted", stands.Stderr.String())
		}
		all = append(all, stands)
	}
	for _, each := range all {
		each.sisterAsks(t)
		require.Equal(t, 1, each.issuer.Counts().Posts, "%s: a sister posts though the poster lives\n%s\n%s", each.name, each.Stderr.String(), each.log.String())
	}
	<-time.After(stopDeadline)
	for _, each := range all {
		goOn(t, each.Server, each.name)
		each.sisterAsks(t)
		if each.name == "refused" {
			require.Equal(t, 1, each.issuer.Counts().Posts, "a token is posted again that was refused")
			require.True(t, each.hasEntry(t, persist.Refused, each.names.TokenID(each.old.RefreshToken)))
			continue
		}
		require.Zero(t, each.issuer.Counts().Replays)
		require.True(t, each.issuer.IsAlive(each.stored(t).RefreshToken), "what was granted is lost")
	}
}
