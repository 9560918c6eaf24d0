// Package jsonrpc is the connection of a stdio app server: one JSON object per
// line in both directions, JSON-RPC without the "jsonrpc" member. It knows no
// method.
//
// Four ideas, a file each:
//
//   - scan.go, message.go: a line is a request, a notification, an answer to
//     a call of ours, or no message. What is no message is logged by its
//     length and dropped; it may hold a secret, so its content is not shown.
//   - conn.go: lines are taken up one after the other, in the order they came.
//   - outbox.go: answers collect while a burst of lines is taken up and leave
//     in one Write. Nobody who answers ever waits for the client; only the
//     reading does, once 4 MiB of answers wait for a client that does not
//     read. So no request is refused, dropped or reordered for load.
//   - call.go: our own requests to the client.
package jsonrpc
