package simulation

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
	"github.com/bezoar-auth/bezoar/store/memory"
)

// The places before which a process may stand still, or die, in a login or a logout.
const (
	beforeStore = "the store"
	beforeEntry = "an entry"
)

// logsIn is a login that a process is asked to store.
type logsIn struct {
	process int
	account string
	life    time.Duration
	halt    string // where the process comes to a standstill in it; "" for nowhere
}

func (o logsIn) do(w *world) string {
	p := w.living(o.process)
	if p == nil {
		return ""
	}
	c := machine.Credential{Method: machine.MethodAPIKey, APIKey: keyToken}
	if o.account != "" {
		c = w.authority.Login(o.account, o.life, w.now).Credential
	}
	return p.speak("a login", " as "+w.nameOf(&c), o.halt, func() error { return p.owner.Login(c) })
}

type logsOut struct {
	process int
	halt    string
}

func (o logsOut) do(w *world) string {
	p := w.living(o.process)
	if p == nil {
		return ""
	}
	return p.speak("a logout", "", o.halt, func() error { return p.owner.Logout(false, func(bool, error) {}) })
}

// saying is a login or a logout as a coroutine, for its process to stand still in it.
type saying struct {
	kind     string
	halt     string // where; "" from then on
	isStored bool   // the store has been changed
	next     func() (struct{}, bool)
	stop     func()
	yield    func(struct{}) bool
	failed   error
}

// speak makes a login or a logout, up to where the process stands still.
func (p *process) speak(kind, whose, halt string, do func() error) string {
	name := kind + whose
	said := &saying{kind: kind, halt: halt}
	said.next, said.stop = iter.Pull(func(yield func(struct{}) bool) {
		defer func() {
			if reason := recover(); reason != nil && reason != (crash{}) {
				panic(reason)
			}
		}()
		said.yield = yield
		said.failed = do()
	})
	p.word = said
	if _, more := said.next(); more {
		p.isStopped = true
		return fmt.Sprintf("%s stands still in %s, before %s", p.name, name, halt)
	}
	p.word = nil
	if said.failed != nil {
		return fmt.Sprintf("%s of %s fails", name, p.name)
	}
	return fmt.Sprintf("%s at %s", name, p.name)
}

// endWord lets what it stands still in come to its end.
func (p *process) endWord() {
	if p.word == nil {
		return
	}
	p.word.next() // it stands still once
	p.word = nil
}

// comesTo is called before each place of a login or a logout.
func (p *process) comesTo(place string) {
	said := p.word
	if said == nil || said.halt != place || p.world.running != nil {
		return
	}
	said.halt = ""
	p.world.reach("stands still before %s, in %s", place, said.kind)
	if !said.yield(struct{}{}) {
		panic(crash{})
	}
}

// isSaid notes that a login or a logout has changed the store.
func (p *process) isSaid(f *propertytest.Family, isOut bool) {
	w := p.world
	w.lastWord, w.wasOut, w.isTorn = f, isOut, false
	if p.word != nil {
		p.word.isStored = true
	}
	w.disturb()
}

// Replace implements persist.Store.
func (s siteStore) Replace(ctx context.Context, c machine.Credential) error {
	s.process.comesTo(beforeStore)
	err := s.faultyStore.Replace(ctx, c)
	if err == nil {
		f := keyFamily
		if g := s.world.authority.Of(c); g != nil {
			f = g.Family
		}
		s.process.isSaid(f, false)
	}
	return err
}

// Delete implements persist.Store.
func (s siteStore) Delete(ctx context.Context) error {
	s.process.comesTo(beforeStore)
	err := s.faultyStore.Delete(ctx)
	if err == nil {
		s.process.isSaid(nil, true)
	}
	return err
}

// siteLedger is the ledger as one process writes it.
type siteLedger struct {
	*memory.Process
	process *process
}

// Append implements persist.Ledger.
func (l siteLedger) Append(ctx context.Context, e persist.Entry) error {
	l.process.comesTo(beforeEntry)
	if w := l.process.world; l.process.word != nil && w.store.faults[loadFails] {
		w.isTorn = true // a logout may have come before it, unseen
	}
	if err := l.Process.Append(ctx, e); err != nil {
		return err
	}
	l.process.world.isNoted(e)
	return nil
}

// isNoted notes what the ledger says of logins and logouts by now. A logout is noted
// before the store is changed, and taken back if that fails.
func (w *world) isNoted(e persist.Entry) {
	switch e.Kind {
	case persist.Login:
		w.lastSaid, w.isSaidOut = w.familyNamed(e.TokenID), false
		w.lift(e.TokenID)
	case persist.Logout:
		w.isSaidOut = true
	case persist.LogoutFailed:
		w.isSaidOut = false
	}
}

// lift notes that a login ends what the issuer had against a refresh token. The login may
// have been stored before that, and its entry comes after it.
func (w *world) lift(id secret.Fingerprint) {
	for name, posts := range w.posts {
		for _, each := range posts {
			each.lifted = each.lifted || each.recorded && propertytest.Policy.TokenID(w.authority.Issued[name].Credential) == id
		}
	}
}

// familyNamed is the family of a token id, that of the key for none.
func (w *world) familyNamed(id secret.Fingerprint) *propertytest.Family {
	for _, g := range w.authority.Issued {
		if propertytest.Policy.TokenID(g.Credential) == id {
			return g.Family
		}
	}
	return keyFamily
}

// isUnsaid reports whether a login or a logout has changed the store, and its last
// entry is still to come, or never will.
func (w *world) isUnsaid() bool {
	for _, p := range w.processes {
		if p.word != nil && p.word.isStored {
			return true
		}
	}
	return w.isTorn
}
