package login

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// host is the only address that a login listens on: no other machine can reach it (RFC 8252
// section 8.3). For localhost it is that of IPv4, which browsers try too.
func (a *Attempt) host() string {
	const ofIPv4, ofIPv6 = "127.0.0.1", "::1"
	if target, err := url.Parse(a.profile.Redirect(0)); err == nil && target.Hostname() == ofIPv6 {
		return ofIPv6
	}
	return ofIPv4
}

// portOf is the port on which a listener listens.
func portOf(listener net.Listener) int {
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	number, _ := strconv.Atoi(port) // a listener has one
	return number
}

// How a login takes a port over, in the numbers of Codex.
const (
	takeOverTries = 10
	takeOverPause = 200 * time.Millisecond
	askLimit      = time.Second // on loopback an answer takes milliseconds
)

// listen takes the first port that is free or that another login gives up.
func (a *Attempt) listen() (net.Listener, error) {
	var err error
	var tried []string
	for _, port := range a.options.Ports {
		address := net.JoinHostPort(a.host(), strconv.Itoa(port))
		var listener net.Listener
		if listener, err = a.takeOver(address); err == nil {
			return newBoundedListener(listener), nil
		}
		if reason := context.Cause(a.ctx); reason != nil {
			return nil, reason
		}
		a.log.Info("no port for the callback", "address", address, "error", err)
		tried = append(tried, address)
		err = &PortError{Address: address, Tried: tried, Err: err}
	}
	return nil, err
}

// takeOver listens on a port. If another login holds it, takeOver asks that one to
// leave, once, and gives it time, as Codex does. It does not wait for a program that
// refuses: that is no login.
func (a *Attempt) takeOver(address string) (net.Listener, error) {
	tries := takeOverTries
	for try := 1; ; try++ {
		listener, err := a.options.Listen(address)
		if err == nil || !addressInUse(err) || try >= tries {
			return listener, err
		}
		if try == 1 && !a.askToLeave(address) {
			tries = 2 // it may have left by itself
		}
		if err := a.sleep(takeOverPause); err != nil {
			return nil, err
		}
	}
}

// askToLeave asks another login to free its port, and reports whether it agrees. The
// program on the port may be any other: only the status of its answer is used.
func (a *Attempt) askToLeave(address string) (leaves bool) {
	ctx, cancel := context.WithTimeout(a.ctx, askLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+pathCancel, nil)
	if err != nil {
		return false
	}
	transport := &http.Transport{ // no proxy, and it follows no redirect
		DialContext:            func(ctx context.Context, _, address string) (net.Conn, error) { return a.options.Dial(ctx, address) },
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: headerLimitBytes,
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// wsaeAddrInUse is EADDRINUSE on Windows, which package syscall does not map. No
// other system uses this number.
const wsaeAddrInUse = syscall.Errno(10048)

func addressInUse(err error) bool {
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, wsaeAddrInUse)
}

// connectionLimit is more than any browser opens, and leaves this program enough file
// descriptors of its own.
const connectionLimit = 128

// boundedListener closes connections beyond connectionLimit at once.
type boundedListener struct {
	net.Listener
	places chan struct{}
}

func newBoundedListener(listener net.Listener) net.Listener {
	return &boundedListener{listener, make(chan struct{}, connectionLimit)}
}

func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.places <- struct{}{}:
			return &placedConn{Conn: conn, leave: sync.OnceFunc(func() { <-l.places })}, nil
		default:
			conn.Close()
		}
	}
}

// placedConn gives its place back when it is closed.
type placedConn struct {
	net.Conn
	leave func()
}

func (c *placedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
