package simulation

import (
	"fmt"
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
)

// operation is something that happens in a world. It is a value, drawn before
// the world exists, so that a failing history can be cut down at will.
type operation interface {
	// do lets it happen and tells it in a few words, or returns "" if it cannot
	// happen now.
	do(w *world) string
}

// operations are what happens in one run. A failure prints the story it made instead.
type operations []operation

func (h operations) GoString() string { return fmt.Sprintf("%d operations", len(h)) }

func (w *world) process(n int) *process { return w.processes[n%len(w.processes)] }

// living is a process that runs, or nil.
func (w *world) living(n int) *process {
	if p := w.process(n); p.owner != nil && !p.isStopped {
		return p
	}
	return nil
}

type asks struct {
	process int
	ask     machine.Ask
	halt    string
}

func (o asks) do(w *world) string {
	if p := w.process(o.process); p.isStopped {
		p.asleep = append(p.asleep, o.ask)
		return fmt.Sprintf("client of %s asks, and %s stands still", p.name, p.name)
	}
	p := w.living(o.process)
	if p == nil {
		return ""
	}
	p.ask(o.ask)
	p.begin(o.halt)
	wanted := "asks who is logged in"
	switch {
	case o.ask.Refresh:
		wanted = "demands a refresh"
	case o.ask.Token:
		wanted = "asks for the token"
	}
	return fmt.Sprintf("client of %s %s%s", p.name, wanted, p.standing())
}

// standing says where refreshes of the process stand.
func (p *process) standing() string {
	told := ""
	for _, r := range p.refreshes {
		switch r.place {
		case "answer":
			told += fmt.Sprintf("; %s is posted", r.state.Credential.RefreshToken.Reveal())
		case "lock wait":
			told += "; its refresh waits for the lock"
		default:
			told += fmt.Sprintf("; its refresh stands before %q", r.place)
		}
	}
	return told
}

type isRejected struct {
	process int
	halt    string
}

func (o isRejected) do(w *world) string {
	p := w.living(o.process)
	if p == nil || p.owner.State().Token().IsAbsent() {
		return ""
	}
	held := p.owner.State().Credential
	name := w.nameOf(&held)
	p.reject()
	p.begin(o.halt)
	return fmt.Sprintf("a resource server refuses %s of %s%s", name, p.name, p.standing())
}

// answers is what the issuer does with the refresh that waits for it.
type answers struct {
	process int
	how     string
	halt    string
}

func (o answers) do(w *world) string {
	p := w.process(o.process)
	r := p.waitingAt(func(place string) bool { return place == "answer" })
	if r == nil || r.post.answer != nil {
		return ""
	}
	token := r.state.Credential.RefreshToken
	w.reach("the issuer %s", o.how)
	r.post.answer = w.authority.Answer(o.how, token, w.now)
	if p.isStopped {
		return fmt.Sprintf("the issuer gets %s from %s and %s: the answer lies in its socket", token.Reveal(), p.name, o.how)
	}
	r.goOn(o.halt)
	return fmt.Sprintf("the issuer gets %s from %s and %s: %s%s", token.Reveal(), p.name, o.how, outcome(r.post.answer, w), p.standing())
}

// strikes is the deadline of a post, which ends the waiting of the clients and not
// the refresh.
type strikes struct{ process int }

func (o strikes) do(w *world) string {
	p := w.living(o.process)
	if p == nil {
		return ""
	}
	r := p.waitingAt(func(place string) bool { return place == "answer" })
	if r == nil || r.overdue == nil {
		return ""
	}
	overdue := r.overdue
	r.overdue = nil
	w.now = w.now.Add(engine.DefaultDeadline)
	w.reach("a deadline strikes")
	overdue()
	for _, q := range p.asks {
		if !r.abandoned && p.owner.State().Attempt == r.state.Attempt && q.answers != 1 {
			w.violate("a client of %s waits longer than the deadline", p.name)
		}
	}
	return fmt.Sprintf("the deadline of %s strikes%s", p.name, p.standing())
}

func outcome(a endpoint.Answer, w *world) string {
	switch a := a.(type) {
	case endpoint.Issued:
		return "grants " + a.Response.RefreshToken.Reveal()
	case endpoint.Refused:
		return string(a.Reason)
	case endpoint.Misconfigured, endpoint.LoginNeeded:
		return "it objects"
	}
	return "no verdict"
}

// goesOn moves a refresh that stands before a step or waits for the lock.
type goesOn struct {
	process   int
	halt      string
	impatient bool
}

