package machine

import (
	"context"
	"errors"
	"fmt"

	"github.com/looplab/fsm"
)

// Trigger is what the table calls an event once the guards have looked at it:
// a loaded credential, for instance, is LoadedFresh or LoadedStale. One trigger
// in one state has one target, so that the table is a function.
type Trigger string

// The triggers, in the order of the table.
const (
	loggedOut              Trigger = "LoggedOut"
	loadedAPIKey           Trigger = "LoadedAPIKey"
	loadedFresh            Trigger = "LoadedFresh"
	loadedStale            Trigger = "LoadedStale"
	loadedRefused          Trigger = "LoadedRefused"
	aged                   Trigger = "Aged"
	refreshDemanded        Trigger = "RefreshDemanded"
	tokenRejected          Trigger = "TokenRejected"
	cannotRefresh          Trigger = "CannotRefresh"
	refreshDue             Trigger = "RefreshDue"
	refreshSucceeded       Trigger = "RefreshSucceeded"
	refreshSucceededAged   Trigger = "RefreshSucceededAged"
	refreshFailedTransient Trigger = "RefreshFailedTransient"
	refreshFailedPermanent Trigger = "RefreshFailedPermanent"
	refreshMisconfigured   Trigger = "RefreshMisconfigured"
	refreshNeedsLogin      Trigger = "RefreshNeedsLogin"
	answerOverdue          Trigger = "AnswerOverdue"
	nothingToDo            Trigger = "NothingToDo"
	lookNeeded             Trigger = "LookNeeded"
	loginKept              Trigger = "LoginKept"
	storeStatusChanged     Trigger = "StoreStatusChanged"
	outcomeLate            Trigger = "OutcomeLate"
	saveDue                Trigger = "SaveDue"
	saveSucceeded          Trigger = "SaveSucceeded"
	saveFailed             Trigger = "SaveFailed"
)

// Row is one or more transitions with the reason they exist.
type Row struct {
	Trigger Trigger
	From    []Phase
	To      Phase
	Why     string
	Quiet   bool // leads back to its state and concerns no refresh: no diagram draws it
}

// Table is the transition table, the one source of the running machine, of
// STATES.md, of the diagrams and of the properties.
func Table() []Row { return table }

