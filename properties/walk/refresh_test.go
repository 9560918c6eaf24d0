package walk

import (
	"slices"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
)

// advance does the next step of one refresh. how is what the issuer or the disk
// does with it, "" for what they do when all is well.
func (w *cosmos) advance(p, n int, how string) {
	b := &w.processes[p]
	b.spent = slices.Clone(b.spent)
	a := &b.spent[n]
	switch a.stage {
	case "lock":
		a.holds, w.locked, a.stage = true, true, "reread"
	case "reread":
		w.reread(a)
	case "intend":
		w.intend(a, b.life)
	case "post":
		w.post(a, how)
	case "save":
		w.save(a, how == cannotWrite)
	case "record":
		w.record(a, b.life)
	case "report":
		w.report(p, n)
	}
	if w.broken == "" && len(b.spent) > n && b.spent[n].outcome != nil && b.spent[n].answer == nil {
		b.spent[n].stage = "report" // it ends without a post
	}
}

func (w *cosmos) reread(a *attempt) {
	a.record, a.doubt, a.stage = w.stored, w.doubtOn(a), "intend"
	stored := machine.Stored{History: w.lineage, Doubt: a.doubt}
	if !isNone(w.stored) {
		stored.Credential = &a.record
	}
	found := a.record // the event may keep a pointer to it
	if stored.Credential != nil {
		stored.Credential = &found
	}
	a.outcome = a.state.Preflight(stored, w.now)
}

func (w *cosmos) doubtOn(a *attempt) history.Doubt {
	doubt := history.Doubt{}
	for _, each := range w.intents {
		if each.key == keyOf(a.state.Credential) {
			doubt = history.Doubt{Times: each.times, HolderGone: !w.lives(each.by)}
		}
	}
	return doubt
}

func (w *cosmos) lives(life int) bool {
	return w.processes[0].life == life || w.processes[1].life == life
}

func (w *cosmos) intend(a *attempt, life int) {
	c := a.state.Credential
	made := intention{key: keyOf(c), by: life, times: a.doubt.Times + 1}
	isCovered := func(other intention) bool { return other.key == made.key && other.times >= made.times }
	isBarred := w.lineage.VerdictOn(made.key) != nil || w.lineage.Objection(made.key, propertytest.Policy.Profile) != nil
	if slices.ContainsFunc(w.intents, isCovered) || isBarred {
		a.outcome = machine.RefreshFailedTransient{At: w.at(), Attempt: a.state.Attempt, Blocked: evidence.BlockRefreshElsewhere}
		return
	}
	w.intents = append(slices.Clip(w.intents), made)
	a.entry = persist.Entry{Kind: persist.Intended, TokenID: made.key, Access: c.AccessToken.Fingerprint(), Profile: propertytest.Policy.Profile}
	w.note(a.entry)
	a.stage = "post"
}

// post is the issuer, which means it: a second use of a refresh token is theft.
func (w *cosmos) post(a *attempt, how string) {
	family, generation := lineOf(a.state.Credential)
	if verdict := w.lineage.VerdictOn(keyOf(a.state.Credential)); verdict != nil {
		w.violate("r%d.%d is posted, and the ledger says %s", family, generation, verdict.Reason)
	}
	if w.families[family].objected && w.families[family].live == generation {
		w.violate("r%d.%d is posted, and the issuer has objected to it under this profile", family, generation)
	}
	if w.isPosted(a) {
		w.violate("r%d.%d is posted by two at once", family, generation)
	}
	a.stage = "save"
	k := w.families[family]
	switch {
	case how == propertytest.OutOfOrder:
		a.answer = endpoint.Unavailable{}
		return
	case how == propertytest.SaysInvalidClient:
		a.answer = endpoint.Misconfigured{}
		return
	case how == propertytest.SaysExpired:
		a.answer = endpoint.Refused{Reason: w.kill(family, history.ReasonExpired)}
		return
	case k.dead != "":
		a.answer = endpoint.Refused{Reason: k.dead}
		return
	case k.live != generation:
		if !w.wasted {
			w.violate("r%d.%d is used twice, and no answer and no process was lost", family, generation)
		}
		w.kill(family, history.ReasonRevoked)
		a.answer = endpoint.Refused{Reason: history.ReasonReused}
		return
	}
	w.families = slices.Clone(w.families)
	w.families[family].live++
	next := tokensOf(family, generation+1, w.now)
	a.answer = endpoint.Issued{Response: endpoint.TokenResponse{AccessToken: next.AccessToken, RefreshToken: next.RefreshToken}}
	if how == propertytest.Loses {
		w.wasted, a.answer = true, endpoint.Unavailable{Lost: true}
	}
}

