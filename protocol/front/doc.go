// Package front stands between one client and a real Codex, its child: it routes the lines
// of both, gives the child the login that the engine keeps, and refuses what would give it
// another one. It knows no process and no file: it gets two connections.
//
// # Follow a request of the client
//
//  1. client.go: Request gets a line on the client's reading goroutine, and the table of
//     methods.go says where it goes. What is ours goes to the account server, which never
//     waits for the child. What would give the child a login of its own is refused, and
//     what needs experimentalApi if the client did not ask for it.
//  2. Everything else, unknown methods too, goes into the queue (queue.go), as bytes. It
//     goes on at once if nothing waits, the child is ready, and fewer than a hundred
//     requests are open; else queue.run sends it later.
//  3. Before that, clear (clear.go) waits until the child has the login that the engine has.
//     For a method whose request carries the token it first has the engine look at the store.
//     A turn is refused in the user's words if there is no login that could serve it.
//  4. child.go: Answer gets the child's answer on the child's reading goroutine, and hands it
//     on if the client waits for it. It waits while the client does not read.
//
// # Follow a login
//
//  1. handshake.go: initialize is taken up by the account server, and the child gets a copy
//     with experimentalApi. The child's answer is the client's. Then prepare checks that the
//     child is signed out, gives it the first login, and lets the queue begin.
//  2. pusher.go: whenever the engine has another login than the child, its goroutine gives
//     it to the child, and waits until the child has it.
//  3. hold.go: what the client is sent about a login or a logout waits for that, on a
//     goroutine of its own, and five seconds at the most.
//  4. renew.go: the child's request for another token is a 401 for the one that it has. The
//     engine refreshes it by its rules, and the answer counts as a push.
//  5. explain.go: a turn that fails because there was no other token says why in the user's
//     words.
//
// # Death
//
// When the child's output ends, front.go: childEnded answers all that is open or queued with
// an error, and [Front.Serve] returns. [Front.End] is the orderly end: the child first.
package front
