package simulation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
	"github.com/bezoar-auth/bezoar/store/memory"
)

// world is everything there is in a simulation: an issuer, one store with its
// ledger, and the processes that share it. Nothing in it runs by itself, and
// its time stands still until an operation moves it.
type world struct {
	now       time.Time
	authority *propertytest.Authority
	store     *faultyStore
	ledger    *memory.Ledger
	locked    *refresh // who has the store's lock
	lockless  bool     // the lock is a no-op: safety must not rest on it
	processes []*process
	profile   int      // how often a person has changed it: of the processes that start from now on
	running   *refresh // whose code runs, nil for a process's owner

	posts     map[string][]*post   // by refresh token
	doubts    map[string]int       // intents of a refresh token whose maker died
	lastWord  *propertytest.Family // whose login was stored last on purpose; nil for none
	lastSaid  *propertytest.Family // whose login has the last entry of a login; nil for none
	isSaidOut bool                 // the ledger says that a logout came after it
	wasOut    bool                 // the last word was a logout
	isTorn    bool                 // who said it died before the last entry, or cannot see what came between
	before    *machine.Credential  // what the store held before the operation

	story   []string
	broken  string         // the first promise that was broken
	reached map[string]int // how often corners were reached, if the test counts
}

// post is one refresh token on the wire.
type post struct {
	by       *refresh
	life     int // of the process that posted
	answer   endpoint.Answer
	recorded bool // the outcome is in the ledger
	profile  string
	lifted   bool // a login came since that has the same token
}

func newWorld(processes int, lockless bool) *world {
	w := &world{
		now: machinetest.Dawn, authority: propertytest.NewAuthority(), store: newFaultyStore(memory.NewStore()),
		ledger: memory.NewLedger(propertytest.Policy.Issuer), lockless: lockless, posts: map[string][]*post{},
		doubts: map[string]int{},
	}
	first := w.authority.Login("alice", propertytest.TokenLife, w.now)
	w.store.write(first.Credential)
	w.lastWord = first.Family
	for n := range processes {
		p := &process{world: w, name: fmt.Sprintf("p%d", n+1), pid: n + 1}
		w.processes = append(w.processes, p)
		p.start()
	}
	return w
}

// violate notes that a promise is broken. The first one counts: the rest may
// follow from it.
func (w *world) violate(format string, args ...any) {
	if w.broken == "" {
		w.broken = fmt.Sprintf(format, args...)
	}
}

func (w *world) reach(format string, args ...any) {
	if w.reached != nil {
		w.reached[fmt.Sprintf(format, args...)]++
	}
}

// isAdmitted is the heart of the promises about posts: whether refresh token
// may be posted by r now, given all earlier posts of it.
func (w *world) isAdmitted(r *refresh) string {
	held := r.state.Credential
	for _, earlier := range w.posts[held.RefreshToken.Reveal()] {
		if earlier.recorded && !earlier.lifted && earlier.profile == r.state.Policy.Profile && propertytest.Objects(earlier.answer) {
			return "the issuer objected to it, and the profile is the same"
		}
		switch answer := earlier.answer.(type) {
		case endpoint.Issued:
			if earlier.recorded {
				return "it is spent already"
			}
		case endpoint.Refused:
			sameLife := earlier.by.process == r.process && earlier.life == r.process.lives
			if earlier.recorded && (answer.Reason.IsExplained() || sameLife) {
				return "it was refused for good"
			}
		case endpoint.Unavailable:
			if answer.Lost && earlier.recorded && r.serves() {
				return "its answer was lost, and its access token still serves"
			}
		}
		if !earlier.recorded && !earlier.by.crashed {
			return "another post of it is in flight"
		}
	}
	switch inDoubt := w.losses(held); {
	case inDoubt > 1:
		return "it was tried twice without an outcome"
	case inDoubt == 1 && r.serves():
		return "it may be spent, and its access token still serves"
	}
	return ""
}

// serves reports whether the access token beside the refresh token is of use.
func (r *refresh) serves() bool {
	return !r.state.Rejected && r.process.world.now.Before(r.state.Expiry)
}

// mayBePoisoned reports whether something condemns the refresh token for this process.
func (w *world) mayBePoisoned(p *process, c machine.Credential) bool {
	for _, each := range w.posts[c.RefreshToken.Reveal()] {
		switch answer := each.answer.(type) {
		case endpoint.Issued:
			return true
		case endpoint.Refused:
			if answer.Reason.IsExplained() || each.by.process == p && each.life == p.lives {
				return true
			}
		}
	}
	return w.losses(c) > 1
}

