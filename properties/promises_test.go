package properties

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
)

// check looks at everything after an operation.
func (w *world) check() {
	w.checkStore()
	for _, p := range w.processes {
		if p.owner != nil {
			p.check()
		}
	}
	w.checkRotations()
}

// checkStore: a login is stored whole, and it is the last one somebody made or
// what became of it.
func (w *world) checkStore() {
	held := w.store.holds()
	defer func() { w.before = held }()
	lineage, _ := w.ledger.Process(99).History(context.Background())
	switch {
	case w.wasOut && held != nil:
		w.violate("a refresh undoes a logout: the store holds %s", w.nameOf(held))
	case w.wasOut && !lineage.LoggedOut && !w.isUnsaid():
		w.violate("the ledger has forgotten that somebody logged out")
	case held == nil, held.Method == machine.MethodAPIKey && w.lastWord == keyFamily:
	case !w.authority.isWhole(*held):
		w.violate("the store mixes logins: it holds %s with the account %s", w.nameOf(held), held.AccountID)
	case w.isRevived(w.authority.of(*held).family):
		w.lastWord = w.authority.of(*held).family
	case w.lastWord != w.authority.of(*held).family:
		w.violate("a refresh undoes a login: the store holds %s", w.nameOf(held))
	}
}

// isRevived: a token set of the same account that lives may take the place of
// one that is known to be dead: what a sister process still holds is worth more
// than a file from a backup.
func (w *world) isRevived(f *family) bool {
	return w.lastWord != nil && f.account == w.lastWord.account && f.dead == "" &&
		w.before != nil && w.mayBePoisoned(nil, *w.before)
}

func (p *process) check() {
	w, s := p.world, p.owner.Snapshot()
	held := s.Credential
	w.reach("a process is %s", s.Phase)
	for _, r := range p.refreshes {
		r.abandoned = r.abandoned || s.Attempt != r.state.Attempt
	}
	if held.Method == machine.MethodChatGPT && !w.authority.isWhole(held) {
		w.violate("%s mixes logins: %s", p.name, w.nameOf(&held))
	}
	switch {
	case s.Phase == machine.Poisoned && (!s.Token().IsAbsent() || s.Method() == ""):
		w.violate("%s is poisoned and hands out a token, or hides its method", p.name)
	case s.Phase == machine.Poisoned && !w.mayBePoisoned(p, held):
		w.violate("%s is poisoned, and nobody refused %s", p.name, w.nameOf(&held))
	case s.Phase == machine.Stale && w.isRefusedTo(p, held):
		w.violate("%s was refused %s for good, and would try again", p.name, w.nameOf(&held))
	case (s.Phase == machine.Fresh || s.Phase == machine.Stale) && s.Token().IsAbsent() && !p.rejected[held.AccessToken.Reveal()]:
		w.violate("%s withholds %s, which nobody rejected", p.name, w.nameOf(&held))
	}
	p.checkAssessment()
	p.checkAnswers()
}

// checkAssessment: what is told of the present is true of it. A process that stands
// still does nothing by itself.
func (p *process) checkAssessment() {
	w, s := p.world, p.owner.Snapshot()
	w.reach("action %s", s.Assess(w.now).Action)
	if wrong := wronglyTold(s, w.now); wrong != "" && !p.isStopped {
		w.violate("%s %s", p.name, wrong)
	}
}

