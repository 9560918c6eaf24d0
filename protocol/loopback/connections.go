package loopback

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
)

// Connections are those of a server that may be open at once. Any program of this machine
// can connect, but only one that knows a secret keeps its connection: if there are too
// many, the oldest one that has not shown it is closed. What was hijacked counts no more.
type Connections struct {
	limit int

	mu      sync.Mutex // guards what follows
	unknown []net.Conn // which have not shown the secret, the oldest first
	known   map[net.Conn]bool
}

// NewConnections are at most limit.
func NewConnections(limit int) *Connections {
	return &Connections{limit: limit, known: map[net.Conn]bool{}}
}

// Changed is the ConnState of a server.
func (c *Connections) Changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		c.unknown = append(c.unknown, conn)
		if len(c.unknown)+len(c.known) > c.limit {
			c.unknown[0].Close() // it may be the new one; StateClosed follows
			c.unknown = c.unknown[1:]
		}
	case http.StateClosed, http.StateHijacked:
		delete(c.known, conn)
		c.forget(conn)
	}
}

func (c *Connections) forget(conn net.Conn) {
	c.unknown = slices.DeleteFunc(c.unknown, func(each net.Conn) bool { return each == conn })
}

// keep is for a connection that has shown the secret.
func (c *Connections) keep(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known[conn] = true
	c.forget(conn)
}

type connectionKey struct{}

// InContext is the ConnContext of a server: it lets a request keep its connection.
func (c *Connections) InContext(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, func() { c.keep(conn) })
}

// Keep is for a request that knows the secret.
func Keep(r *http.Request) {
	if keep, ok := r.Context().Value(connectionKey{}).(func()); ok {
		keep()
	}
}