// losses counts the posts of a refresh token whose answer reached no process, because
// its poster died or it was lost on the way.
func (w *world) losses(c machine.Credential) int {
	name := c.RefreshToken.Reveal()
	lost := w.doubts[name]
	for _, each := range w.posts[name] {
		if answer, ok := each.answer.(endpoint.Unavailable); ok && answer.Lost && each.recorded {
			lost++
		}
	}
	return lost
}

// Revoke implements engine.Issuer.
func (w *world) Revoke(_ context.Context, _ machine.Issuer, login machine.Credential) error {
	f := w.authority.Of(login).Family
	if held := w.store.holds(); held != nil && w.authority.Of(*held) != nil && w.authority.Of(*held).Family == f {
		w.violate("%s is revoked, and the store holds it", w.nameOf(&login))
	}
	w.reach("a login is revoked")
	w.authority.End(login.RefreshToken, history.ReasonRevoked)
	return nil
}

// Refresh implements engine.Issuer for the refresh that runs. The answer is
// whatever an operation says it is, when it says so.
func (w *world) Refresh(ctx context.Context, _ machine.Issuer, token secret.Token, _ endpoint.Cause) endpoint.Answer {
	r := w.running
	name := token.Reveal()
	if !endpoint.MayPost(ctx) {
		w.reach("an intent grows old before its post")
		return endpoint.Unavailable{}
	}
	switch held := w.store.holds(); {
	case w.isAdmitted(r) != "":
		w.violate("%s posts %s, but %s", r.process.name, name, w.isAdmitted(r))
	case !r.abandoned && r.process.owner.State().Phase != machine.Stale:
		w.violate("%s posts %s in state %s", r.process.name, name, r.process.owner.State().Phase)
	case !r.looked:
		w.violate("%s posts %s without a look at the store, which holds %s", r.process.name, name, w.nameOf(held))
	case !r.reserved:
		w.violate("%s posts %s without room for its successor", r.process.name, name)
	case w.now.Sub(r.intended) > engine.DefaultDeadline:
		w.violate("%s posts %s on an intent that is %v old", r.process.name, name, w.now.Sub(r.intended))
	case !r.mayGoOnWith(r.found):
		w.violate("%s posts %s, but the store held %s", r.process.name, name, w.nameOf(r.found))
	}
	if w.doubts[name] == 1 {
		w.reach("a token in doubt is posted once more")
	}
	r.post = &post{by: r, life: r.process.lives, profile: r.state.Policy.Profile}
	w.posts[name] = append(w.posts[name], r.post)
	r.pause("answer")
	return r.post.answer
}

// nameOf is a credential in words.
func (w *world) nameOf(c *machine.Credential) string {
	if c == nil {
		return "nothing"
	}
	if g := w.authority.Of(*c); g != nil {
		return fmt.Sprintf("%s/%s of %s", g.Access, g.Refresh, g.Family.Account)
	}
	return "the key"
}

// siteStore is the store as one process reaches it.
type siteStore struct {
	*faultyStore
	world   *world
	process *process
}

// Load notes what a refresh sees when it looks again.
func (s siteStore) Load(ctx context.Context) (persist.Record, error) {
	if r := s.world.running; r != nil && r.place == "reread" {
		r.looked, r.found = true, s.world.store.holds()
	}
	return s.faultyStore.Load(ctx)
}

// Reserve notes whether there is room.
func (s siteStore) Reserve(ctx context.Context, c machine.Credential) (release func(), err error) {
	release, err = s.faultyStore.Reserve(ctx, c)
	if r := s.world.running; r != nil {
		r.reserved = err == nil
	}
	return release, err
}

// Lock waits until an operation has let go of it, or of the one that waits.
func (s siteStore) Lock(context.Context) (func(), error) {
	w, r := s.world, s.world.running
	for w.locked != nil && !w.lockless {
		if r.pause("lock wait"); r.impatient {
			return nil, context.DeadlineExceeded
		}
	}
	if w.lockless {
		return func() {}, nil
	}
	w.locked = r
	return func() { w.locked = nil }, nil
}

func (w *world) isQuiet() bool {
	return !slices.ContainsFunc(w.processes, func(p *process) bool { return len(p.refreshes) > 0 })
}