func (o goesOn) do(w *world) string {
	p := w.living(o.process)
	if p == nil {
		return ""
	}
	r := p.waitingAt(func(place string) bool { return place != "answer" })
	if r == nil || r.place == "lock wait" && w.locked != nil && !o.impatient {
		return ""
	}
	how := "goes on"
	if r.place == "lock wait" && o.impatient {
		r.impatient, how = true, "gives up waiting for the lock"
	}
	r.goOn(o.halt)
	return fmt.Sprintf("the refresh of %s %s%s", p.name, how, p.standing())
}

// edits is another program at the stored login.
type edits struct {
	how  string
	life time.Duration
}

// The things other programs do.
const (
	switchesAccount = "signs in to another account"
	signsInAgain    = "signs in again"
	rewrites        = "writes the same login again"
	removes         = "removes the login"
	spoils          = "writes garbage"
)

var allEdits = []string{switchesAccount, signsInAgain, rewrites, removes, spoils}

func (o edits) do(w *world) string {
	held := w.store.holds()
	switch o.how {
	case removes:
		w.store.remove()
		w.lastWord = nil
	case spoils:
		w.store.spoil()
		w.lastWord, w.wasOut = nil, false
	case rewrites:
		if held == nil {
			return ""
		}
		w.store.write(*held)
	default:
		account := "alice"
		if o.how == switchesAccount {
			account = "bob"
		}
		g := w.authority.Login(account, o.life, w.now)
		w.store.write(g.Credential)
		w.lastWord, w.wasOut = g.Family, false
		w.disturb()
	}
	return fmt.Sprintf("another program %s: the store holds %s", o.how, w.nameOf(w.store.holds()))
}

type timePasses struct{ long time.Duration }

func (o timePasses) do(w *world) string {
	w.now = w.now.Add(o.long)
	return fmt.Sprintf("%v pass", o.long)
}

// stands stops a process, or lets it go on. What came for it meanwhile it finds all
// at once, in either order: timers that should have struck, and what lies in its
// sockets.
type stands struct {
	process     int
	timersFirst bool
	halt        string
}

func (o stands) do(w *world) string {
	p := w.process(o.process)
	switch {
	case p.owner == nil:
		return ""
	case !p.isStopped:
		p.isStopped = true
		for _, r := range p.refreshes {
			w.reach("stopped before %q", r.place)
		}
		return p.name + " stands still" + p.standing()
	}
	p.wake(o.timersFirst, o.halt)
	return p.name + " goes on" + p.standing()
}

// wake lets a process that stands still go on.
func (p *process) wake(timersFirst bool, halt string) {
	p.isStopped = false
	p.endWord()
	strike := func() {
		for _, r := range p.refreshes {
			if overdue := r.overdue; overdue != nil && p.world.now.Sub(r.intended) >= engine.DefaultDeadline {
				r.overdue = nil
				overdue()
			}
		}
	}
	if timersFirst {
		strike()
	}
	for _, r := range slices.Clone(p.refreshes) {
		if r.place == "answer" && r.post.answer != nil {
			p.world.reach("an answer is heard that came while the process stood still")
			r.goOn(halt)
		}
	}
	if !timersFirst {
		strike()
	}
	asked := p.asleep
	p.asleep = nil
	for _, ask := range asked {
		p.ask(ask)
		p.begin(halt)
	}
}

// isKilled ends a process, or starts it again if it is dead.
type isKilled struct{ process int }

func (o isKilled) do(w *world) string {
	p := w.process(o.process)
	if p.owner == nil {
		p.start()
		return p.name + " is started again"
	}
	told := p.name + " is killed" + p.standing()
	p.crash()
	return told
}

// mends is a person who changes the profile: a process that starts has the new one.
type mends struct{ back bool }

func (o mends) do(w *world) string {
	w.profile++
	if o.back {
		w.profile = 0
	}
	return fmt.Sprintf("the profile is number %d", w.profile)
}

type reloads struct{ process int }

func (o reloads) do(w *world) string {
	p := w.living(o.process)
	if p == nil {
		return ""
	}
	p.owner.Reload()
	p.checkTaken()
	return p.name + " looks at the store"
}

type breaks struct{ fault fault }

func (o breaks) do(w *world) string {
	w.store.faults[o.fault] = !w.store.faults[o.fault]
	if !w.store.faults[o.fault] {
		return fmt.Sprintf("the store is well again: no longer %q", o.fault)
	}
	return fmt.Sprintf("the store %s", o.fault)
}

var (
	keyToken  = secret.New("key")
	keyFamily = &propertytest.Family{}
)