// isPosted reports whether the same refresh token has another post without a
// record, by a process that lives.
func (w *cosmos) isPosted(a *attempt) bool {
	posts := 0
	for _, b := range w.processes {
		for _, each := range b.spent {
			isOpen := each.stage == "save" || each.stage == "record"
			if isOpen && each.state.Credential.RefreshToken.Equal(a.state.Credential.RefreshToken) {
				posts++
			}
		}
	}
	return posts > 0
}

func (w *cosmos) save(a *attempt, diskFails bool) {
	a.stage = "record"
	switch answer := a.answer.(type) {
	case endpoint.Issued:
		w.granted(a, answer.Response, diskFails)
	case endpoint.Refused:
		a.entry.Kind, a.entry.Reason = persist.Refused, answer.Reason
		if a.outcome = w.displaced(a, nil); a.outcome == nil {
			a.outcome = machine.RefreshFailedPermanent{At: w.at(), Attempt: a.state.Attempt, Verdict: history.Verdict{
				TokenID: a.entry.TokenID, Access: a.entry.Access, Reason: answer.Reason, At: w.now,
			}}
		}
	case endpoint.Misconfigured:
		a.entry.Kind, a.entry.Objection = persist.Deferred, evidence.BlockMisconfigured
		if a.outcome = w.displaced(a, nil); a.outcome == nil {
			a.outcome = machine.RefreshObjected{At: w.at(), Attempt: a.state.Attempt, Objection: history.Objection{
				TokenID: a.entry.TokenID, Profile: a.entry.Profile, Why: a.entry.Objection, At: w.now,
			}}
		}
	case endpoint.Unavailable:
		a.entry.Kind, a.entry.Lost = persist.Deferred, answer.Lost
		if answer.Lost {
			a.entry.Losses = w.lineage.Losses(a.entry.TokenID) + 1
		}
		a.entry.Failures = w.lineage.Deferral.After(a.state.Failures, false)
		a.entry.NotBefore = propertytest.Policy.NextAttempt(w.now, a.entry.Failures, 0, 0.5)
		a.outcome = machine.RefreshFailedTransient{
			At: w.at(), Attempt: a.state.Attempt, NotBefore: a.entry.NotBefore, Posted: true,
		}
	}
}

func (w *cosmos) granted(a *attempt, grant endpoint.TokenResponse, diskFails bool) {
	a.next = a.state.Credential.Merge(grant, w.now)
	a.entry.Kind = persist.Rotated
	success := machine.RefreshSucceeded{At: w.at(), Attempt: a.state.Attempt, Credential: a.next}
	if !diskFails && w.isOurs(a, w.stored) {
		w.stored = a.next
	} else {
		dropped := a.next
		if a.outcome = w.displaced(a, &dropped); a.outcome != nil {
			return
		}
		base := a.record
		success.Base = &base
	}
	a.entry.NextID = keyOf(a.next)
	a.outcome = success
}

func (w *cosmos) isOurs(a *attempt, stored machine.Credential) bool {
	return stored.Equal(a.record) || stored.Equal(a.state.Credential) || a.state.MayReplace(stored, w.lineage)
}

func (w *cosmos) displaced(a *attempt, dropped *machine.Credential) machine.Event {
	switch {
	case isNone(w.stored) && w.lineage.LoggedOut:
		return machine.LoggedOut{At: w.at(), Attempt: a.state.Attempt, Dropped: dropped}
	case isNone(w.stored):
		return nil
	case w.isOurs(a, w.stored):
		a.record = w.stored
		return nil
	}
	event := a.state.Loaded(w.lineage, w.stored, w.now)
	event.Attempt, event.Dropped = a.state.Attempt, dropped
	return event
}

func (w *cosmos) record(a *attempt, life int) {
	if w.lineage.LoggedOut && !w.stored.Equal(a.next) {
		a.entry.NextID = ""
	}
	w.note(a.entry)
	if a.entry.IsObjection() {
		family, _ := lineOf(a.state.Credential)
		w.families = slices.Clone(w.families)
		w.families[family].objected = true
	}
	isClosed := func(i intention) bool {
		return i.key == a.entry.TokenID && (a.entry.Kind != persist.Deferred || i.by == life && i.times == a.doubt.Times+1)
	}
	w.intents = slices.DeleteFunc(slices.Clone(w.intents), isClosed)
	a.stage = "report"
}

// report gives the lock back and tells the owner.
func (w *cosmos) report(p, n int) {
	b := &w.processes[p]
	a := b.spent[n]
	b.spent = slices.Delete(b.spent, n, n+1)
	w.locked = w.locked && !a.holds
	before := b.state.Credential
	isLate := b.state.Attempt != a.state.Attempt
	w.step(p, a.outcome)
	w.noteAdopted(p, a.outcome, before)
	if isLate && !w.processes[p].state.Credential.Equal(before) {
		w.violate("a refresh that was in flight undoes a login or a logout")
	}
	w.checkKept(p, a)
}
