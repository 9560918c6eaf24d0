package fronts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/engine/enginetest"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
	"github.com/bezoar-auth/bezoar/protocol/front"
	"github.com/bezoar-auth/bezoar/store/memory"
)

// site is a front with its engine, between a scripted client and a scripted child, in a
// synctest bubble. Another process has an engine on the same store.
type site struct {
	t      rapid.TB
	begun  time.Time
	world  *world
	client *client
	child  *child

	*assembly
	other     *engine.Engine // of another process
	store     *memory.Store
	issuer    *moodyIssuer
	log       *journal
	keeper    context.CancelFunc
	isGivenUp bool // the child has not ended in time

	storyMu sync.Mutex
	story   []string
}

// open starts a front. Nothing is said before start.
func open(t rapid.TB, before string, manners manners, isKept bool, version string) *site {
	s := &site{t: t, begun: time.Now(), world: newWorld(), store: memory.NewStore(), log: new(journal)}
	s.world.tell = s.tell
	s.issuer = &moodyIssuer{world: s.world, inFlight: map[string]bool{}, over: map[string]string{}}
	s.keep(before)
	log := slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ledger := memory.NewLedger(propertytest.Policy.Issuer)
	s.assembly = assemble(parts{
		store: s.store, ledger: ledger.Process(1), issuer: s.issuer, log: log, version: version, observe: s.world.observe,
	})
	s.other = enginetest.Start(engine.Options{
		Policy: propertytest.Policy, Store: s.store, Ledger: ledger.Process(2), ProcessID: 2, AuthorizationServer: s.issuer,
		Log: log, Random: func() float64 { return 0.5 },
	})
	s.child = newChild(s, manners)
	s.client = newClient(s, s.input, s.output)
	var kept context.Context
	kept, s.keeper = context.WithCancel(context.Background())
	if isKept {
		go s.engine.Keep(kept)
	}
	s.engine.Subscribe(s.world.changed)
	s.world.changed(machine.Snapshot{}, s.engine.Snapshot())
	s.serve()
	go s.client.listen()
	go s.child.read()
	go s.child.lines.run()
	go s.client.lines.run()
	return s
}

// isUnfit reports whether the child was given up: what it answers later has been answered.
func (s *site) isUnfit() bool {
	return s.isOver() && (errors.Is(s.err, front.ErrHandshake) || s.isGivenUp)
}

// isKeeping reports whether the child may keep an older login, because there is no usable
// token to give it.
func (s *site) isKeeping() bool {
	held := s.engine.Snapshot()
	return held.LoginMethod() != "" && held.TokenAt(time.Now()).IsAbsent()
}

// end ends the front as a program does, after the client's end or the child's death.
func (s *site) end() {
	if !s.isOver() {
		synctest.Wait() // the client's lines are read; the front may wait for a second in initialize
		time.Sleep(time.Second)
		synctest.Wait()
	}
	s.tell("the client closes its end")
	s.client.lines.stop()
	s.isGivenUp = s.assembly.end(synctest.Wait, s.child.die)
	s.keeper()
	rest, cancel := context.WithTimeout(context.Background(), 4*time.Second)
	defer cancel()
	s.other.Close(rest)
	<-s.client.deaf
	s.tell("Serve has returned %v", s.err)
}

// tell adds to the story that a failure shows.
func (s *site) tell(format string, args ...any) {
	text := fmt.Sprintf("%12v  %s", time.Since(s.begun), fmt.Sprintf(format, args...))
	s.t.Logf("%s", text)
	s.storyMu.Lock()
	defer s.storyMu.Unlock()
	s.story = append(s.story, text)
}

var once sync.Once

// show writes the story of the first failure: the scheduler is not in the seed, so that
// rapid may not find it again.
func (s *site) show() {
	once.Do(func() {
		s.storyMu.Lock()
		defer s.storyMu.Unlock()
		fmt.Fprintf(os.Stderr, "the first story that broke a promise:\n%s\n", strings.Join(s.story, "\n"))
	})
}

// journal is what all of them log.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}