// wronglyTold is what is wrong with what is told of a state, "" for nothing. A wait
// ends by itself at the time that it comes with; what waiting cannot end is a person's;
// what has expired is usable nowhere.
func wronglyTold(s *machine.State, now time.Time) string {
	a := s.Assess(now)
	isHanded := !s.TokenAt(now).IsEmpty()
	inUse := s.Phase == machine.Fresh || s.Phase == machine.Stale || s.Phase == machine.ApiKey
	switch {
	case a.Usable && a.Expired:
		return "calls a token usable that has expired"
	case a.Usable && !isHanded, a.Usable && !inUse:
		return "calls a token usable and hands none out"
	case a.Expired && isHanded && s.Blocked == "" && a.Action == machine.ActionNone:
		return "hands out an expired token, and says that nothing has to be done"
	case a.Action == machine.ActionWait && a.NextAttemptAt.IsZero():
		return "says that waiting is all there is to do, and not how long"
	case a.Action == machine.ActionWait && !changesAt(s, later(a.NextAttemptAt, now)):
		return fmt.Sprintf("says to wait for %v, and nothing changes then", a.NextAttemptAt.Sub(now))
	case a.Action == machine.ActionNone && !a.Usable && !changesAt(s, now):
		return "has no good token, does nothing, and says that nothing has to be done"
	case a.Action != machine.ActionLogin && (s.Phase == machine.Poisoned || s.Phase == machine.NoAuth && s.Blocked == ""):
		return fmt.Sprintf("is %s, and says %q", s.Phase, a.Action)
	}
	return ""
}

// changesAt reports whether something happens by then without a person: a refresh
// is in flight, or the next ask begins one, looks or saves.
func changesAt(s *machine.State, at time.Time) bool {
	_, effects, err := machine.Step(*s, machine.Asked{At: machine.At{Time: at}, Ask: machine.Ask{Token: true}})
	return err == nil && (s.Attempt != 0 || len(effects) > 0)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// isRefusedTo reports whether this very process was told that a token is dead.
func (w *world) isRefusedTo(p *process, c machine.Credential) bool {
	return slices.ContainsFunc(w.posts[c.RefreshToken.Reveal()], func(each *post) bool {
		_, refused := each.answer.(machine.Refused)
		isOver := !slices.Contains(p.refreshes, each.by)
		return refused && isOver && each.by.process == p && each.life == p.lives
	})
}

// checkAnswers: whoever asks is answered once, at the latest when nothing is pending.
func (p *process) checkAnswers() {
	waiting := slices.ContainsFunc(p.refreshes, func(r *refresh) bool { return !r.abandoned })
	for _, q := range p.asks {
		switch {
		case q.answers > 1:
			p.world.violate("%s answers %d times", p.name, q.answers)
		case q.answers == 0 && !waiting:
			p.world.violate("%s does not answer, and nothing is pending", p.name)
		}
	}
	p.asks = slices.DeleteFunc(p.asks, func(q *question) bool { return q.answers == 1 })
}

// checkRotations: what the issuer granted to a process that lives is in its
// memory, in the store or on the way there, or somebody else's login is.
func (w *world) checkRotations() {
	for _, posts := range w.posts {
		for _, each := range posts {
			granted, ok := each.answer.(machine.Issued)
			p := each.by.process
			isOver := !slices.Contains(p.refreshes, each.by)
			if !ok || !isOver || each.by.disturbed || p.owner == nil || p.lives != each.life {
				continue
			}
			g := w.authority.issued[granted.Response.RefreshToken.Reveal()]
			if g.family.live == g && g.family.dead == "" && g.family == w.lastWord && !w.isKept(g, p) {
				w.violate("the rotation to %s is lost while %s lives", g.refresh, p.name)
			}
		}
	}
}

func (w *world) isKept(g *grant, p *process) bool {
	if held := w.store.holds(); held != nil && w.authority.of(*held) == g {
		return true
	}
	return w.authority.of(p.owner.Snapshot().Credential) == g
}

// checkServed: when all is well, a login that lives is served.
func (p *process) checkServed() {
	w, s := p.world, p.owner.Snapshot()
	held := w.store.holds()
	isOther := held == nil || !held.Equal(s.Credential)
	isInUse := s.Phase != machine.NoAuth && s.Phase != machine.Poisoned
	if held == nil || held.Method != machine.MethodChatGPT || isOther && isInUse {
		return
	}
	g := w.authority.of(*held)
	if s.Assess(w.now).Action == machine.ActionWait {
		w.violate("%s still waits though all is well", p.name)
	}
	lives := g.family.dead == "" && g.family.live == g
	if lives && !w.mayBePoisoned(p, *held) && (s.Token().IsAbsent() || !w.now.Before(s.Expiry)) {
		w.violate("%s serves no good token of %s though all is well", p.name, w.nameOf(held))
	}
}
