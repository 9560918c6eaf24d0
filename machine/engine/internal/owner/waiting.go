package owner

import (
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// waiter is a caller whose answer depends on a refresh.
type waiter struct {
	attempt machine.AttemptID
	ask     machine.Ask
	since   time.Time // when it asked
	answer  func(machine.Snapshot)
}

// Ask takes up what a client wants; see Engine.Ask.
func (o *Owner) Ask(ask machine.Ask, answer func(machine.Snapshot)) {
	o.followStore()
	before := &o.published.Load().state
	o.step(machine.Asked{At: o.at(), Ask: ask})
	o.goOn(before)
	o.answer(ask, answer)
}

// Keep takes up that a refresh or a save may be due though no caller asks; see
// Engine.Keep.
func (o *Owner) Keep() {
	if !o.isClosing && !o.isEnding && !o.isDrained {
		o.Ask(machine.Ask{Token: true}, func(machine.Snapshot) {})
	}
}

// Reject takes up a 401 of a resource server; see Engine.Rejected.
func (o *Owner) Reject(access secret.Fingerprint, answer func(machine.Snapshot)) {
	o.reject(machine.TokenRejected{At: o.at(), Access: access}, answer)
}

// RejectPastFloor takes up a 401 that is believed whatever the age of the token, unless
// that came of such a 401 itself; see Engine.RejectedPastFloor.
func (o *Owner) RejectPastFloor(access secret.Fingerprint, answer func(machine.Snapshot)) {
	isBelieved := access != o.cameOfRejection
	o.reject(machine.TokenRejected{At: o.at(), Access: access, PastFloor: isBelieved}, func(after machine.Snapshot) {
		if isBelieved && after.Access() != access {
			o.cameOfRejection = after.Access()
		}
		answer(after)
	})
}

func (o *Owner) reject(refusal machine.TokenRejected, answer func(machine.Snapshot)) {
	o.followStore()
	before := &o.published.Load().state
	o.step(refusal)
	o.goOn(before)
	if o.isResting() || o.isDrained {
		answer(o.Snapshot())
		return
	}
	o.waiters = append(o.waiters, waiter{o.state.Attempt, machine.Ask{Refresh: true}, o.Now(), answer})
}

// goOn refreshes a login that was taken up or granted and has aged as well, or that
// need not wait any longer after a look. What another process stored is the refresh
// that was asked for, so that none follows if it is good.
func (o *Owner) goOn(before *machine.State) {
	isNew := !o.state.Credential.AccessToken.Equal(before.Credential.AccessToken)
	isFree := before.Attempt == 0 && !before.NotBefore.IsZero() && o.state.NotBefore.IsZero()
	isEnding := o.isClosing || o.isDrained
	if !isEnding && o.state.Phase == machine.Stale && o.state.Attempt == 0 && (isNew || isFree) {
		o.step(machine.Asked{At: o.at(), Ask: machine.Ask{Token: true}})
	}
}

// answer answers now, or when the refresh in flight has ended.
func (o *Owner) answer(ask machine.Ask, answer func(machine.Snapshot)) {
	o.await(waiter{ask: ask, since: o.Now(), answer: answer})
}

// await is answer for a caller that may have waited already.
func (o *Owner) await(w waiter) {
	if o.isDrained || !o.state.Waits(w.ask, o.Now()) {
		w.answer(o.Snapshot())
		return
	}
	w.attempt = o.state.Attempt
	o.waiters = append(o.waiters, w)
}

// ReleasePatient answers the callers that have waited for a deadline, be it for another
// process's refresh, for the issuer or for both: what there is is better than waiting on.
func (o *Owner) ReleasePatient() {
	now := o.Now().Round(0)
	o.waiters = slices.DeleteFunc(o.waiters, func(w waiter) bool {
		isPatient := now.Sub(w.since.Round(0)) >= o.Deadline
		if isPatient {
			w.answer(o.Snapshot())
		}
		return isPatient
	})
	if len(o.waiters) == 0 {
		call(&o.unwaited)
	}
}

// relieve answers those whose refresh has ended, unless what it brought has to be
// refreshed too: then they wait for that.
func (o *Owner) relieve(before *machine.State) {
	waiting := o.waiters
	o.waiters = nil
	o.goOn(before)
	for _, each := range waiting {
		o.await(each)
	}
	if len(o.waiters) == 0 {
		call(&o.unwaited)
	}
}

func (o *Owner) answerAll() {
	waiting := o.waiters
	o.waiters = nil
	for _, each := range waiting {
		each.answer(o.Snapshot())
	}
	call(&o.unwaited)
}

// WhenUnwaited calls done as soon as no caller waits.
func (o *Owner) WhenUnwaited(done func()) { when(len(o.waiters) == 0, &o.unwaited, done) }

// WhenResting calls done as soon as no refresh is in flight, or its deadline has struck.
func (o *Owner) WhenResting(done func()) { when(o.isResting(), &o.resting, done) }

func (o *Owner) isResting() bool { return o.state.Attempt == 0 || o.state.Overdue }

// WhenHeard calls done as soon as no refresh is in flight, also none whose deadline has
// struck or whose login has been replaced.
func (o *Owner) WhenHeard(done func()) { when(o.isHeard(), &o.heard, done) }

func (o *Owner) isHeard() bool { return o.running == len(o.revocations) }

// when calls a function now, or puts it into the list that is called later.
func when(now bool, later *[]func(), done func()) {
	if now {
		done()
		return
	}
	*later = append(*later, done)
}

// call calls all functions of a list, and empties it.
func call(list *[]func()) {
	all := *list
	*list = nil
	for _, each := range all {
		each()
	}
}
