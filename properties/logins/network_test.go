package logins

import (
	"context"
	"net"
	"sync"
	"syscall"
)

// loopback is a machine's own network, in memory: a synctest bubble cannot hold
// a real one.
type loopback struct {
	mu    sync.Mutex // guards ports
	ports map[string]*boundPort
}

func newLoopback() *loopback { return &loopback{ports: map[string]*boundPort{}} }

func (l *loopback) listen(address string) (net.Listener, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ports[address] != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Err: syscall.EADDRINUSE}
	}
	bound := &boundPort{loopback: l, address: address, arriving: make(chan net.Conn), closed: make(chan struct{})}
	l.ports[address] = bound
	return bound, nil
}

func (l *loopback) dial(ctx context.Context, address string) (net.Conn, error) {
	l.mu.Lock()
	bound := l.ports[address]
	l.mu.Unlock()
	if bound == nil {
		return nil, errRefused
	}
	here, there := net.Pipe()
	select {
	case bound.arriving <- there:
		return here, nil
	case <-bound.closed:
		return nil, errRefused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

var errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}

// held is how many ports have a listener.
func (l *loopback) held() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.ports)
}

// boundPort is a net.Listener.
type boundPort struct {
	loopback *loopback
	address  string
	arriving chan net.Conn
	once     sync.Once
	closed   chan struct{}
}

func (p *boundPort) Accept() (net.Conn, error) {
	select {
	case conn := <-p.arriving:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *boundPort) Close() error {
	p.once.Do(func() {
		p.loopback.mu.Lock()
		delete(p.loopback.ports, p.address)
		p.loopback.mu.Unlock()
		close(p.closed)
	})
	return nil
}

func (p *boundPort) Addr() net.Addr {
	address, _ := net.ResolveTCPAddr("tcp", p.address) // it is in numbers
	return address
}
