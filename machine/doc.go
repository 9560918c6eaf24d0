// Package machine decides: it is the auth state machine, and it is pure. There is
// no clock in it, no goroutine, no lock and no I/O; its driver (package engine)
// brings events and carries out orders.
//
// # States
//
// A login is in one of five states. NoAuth: there is none. ApiKey: a static key.
// Fresh: a token set that has not aged. Stale: a token set that should be
// refreshed. Poisoned: the issuer refused this very refresh token for good.
// Stale alone has arrows to the issuer, so that "a poisoned credential never
// reaches the network" is a property of one table and not a habit of callers.
//
// # A step
//
// [Step] takes a [State] and an [Event] and gives the next State and a list of
// [Effect]s. It works in three moves, each in a file of its own:
//
//  1. trigger.go looks: which name does the table have for this event in this
//     state? All guards are there, and they change nothing.
//  2. table.go moves: the trigger and the state give the next state. The table is
//     data with a reason in each row; looplab/fsm walks it, and STATES.md, the
//     diagrams and the properties are made from it.
//  3. step.go fills in: the data of the next state, and the orders.
//
// An event that the table has no row for is an [*IllegalTransitionError] and
// changes nothing.
//
// # Orders and their order
//
// Effects are carried out as they are listed. What ends in an event comes back
// through Step: there is no other way in, and a failing disk or a conflict is an
// event as well as a good answer is. See [Effect] for what is durable when.
//
// # Time
//
// Every event says when it happened, by the wall clock. Deadlines in a State are
// points in time that are compared with the next event's; nothing counts down.
// So a laptop that slept is treated as one that waited. A deadline further in
// the future than any the machine ever sets comes from a clock that has since
// gone back, and does not hold.
//
// # Verdicts
//
// A [history.Verdict] belongs to bytes: it is filed under a fingerprint of the refresh
// token, its token endpoint and the client, and says nothing about an account, a
// file or a later login. Whatever brings the condemned token back (a reload, a
// login, a backup) meets the verdict again; whatever brings another token does
// not. [State.Preflight] is the second look that a refresh takes, under the
// store's lock, right before it would post.
//
// # To add an event
//
// A struct in event.go that says who observes it; its guards in trigger.go; rows
// in table.go, each with a why; a case in step.go; a sample for the diagram; a
// line in the model of the properties. go test ./... names what is missing.
package machine
