package live

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
)

// places are the connections that may be open at once. Any program of this
// machine can connect, but only one that knows the token keeps its place: if all
// are taken, the stranger who has been there longest makes room.
type places struct {
	limit int

	mu        sync.Mutex // guards what follows
	strangers []net.Conn // which have not shown the token yet, the oldest first
	guests    map[net.Conn]bool
}

func newPlaces(limit int) *places { return &places{limit: limit, guests: map[net.Conn]bool{}} }

// changed is the ConnState of a server.
func (p *places) changed(conn net.Conn, state http.ConnState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch state {
	case http.StateNew:
		p.strangers = append(p.strangers, conn)
		if len(p.strangers)+len(p.guests) > p.limit {
			p.strangers[0].Close() // it may be the new one; its place is free at StateClosed
			p.strangers = p.strangers[1:]

		}
	case http.StateClosed, http.StateHijacked:
		delete(p.guests, conn)
		p.strangers = slices.DeleteFunc(p.strangers, func(each net.Conn) bool { return each == conn })
	}
}

type placeKey struct{}

// seat is the ConnContext of a server: a request can tell that its connection is
// a guest's.
func (p *places) seat(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, placeKey{}, func() { p.welcome(conn) })
}

func (p *places) welcome(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.guests[conn] = true
	p.strangers = slices.DeleteFunc(p.strangers, func(each net.Conn) bool { return each == conn })
}

// welcome gives the connection of a request that knows the token its place.
func welcome(r *http.Request) {
	if keep, ok := r.Context().Value(placeKey{}).(func()); ok {
		keep()
	}
}
