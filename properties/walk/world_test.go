package walk

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
	"github.com/bezoar-auth/bezoar/store/journal"
)

// cosmos is everything there is between two processes, one store with its ledger
// and an issuer, as a value: what can happen next makes new ones and leaves the
// old one as it was. What decides in it is real (machine.Step, State.Preflight,
// journal.Replay); the shell around is mirrored here without goroutine or I/O.
type cosmos struct {
	now       time.Time
	stored    machine.Credential   // the zero one: no login
	before    machine.Credential   // what was stored before the last step, whatever it was
	lineage   history.TokenHistory // what the ledger says
	journal   []persist.Entry
	intents   []intention
	families  []kin // of the issuer; a login is a family of its own
	processes [2]being
	locked    bool // a process holds the store's lock
	lockless  bool // the lock is a no-op

	operations, faults int  // that may still happen
	lastWord           int  // the family whose login was made last on purpose, -1 after a logout
	wasted             bool // an answer or a process was lost: a token may be tried twice
	story              *line
	broken             string
}

// line is what happened last, and what did before it.
type line struct {
	told   string
	before *line
}

// kin is what the issuer knows of one login.
type kin struct {
	live     int  // the generation whose refresh token works
	objected bool // the ledger says that the issuer objects to a refresh of it
	dead     history.Reason
}

// intention is a post that was about to be made.
type intention struct {
	key   secret.Fingerprint
	by    int // the life of a process
	times int
}

// being is one process.
type being struct {
	life  int // the number of its start, over both processes
	state machine.State
	spent []attempt
}

// attempt is one refresh transaction, and the step before which it stands.
type attempt struct {
	state   machine.State
	stage   string
	record  machine.Credential
	doubt   history.Doubt
	answer  endpoint.Answer
	entry   persist.Entry
	next    machine.Credential
	outcome machine.Event
	holds   bool // the lock
}

const accessLife = 30 * time.Minute

func bigBang(operations, faults int, lockless bool) cosmos {
	w := cosmos{now: machinetest.Dawn, operations: operations, faults: faults, lockless: lockless, families: []kin{{}}}
	w.stored = tokensOf(0, 0, w.now)
	for p := range w.processes {
		w.start(p)
	}
	return w
}

// tokensOf is the login of a family in its generation, issued then.
func tokensOf(family, generation int, at time.Time) machine.Credential {
	name := fmt.Sprintf("%d.%d", family, generation)
	return machine.Credential{
		Method: machine.MethodTokens, AccessToken: accessNamed(name, at.Add(accessLife)),
		RefreshToken: secret.New("r" + name), AccountID: "alice", LastRefresh: at,
	}
}

var accessTokens sync.Map // encoding them anew would be half of the time

func accessNamed(name string, expires time.Time) secret.Token {
	id := fmt.Sprint(name, expires.Unix())
	token, made := accessTokens.Load(id)
	if !made {
		token, _ = accessTokens.LoadOrStore(id, machinetest.Expiring(name, expires))
	}
	return token.(secret.Token)
}

// lineOf is the family and the generation of a login.
func lineOf(c machine.Credential) (family, generation int) {
	_, _ = fmt.Sscanf(c.RefreshToken.Reveal(), "r%d.%d", &family, &generation)
	return family, generation
}

func isNone(c machine.Credential) bool { return c.Method == "" }

func (w *cosmos) at() machine.At { return machine.At{Time: w.now} }

func (w *cosmos) violate(format string, args ...any) {
	if w.broken == "" {
		w.broken = fmt.Sprintf(format, args...)
	}
}

// start is a process that begins to live: it looks at the store.
func (w *cosmos) start(p int) {
	life := 1 + max(w.processes[0].life, w.processes[1].life)
	w.processes[p] = being{life: life, state: machine.New(propertytest.Policy)}
	w.look(p, w.lineage.LoggedOut)
}

// step runs an event through the machine and does what it orders.
func (w *cosmos) step(p int, event machine.Event) {
	b := &w.processes[p]
	next, effects, err := machine.Step(b.state, event)
	if err != nil {
		w.violate("%T is illegal in %s", event, b.state.Phase)
		return
	}
	b.state = next
	for _, effect := range effects {
		switch effect := effect.(type) {
		case machine.LookInStore:
			w.look(p, true)
		case machine.SaveAgain:
			w.step(p, w.saving(b.state))
		case machine.Revoke:
			w.revoke(effect.Credential)
		case machine.StartRefresh:
			if next.Phase != machine.Stale {
				w.violate("a refresh starts in %s", next.Phase)
			}
			b.spent = append(slices.Clone(b.spent), attempt{state: b.state, stage: "lock"})
		}
	}
}

