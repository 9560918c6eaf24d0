// Package mcp stands between a client of the Model Context Protocol that speaks over
// standard input and output, and a server that speaks Streamable HTTP and wants a bearer
// token. Each message passes as bytes; what is added is what the other side of HTTP needs:
// the token, the session, the version.
//
// It is read in this order:
//
//   - proxy.go has the [Proxy]: the client's side, and the end;
//   - message.go is what a message of the client says about its own request;
//   - carry.go takes one message to the server and its answer back: a 401 costs one more
//     token and one more try, an ended session one more beginning, and never more;
//   - meaning.go says what an answer of HTTP means, and fault.go what the client is sent
//     in place of an answer that does not come;
//   - session.go is what both have agreed on;
//   - stream.go follows a stream of events through broken connections, events.go reads it,
//     and listen.go has the stream on which a server speaks by itself;
//   - params.go are the headers that a tool wants its arguments in;
//   - turns.go keeps the client's messages in their order on the way.
//
// The revisions 2025-03-26 to 2025-11-25 begin with initialize, and have sessions, a stream
// for what the server says by itself, and streams that can be resumed. In 2026-07-28 each
// request says its version, and these things are gone. A client of either kind is served as
// it speaks; nothing is translated between the two.
//
// The token goes to one address. No redirect is followed, for it could lead elsewhere.
package mcp
