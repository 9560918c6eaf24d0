// Package machine decides what happens to a login. It is the auth state machine, and it
// is pure: no clock, no goroutine, no lock, no I/O. A driver tells it what happened
// ([Event]), and it answers with the next [State] and the orders to carry out ([Effect]).
// Package machine/engine is the driver of the program; tests and the simulation under
// properties are others.
//
// # States
//
// The [Phase] of a login is one of five:
//
//	NoAuth    there is no login
//	ApiKey    a static key, which never ages
//	Fresh     a token set that has not aged
//	Stale     a token set that should be refreshed
//	Poisoned  the refresh token must not be posted: refused for good, already spent,
//	          in doubt twice, or missing
//
// Only a step that ends in Stale orders a refresh. That a poisoned login causes no
// request is therefore a property of one table, [Table], and not a habit of callers.
// STATES.md shows the table with its reasons; it is written by running [Step] in each
// row.
//
// # The loop
//
// A driver keeps one State and does this for each event, one event after the other:
//
//	state := machine.New(policy)
//	for event := range events {
//		next, effects, err := machine.Step(state, event)
//		if err != nil {
//			log.Error("bug", "error", err) // the state has not changed; go on
//			continue
//		}
//		state = next
//		for _, effect := range effects {
//			switch effect := effect.(type) {
//			case machine.Publish:
//				publish(state.Snapshot())
//			case machine.Notify:
//				notify(state.Snapshot())
//			case machine.LookInStore:
//				enqueue(look()) // CredentialLoaded, NothingLoaded or LoggedOut
//			case machine.StartRefresh:
//				go func() { enqueue(refresh(state, effect.Attempt)) }()
//			case machine.SaveAgain:
//				enqueue(save()) // Saved, SaveFailed or CredentialLoaded
//			case machine.Revoke:
//				go revoke(effect.Credential) // ends in no event
//			}
//		}
//	}
//
// There is no other way in. A full disk, a login by another program, an issuer that is
// away: each comes back as an event.
//
// # What the driver owes
//
//   - Effects are carried out in the order of the slice. A look or a save may be stepped
//     as soon as it has ended.
//   - Publish: the new state is what every reader sees from now on.
//   - Notify: tell the subscribers. It comes right after a Publish, and only if a
//     subscriber would see a difference.
//   - LookInStore: read the store and the ledger. Build the event with [State.Loaded].
//   - StartRefresh: run one refresh transaction; see below. It ends in exactly one event
//     with its Attempt: [RefreshSucceeded], [RefreshFailedTransient],
//     [RefreshFailedPermanent], [RefreshObjected], [CredentialLoaded] or [LoggedOut]. An
//     [AnswerOverdue] may come before it.
//   - SaveAgain: try to store the login that is in memory alone.
//   - Revoke: tell the issuer that a login has ended. Nothing depends on the answer.
//   - What a login or a verdict must survive is durable before its event: a login is
//     stored first and then reported with [LoggedIn]; a refresh reports only what its
//     transaction has written down.
//   - Each event carries the time of the wall clock. Times need not increase: clocks are
//     set back.
//
// A driver may read a State at any time and from any goroutine: it is a value. It must
// not change one, and must not hand one out that holds a refresh token; [State.Snapshot]
// is what others may see.
//
// # A refresh
//
// The transaction takes the store's lock, reads the store and the ledger again, and asks
// [State.Preflight] whether the refresh is still needed and allowed. An event as its
// answer ends the refresh without a post; nil means: post. Before the post, an intent is
// written to the ledger. The issuer's answer (package machine/endpoint) goes through
// [State.Judge], which finds out a stale answer from a cache. What it means is saved and
// written down, the intent is closed, and then the event is reported.
//
// Two rules bound what a lost answer costs: one more post, and that only when the access
// token is of no use. First, [Policy.TokenID] names a refresh token together with its
// endpoint and client; verdicts, intents and losses are filed under it (package
// machine/history), so that a token that comes back from a backup meets its verdict
// again, and a verdict never touches another login. Second, a post without an outcome
// puts the token in doubt: it is posted once more when the access token is of no use,
// and never a third time.
//
// Some answers are no verdict, and yet the same post gets the same answer: the issuer does
// not take the request from this client (misconfigured), or wants a person (login needed).
// Then no refresh starts until the login or [Policy].Profile is another, and the access
// token serves while it lives. The ledger has it for all processes ([history.Objection]).
//
// # An ask
//
// [State.AnswersAtOnce] says whether an ask changes nothing and can be answered from the
// snapshot. Else it becomes an [Asked] event. After its effects, [State.Waits] says
// whether the caller waits for the refresh in flight: there is at most one, and all
// callers share it. A caller is given [State.TokenAt]; how the login fares, and what the
// user or the administrator has to do, is [State.Assess].
//
// # Time
//
// A deadline in a State is a point in time that is compared with the time of the next
// event; nothing counts down. A laptop that slept is treated as one that waited. A
// deadline further away than the machine ever sets comes from a clock that has since
// gone back, and does not hold.
//
// # Where to read
//
// step.go is the whole of Step. Each event has a method move: it names the event in the
// words of the table and gives the next state's data and the orders. The table gives the
// next phase, or has no row, and then nothing has happened. The moves of one story stand
// in one file, with their guards:
//
//	asked.go      a client asks, or reports a rejected token: is a refresh due, and may it start?
//	preflight.go  under the store's lock, before the post: is it still needed, and allowed?
//	refresh.go    the issuer answered, or did not; how long to wait
//	login.go      a login, a logout, and what a look at the store found; what to revoke
//	aging.go      when a token set expires and is due
//	assess.go     how the login fares, and who has to act
//
// .github/CONTRIBUTING.md says how to add an event.
package machine
