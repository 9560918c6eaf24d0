// Package persist is the contract of everything that a login survives in: the [Store]
// that holds it, which other programs read and write as well, and the [Ledger] that
// remembers what became of its refresh tokens. The engine needs both; the packages under
// store provide them, and the suite of store/storetest holds each one to what is written
// here.
//
// # What keeps a refresh token from being spent twice or lost
//
// Two things, and neither of them is the lock. [Ledger].Intend makes the intent of a
// post exclusively and durably: the process that made it may post, once. [Store].Swap
// replaces the record that was read and no other (compare-and-swap): a late refresh
// never undoes a login. [Store].Lock only keeps polite processes from doing the same
// work twice; a network disk or a stopped process may lose it.
//
// # The order of one refresh
//
//  1. Lock.
//  2. History and then Load. In this order: if the ledger says that a token is spent,
//     its successor is stored by then.
//  3. Reserve room for the successor. Without it nothing is posted.
//  4. Intend. [ErrIntended]: another process posts.
//  5. The post.
//  6. Swap. [ErrConflict]: a login came meanwhile and stays.
//  7. Conclude: the outcome, and then the intent is closed.
//  8. release and unlock.
//
// # Errors
//
//   - [ErrNotFound]: there is no login.
//   - [*UnreadableError]: there is something else than a login. Log it and treat it as
//     no login; a login replaces it.
//   - [*UnavailableError]: the store could not be read. Go on with what is in memory, and
//     never report it as a logout.
//   - [*NotDurableError]: nothing new can be stored. Do not post; the old record is whole.
//   - [*UnknownError]: a write has not ended in time. It may yet take place: look again.
//   - [ErrConflict], [ErrIntended]: another process was first. Read again.
//
// # Looking without a trace
//
// A command that only looks must leave nothing behind. A Store or a Ledger that can say
// so without a try is a [Prober], and it asks a Ledger with PeekDoubt.
package persist
