package simulation

import (
	"context"
	"slices"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
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

// checkStore: a login is stored whole, and it is the last one that was made or
// what became of it.
func (w *world) checkStore() {
	held := w.store.holds()
	defer func() { w.before = held }()
	lineage, _ := w.ledger.Process(99).History(context.Background())
	switch {
	case w.wasOut && held != nil:
		w.violate("a refresh undoes a logout: the store holds %s", w.nameOf(held))
	case w.wasOut && !lineage.LoggedOut && !w.isUnsaid():
		w.violate("the ledger has forgotten a logout")
	case held == nil, held.Method == machine.MethodAPIKey && w.lastWord == keyFamily:
	case !w.authority.IsWhole(*held):
		w.violate("the store mixes logins: it holds %s with the account %s", w.nameOf(held), held.AccountID)
	case w.isRevived(w.authority.Of(*held).Family):
		w.lastWord = w.authority.Of(*held).Family
	case w.lastWord != w.authority.Of(*held).Family:
		w.violate("a refresh undoes a login: the store holds %s", w.nameOf(held))
	}
}

// isRevived: a token set of the same account that lives may take the place of
// one that is known to be dead: what a sister process still holds is worth more
// than a file from a backup.
func (w *world) isRevived(f *propertytest.Family) bool {
	return w.lastWord != nil && f.Account == w.lastWord.Account && f.Dead == "" &&
		w.before != nil && w.mayBePoisoned(nil, *w.before)
}

func (p *process) check() {
	w, s := p.world, p.owner.State()
	held := s.Credential
	w.reach("a process is %s", s.Phase)
	for _, r := range p.refreshes {
		r.abandoned = r.abandoned || s.Attempt != r.state.Attempt
	}
	if held.Method == machine.MethodTokens && !w.authority.IsWhole(held) {
		w.violate("%s mixes logins: %s", p.name, w.nameOf(&held))
	}
	switch {
	case s.Phase == machine.Poisoned && (!s.Token().IsAbsent() || s.Method() == ""):
		w.violate("%s is poisoned and hands out a token, or hides its method", p.name)
	case s.Phase == machine.Poisoned && !w.mayBePoisoned(p, held):
		w.violate("%s is poisoned, and the issuer never refused %s", p.name, w.nameOf(&held))
	case s.Objected && s.Attempt != 0:
		w.violate("%s refreshes %s, and the issuer objects", p.name, w.nameOf(&held))
	case s.Phase == machine.Stale && w.isRefusedTo(p, held):
		w.violate("%s was refused %s for good, and would try again", p.name, w.nameOf(&held))
	case (s.Phase == machine.Fresh || s.Phase == machine.Stale) && s.Token().IsAbsent() && !p.rejected[held.AccessToken.Reveal()]:
		w.violate("%s withholds %s, which was never rejected", p.name, w.nameOf(&held))
	}
	p.checkAssessment()
	p.checkAnswers()
}

// checkAssessment: the assessment is true of the present. A process that stands
// still does nothing by itself.
func (p *process) checkAssessment() {
	w, s := p.world, p.owner.State()
	w.reach("action %s", s.Assess(w.now).Action)
	if wrong := propertytest.WronglyTold(&s, w.now); wrong != "" && !p.isStopped {
		w.violate("%s %s", p.name, wrong)
	}
}

// isRefusedTo reports whether this very process has heard that a token is dead.
func (w *world) isRefusedTo(p *process, c machine.Credential) bool {
	return slices.ContainsFunc(w.posts[c.RefreshToken.Reveal()], func(each *post) bool {
		_, refused := each.answer.(endpoint.Refused)
		isOver := !slices.Contains(p.refreshes, each.by)
		return refused && isOver && each.by.process == p && each.life == p.lives
	})
}

// checkAnswers: each ask is answered once, at the latest when nothing is pending.
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
// memory, in the store or on the way there, or another login has taken its place.
func (w *world) checkRotations() {
	for _, posts := range w.posts {
		for _, each := range posts {
			granted, ok := each.answer.(endpoint.Issued)
			p := each.by.process
			isOver := !slices.Contains(p.refreshes, each.by)
			if !ok || !isOver || each.by.disturbed || p.owner == nil || p.lives != each.life {
				continue
			}
			g := w.authority.Issued[granted.Response.RefreshToken.Reveal()]
			if g.Family.Live == g && g.Family.Dead == "" && g.Family == w.lastWord && !w.isKept(g, p) {
				w.violate("the rotation to %s is lost while %s lives", g.Refresh, p.name)
			}
		}
	}
}

func (w *world) isKept(g *propertytest.Grant, p *process) bool {
	if held := w.store.holds(); held != nil && w.authority.Of(*held) == g {
		return true
	}
	return w.authority.Of(p.owner.State().Credential) == g
}

// checkTaken: a process that has looked uses the login that the user made last, with
// whatever process that was. Another login of its account will do if that one is dead.
func (p *process) checkTaken() {
	w, ours := p.world, p.owner.State().Credential
	held := w.store.holds()
	isSaid := w.lastSaid != nil && w.lastSaid == w.lastWord && !w.isSaidOut
	if held == nil || !isSaid || w.store.faults[loadFails] || w.isSpent(*held) {
		return
	}
	w.reach("a process looks at the login that was made last")
	of := w.familyOf(ours)
	isSpare := of != nil && of.Account == w.lastWord.Account && w.lastWord != keyFamily && w.mayBePoisoned(p, *held)
	if of != w.lastWord && !isSpare {
		w.violate("%s has looked, and goes on with %s: the user has left it", p.name, w.nameOf(&ours))
	}
}

func (w *world) familyOf(c machine.Credential) *propertytest.Family {
	if c.Method == machine.MethodAPIKey {
		return keyFamily
	}
	if g := w.authority.Of(c); g != nil {
		return g.Family
	}
	return nil
}

// isSpent reports whether the issuer gave a successor for the refresh token.
func (w *world) isSpent(c machine.Credential) bool {
	return slices.ContainsFunc(w.posts[c.RefreshToken.Reveal()], func(each *post) bool {
		_, ok := each.answer.(endpoint.Issued)
		return ok
	})
}

// isObjectedTo reports whether the issuer has an objection to a refresh by this process:
// then a person has to act.
func (w *world) isObjectedTo(p *process, c machine.Credential) bool {
	state := p.owner.State()
	isOurs := func(each *post) bool {
		return !each.lifted && each.profile == state.Policy.Profile && propertytest.Objects(each.answer)
	}
	if !slices.ContainsFunc(w.posts[c.RefreshToken.Reveal()], isOurs) {
		return false
	}
	if action := state.Assess(w.now).Action; action != machine.ActionOperator && action != machine.ActionLogin {
		w.violate("%s says %q while the issuer objects to each refresh", p.name, action)
	}
	return true
}

// checkServed: when all is well, a login that lives is served.
func (p *process) checkServed() {
	w, s := p.world, p.owner.State()
	held := w.store.holds()
	isOther := held == nil || !held.Equal(s.Credential)
	isInUse := s.Phase != machine.NoAuth && s.Phase != machine.Poisoned
	if held == nil || held.Method != machine.MethodTokens || isOther && isInUse {
		return
	}
	g := w.authority.Of(*held)
	if s.Assess(w.now).Action == machine.ActionWait {
		w.violate("%s still waits though all is well", p.name)
	}
	lives := g.Family.Dead == "" && g.Family.Live == g && !w.isObjectedTo(p, *held)
	if lives && !w.mayBePoisoned(p, *held) && (s.Token().IsAbsent() || !w.now.Before(s.Expiry)) {
		w.violate("%s serves no good token of %s though all is well", p.name, w.nameOf(held))
	}
}