// look is the engine's: read, tell the machine, and the ledger of what is adopted.
func (w *cosmos) look(p int, isNews bool) {
	before := w.processes[p].state.Credential
	event := machine.Event(machine.NothingLoaded{At: w.at()})
	switch {
	case !isNone(w.stored):
		event = w.loaded(p)
	case w.lineage.LoggedOut:
		event = machine.LoggedOut{At: w.at()}
	}
	w.step(p, event)
	if isNews {
		w.noteAdopted(p, event, before)
	}
}

func (w *cosmos) loaded(p int) machine.CredentialLoaded {
	return w.processes[p].state.Loaded(w.lineage, w.stored, w.now)
}

func (w *cosmos) noteAdopted(p int, event machine.Event, before machine.Credential) {
	held := w.processes[p].state.Credential
	loaded, ok := event.(machine.CredentialLoaded)
	if ok && !before.Equal(held) && loaded.Credential.Equal(held) && w.stored.Equal(held) {
		w.note(persist.Entry{Kind: persist.Adopted, Method: held.Method, TokenID: keyOf(held)})
	}
}

func keyOf(c machine.Credential) secret.Fingerprint { return propertytest.Policy.TokenID(c) }

// note appends to the ledger. A process that reads it from its beginning must come
// to know the same.
func (w *cosmos) note(e persist.Entry) {
	e.At = w.now
	e = e.By(1, propertytest.Policy.Issuer)
	w.journal = append(slices.Clip(w.journal), e)
	endpoint := propertytest.Policy.Issuer.EndpointID()
	w.lineage = journal.Replay(w.lineage, slices.Values(w.journal[len(w.journal)-1:]), endpoint)
	if again := journal.Replay(history.TokenHistory{}, slices.Values(w.journal), endpoint); nameOfLineage(again) != nameOfLineage(w.lineage) {
		w.violate("the journal alone does not rebuild what is known")
	}
}

func (w *cosmos) revoke(c machine.Credential) {
	family, _ := lineOf(c)
	if stored, _ := lineOf(w.stored); !isNone(w.stored) && stored == family {
		w.violate("the login in the store is revoked")
	}
	w.kill(family, history.ReasonRevoked)
}

func (w *cosmos) kill(family int, reason history.Reason) history.Reason {
	w.families = slices.Clone(w.families)
	if w.families[family].dead == "" {
		w.families[family].dead = reason
	}
	return w.families[family].dead
}

func (w *cosmos) saving(s machine.State) machine.Event {
	switch {
	case isNone(w.stored):
		return machine.SaveFailed{At: w.at(), NotBefore: w.now.Add(time.Second)}
	case !w.stored.Equal(*s.Base):
		displaced := s.Loaded(w.lineage, w.stored, w.now)
		displaced.Displaced = true
		return displaced
	}
	w.stored = s.Credential
	return machine.Saved{At: w.at()}
}

// ask is the engine's Owner.Ask.
func (w *cosmos) ask(p int, ask machine.Ask) {
	b := &w.processes[p]
	before := b.state.Credential
	w.step(p, machine.Asked{At: w.at(), Ask: ask})
	if !ask.Refresh && !b.state.Credential.Equal(before) {
		w.step(p, machine.Asked{At: w.at(), Ask: ask})
	}
}

// login takes a second: two logins of one moment would look the same.
func (w *cosmos) login(p int) {
	w.now = w.now.Add(time.Second)
	w.families = append(slices.Clone(w.families), kin{})
	w.lastWord = len(w.families) - 1
	w.stored = tokensOf(w.lastWord, 0, w.now)
	w.note(persist.Entry{Kind: persist.Login, Method: w.stored.Method, TokenID: keyOf(w.stored)})
	w.step(p, machine.LoggedIn{At: w.at(), Credential: w.stored})
}

func (w *cosmos) logout(p int) {
	removed := w.stored
	w.note(persist.Entry{Kind: persist.Logout, TokenID: keyOf(w.processes[p].state.Credential)})
	w.stored, w.lastWord = machine.Credential{}, -1
	w.step(p, machine.LoggedOut{At: w.at(), Removed: &removed})
}

// crash ends a process wherever it is, and starts it again.
func (w *cosmos) crash(p int) {
	for _, a := range w.processes[p].spent {
		w.locked = w.locked && !a.holds
		w.wasted = w.wasted || slices.ContainsFunc(w.intents, func(i intention) bool { return i.by == w.processes[p].life })
	}
	w.start(p)
}
