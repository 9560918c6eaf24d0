// Package login runs the interactive logins: the authorization code flow in a
// browser on this machine, with PKCE and a redirect to the loopback interface
// (RFC 6749 section 4.1, RFC 7636, RFC 8252 section 7.3), and device authorization
// with a code that the user enters on another device (RFC 8628), at the issuer of a profile.
//
// A [Manager] runs one login at a time, an [Attempt]. An attempt ends once: with a
// credential that was saved, or with an error, which has the text of Codex. To follow
// one, read manager.go (how it begins), browser.go with callback.go and page.go, or
// device.go, redeem.go (how the code becomes a credential), and attempt.go (the end).
package login

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

// Options configure a [Manager]. Issuer and Save are required; every other zero
// value stands for its default.
type Options struct {
	Issuer *oauth.Client

	// Save stores a credential and takes it into use; after an error nothing has
	// changed. An attempt calls it at most once, on a goroutine of its own. ctx
	// bounds the wait for the store and ends for no other reason. Save must not
	// call the manager.
	Save func(ctx context.Context, credential machine.Credential) error

	Restriction machine.Restriction // which logins may be saved

	// Ports are tried in this order for the redirect of the browser; 0 is any
	// free port. By default they are those of the profile.
	Ports []int

	Listen func(address string) (net.Listener, error)                  // TCP
	Dial   func(ctx context.Context, address string) (net.Conn, error) // TCP

	Now func() time.Time // time.Now
	Log *slog.Logger     // discarded
}

// Manager runs one login at a time: a new login interrupts the one before it. All
// methods may be called concurrently.
type Manager struct {
	options Options

	mu     sync.Mutex // guards what follows
	latest *Attempt   // nil before the first login
	closed bool
}

// New makes a manager. It opens no port and sends nothing before a login begins.
func New(options Options) *Manager {
	if len(options.Ports) == 0 {
		options.Ports = options.Issuer.Profile().Ports()
	}
	if options.Listen == nil {
		options.Listen = func(address string) (net.Listener, error) { return net.Listen("tcp", address) }
	}
	if options.Dial == nil {
		options.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	options.Log = cmp.Or(options.Log, slog.New(slog.DiscardHandler))
	return &Manager{options: options}
}

// Cancel interrupts the login with this id and reports whether it was in time. If it
// was, nothing is saved, and accepted, which may be nil, is called before Wait
// returns. If it was not, the login is unknown, over or being saved, and it stands.
// accepted must not call the manager.
func (m *Manager) Cancel(id string, accepted func()) bool {
	latest := m.current()
	return latest != nil && sameID(latest.ID, id) && latest.interrupt(NotCompleted, accepted)
}

// End interrupts the login under way, if there is one, and waits until its port is
// free and its goroutines have ended. After End has returned nil, no login that began
// before is saved any more. If ctx ends first, End returns ctx's error.
func (m *Manager) End(ctx context.Context) error {
	latest := m.current()
	if latest == nil {
		return nil
	}
	latest.interrupt(NotCompleted, nil)
	select {
	case <-latest.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close is [Manager.End] for good: a login that begins later ends at once.
func (m *Manager) Close(ctx context.Context) error {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	return m.End(ctx)
}

func (m *Manager) current() *Attempt {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.latest
}

// begin interrupts the attempt before, and runs the new one as soon as the port of
// that one is free.
func (m *Manager) begin(kind string, limit time.Duration, late Interruption, run func(*Attempt) error) *Attempt {
	a := newAttempt(m.options, limit, late)
	m.mu.Lock()
	previous, closed := m.latest, m.closed
	m.latest = a
	m.mu.Unlock()
	if closed {
		a.interrupt(NotCompleted, nil)
	}

	if previous != nil {
		previous.interrupt(NotCompleted, nil)
	}
	go func() {
		if previous != nil {
			<-previous.done
		}
		a.log.Info("login begun", "kind", kind)
		a.conclude(run(a))
	}()
	return a
}
