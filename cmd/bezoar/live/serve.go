package live

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// ErrNotLoopback reports an address that others than this machine could reach.
// Choose another one: 127.0.0.1 with any port, or port 0.
var ErrNotLoopback = errors.New("the live page is for this machine alone: want 127.0.0.1:PORT, with port 0 for any")

// Listen takes a port at an address that only this machine can reach. It returns
// ErrNotLoopback for any other address, and an error of net.Listen if the port
// cannot be had.
func Listen(address string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotLoopback, err)
	}
	if host == "localhost" {
		host = "127.0.0.1" // whatever a hosts file says
	}
	if !net.ParseIP(host).IsLoopback() {
		return nil, ErrNotLoopback
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("listen for the live page: %w", err)
	}
	return listener, nil
}

// The bounds of the server. Any program on this machine may connect, and must not
// keep this one from opening its own files.
const (
	connectionLimit  = 64
	headerLimitBytes = 16 << 10
	headerLimit      = 5 * time.Second
	idleLimit        = time.Minute
	goodbye          = 250 * time.Millisecond
)

// Serve follows the source and answers at listener until ctx ends, and then lets
// everybody go. It returns nil then, and the error of the listener if that ended
// first. It closes the listener.
func (p *Page) Serve(ctx context.Context, listener net.Listener) error {
	places := newPlaces(connectionLimit)
	server := &http.Server{
		Handler: p, BaseContext: func(net.Listener) context.Context { return ctx },
		ConnState: places.changed, ConnContext: places.seat,
		ReadHeaderTimeout: headerLimit, IdleTimeout: idleLimit, MaxHeaderBytes: headerLimitBytes,
	}
	served := make(chan error, 1)
	go func() {
		p.options.Source.Subscribe(p.options.Recorder.changed) // may wait for the engine's first look
		served <- server.Serve(listener)
	}()
	select {
	case err := <-served:
		return fmt.Errorf("serve the live page: %w", err)
	case <-ctx.Done():
	}
	leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	server.Shutdown(leave) // streams end with ctx; who does not is cut off
	server.Close()
	<-served
	return nil
}
