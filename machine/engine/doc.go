// Package engine runs the machine: one goroutine owns the state of one login, takes
// what callers ask in its order, carries out the orders of package machine, and
// publishes snapshots. It decides nothing that the machine could decide.
//
// # What Start begins
//
// [Start] checks its [Options], returns an [*OptionError] for one that is of no use, and
// begins one goroutine. That goroutine looks at the store once and then closes the
// channel of [Engine.Ready]; until then the snapshot says NoAuth. It waits for at most
// two seconds, so that a disk that hangs does not stop a program. Nothing is posted by
// Start: an aged login is refreshed when a caller first asks for it.
//
// A refresh, a revocation and a call of the [Renewer] run on goroutines of their own.
// At most one refresh of a login is in flight. No timer runs while nothing is, unless a
// program calls [Engine.Keep]: a token set ages by the clock that the next ask is compared
// with. Keep is for a program whose clients never ask ahead. It refreshes what is due, and
// looks at the store every second.
//
// # Calls
//
// All methods of [Engine] may be called from any goroutine. Asks, logins and logouts of
// one caller take effect in their order.
//
//   - [Engine.Snapshot] is one atomic load and always returns. [Engine.TryAnswer] also
//     says whether the snapshot is the answer to an ask. It allocates nothing unless it
//     has to compare the stamp of the store, which may take 50 ms. Polls take this path.
//   - [Engine.Ask], [Engine.Status], [Engine.Rejected] and [Engine.RejectedPastFloor]
//     wait if a refresh is needed for the answer: at most until the deadline of its post
//     has struck, and then they answer with what there is. Only a caller that demands a
//     refresh, reports a rejected token, or wants a token while none is good, waits.
//   - [Engine.Look] looks at the store before it gives the snapshot: one stat, unless
//     another program has stored something.
//   - [Engine.Login], [Engine.Logout], [Engine.LogoutLocally] and [Engine.Reload] have
//     taken effect when they return without an error.
//   - Functions that are handed in (the answer of Ask, a subscriber) run on the
//     engine's goroutine. Such a function must not block, and may call Snapshot and
//     TryAnswer only. The Store and the Ledger are called on that goroutine and on others,
//     the [AuthorizationServer] and the Renewer on others only.
//
// # What is durable when
//
// A login is in the store before Login returns, and a logout is in the ledger and the
// record gone before Logout returns. External tokens ([machine.MethodExternal]) that a
// client gave are kept in memory alone. Those that a store holds are published there by
// another program: each ask looks for newer ones, and nothing refreshes them.
//
// A refresh posts a refresh token at most once for each intent, and has eight steps.
// Each may end it before the post; what follows the answer is done whatever ends.
//
//	lock     the store's lock, out of politeness: its loss costs no safety
//	reread   the ledger and then the store: another process may have refreshed already
//	reserve  room for the successor; without it nothing is posted
//	intend   the intent, durable and exclusive: it alone allows one post
//	post     the authorization server is asked
//	save     the new login replaces the one that was read, by compare-and-swap
//	record   the outcome is in the ledger, and the intent is closed
//	unlock   the next process may look
//
// The outcome is reported to the machine after that, and callers after the machine. If
// the disk fails at save, the new tokens are served from memory, the snapshot says
// Unsaved, and the save is tried again when a caller asks, at most every two seconds,
// and at Close. A process that dies between intend and record leaves its intent open: the next one finds the refresh
// token in doubt.
//
// The deadline of a post ([Options].Deadline) ends the waiting of callers, not the post.
// Its answer is heard for [endpoint.HearingLimit] more, and no other post begins meanwhile.
//
// # The end
//
// [Engine.Rest] waits until no caller could be waiting for a refresh, and [Engine.Hear]
// until none is in flight at all. [Engine.Drain] begins the end: no refresh begins any
// more, and one that has begun posts within 250 ms or not at all. [Engine.Close] ends
// all posting at once, waits until what is in flight has ended and is written down, or
// until its context ends, and answers every caller that still waits. After Close, Snapshot
// and Ask give what was published last and other calls return [ErrClosed]. A server
// calls Drain, answers its clients, and then Close; a command calls Rest and Close.
//
// # Observing
//
// [Engine.Subscribe] calls a function after every change of the login or of its health.
// An AuthorizationServer around another one sees each post and each revocation.
// [Options].Log gets one line for each change. [Peek] looks at a home without an engine
// and leaves no trace. None of them hands out a refresh token: a [machine.Snapshot] has
// none.
//
// # Files
//
// engine.go has the calls, keep.go the keeper, goroutines.go what runs beside the owner of
// the state, and internal/owner the owner itself: owner.go from an event to its effects,
// waiting.go the callers, refresh.go how a refresh is started, transaction.go and commit.go
// its steps, look.go what the store holds, account.go logins, logouts and revocations.
// Package enginetest hands the owner to a simulation, which has no goroutine and chooses
// what happens next.
package engine