var table = concat(
	row(loggedOut, Phases(), NoAuth, "a logout, here or in another process, ends every login"),
	row(loadedAPIKey, Phases(), ApiKey, "a key was loaded or logged in: it never ages and is never refreshed"),
	row(loadedFresh, Phases(), Fresh, "a token set was loaded or logged in, and is not aged; one whose refresh token is condemned serves while its access token is another than the refused one"),
	row(loadedStale, Phases(), Stale, "a token set was loaded that has aged while no process used it"),
	row(loadedRefused, Phases(), Poisoned, "a verdict belongs to the refresh token, wherever it turns up again"),

	row(aged, []Phase{Fresh}, Stale, "the access token is about to expire, or the last refresh is long ago"),
	row(refreshDemanded, []Phase{Fresh}, Stale, "a client wants a new token; a success within the floor would have been its answer"),
	row(tokenRejected, []Phase{Fresh, Stale}, Stale, "a resource server answered 401 to the access token in use"),
	row(cannotRefresh, []Phase{Fresh}, Poisoned, "aged or refused, and there is nothing that may be spent on a new one"),

	row(refreshDue, []Phase{Stale}, Stale, "asked for, none in flight and the backoff is over"),
	row(refreshSucceeded, []Phase{Stale}, Fresh, "the issuer granted a new token set"),
	row(refreshSucceededAged, []Phase{Stale}, Stale, "the issuer granted a token set that has aged on its way here: it lives from the request on and not from the answer on"),
	row(refreshFailedTransient, []Phase{Stale}, Stale, "no verdict: the old token stays in use, and the next attempt waits"),
	row(refreshFailedPermanent, []Phase{Stale}, Poisoned, "this refresh token must not be posted again: the issuer refused it, or it is in doubt for the second time"),
	row(refreshMisconfigured, []Phase{Stale}, Stale, "the issuer does not take the request from this client: no verdict on the token, and no post until the profile or the login is another"),
	row(refreshNeedsLogin, []Phase{Stale}, Stale, "the issuer wants a person: no refresh will do, the token is not condemned, and the access token serves while it lives"),

	row(answerOverdue, []Phase{Stale}, Stale, "the deadline of the post has struck: callers are answered with what there is, the answer is still heard and saved, and no second post begins"),

	stay(nothingToDo, Phases(), "nothing to do: the answer comes from the current state"),
	stay(lookNeeded, []Phase{NoAuth, Stale, Poisoned}, "asked with no token to give, or with one that has to wait for its refresh: another program may have logged in, so look; never at the network"),
	stay(loginKept, Phases(), "the store holds nothing readable, nothing different or another account's login that no user made here: a program may be writing the file"),
	stay(storeStatusChanged, []Phase{NoAuth, Stale}, "why there is no login has changed: the store cannot be read, or can be read again; or the store holds the login in use again"),
	stay(outcomeLate, Phases(), "a refresh ended after a login or a logout had replaced its login"),
	stay(saveDue, []Phase{Fresh, Stale, Poisoned}, "the token set lives in memory alone: try the store again"),
	stay(saveSucceeded, []Phase{Fresh, Stale, Poisoned}, "the unsaved token set is safe now"),
	stay(saveFailed, []Phase{Fresh, Stale, Poisoned}, "the store still cannot take the token set: it stays in memory"),
)

func row(trigger Trigger, from []Phase, to Phase, why string) []Row {
	return []Row{{Trigger: trigger, From: from, To: to, Why: why}}
}

// stay is a quiet row for each state.
func stay(trigger Trigger, phases []Phase, why string) []Row {
	var rows []Row
	for _, phase := range phases {
		rows = append(rows, row(trigger, []Phase{phase}, phase, why)...)
		rows[len(rows)-1].Quiet = true
	}
	return rows
}

func concat(groups ...[]Row) []Row {
	var all []Row
	for _, group := range groups {
		all = append(all, group...)
	}
	return all
}

// rowsOf are the rows of each trigger in looplab/fsm's form.
var rowsOf = func() map[Trigger]fsm.Events {
	rows := map[Trigger]fsm.Events{}
	for _, each := range table {
		sources := make([]string, len(each.From))
		for i, phase := range each.From {
			sources[i] = string(phase)
		}
		rows[each.Trigger] = append(rows[each.Trigger], fsm.EventDesc{Name: string(each.Trigger), Src: sources, Dst: string(each.To)})
	}
	return rows
}()

// advance is the only caller of looplab/fsm. Three of its ways need care: a
// legal loop to the same state is reported as NoTransitionError, a cancelled
// context or a panicking callback would wedge it for good. So there is a new
// one for each step, of the rows that the step is about, without callbacks,
// under a context that is never cancelled.
func advance(from Phase, trigger Trigger) (Phase, error) {
	steps := fsm.NewFSM(string(from), rowsOf[trigger], nil)
	err := steps.Event(context.Background(), string(trigger))
	var loop fsm.NoTransitionError
	if err != nil && !errors.As(err, &loop) {
		return from, &IllegalTransitionError{From: from, Trigger: trigger}
	}
	return Phase(steps.Current()), nil
}

// IllegalTransitionError reports an event that the table has no row for in
// this state. It is a bug where the event was made: the state stays as it
// was, and the engine logs it and goes on.
type IllegalTransitionError struct {
	From    Phase
	Trigger Trigger
}

func (e *IllegalTransitionError) Error() string {
	return fmt.Sprintf("no transition for %s in state %s", e.Trigger, e.From)
}
