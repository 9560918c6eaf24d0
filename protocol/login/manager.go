// Package login brings a person's login to an end: in a browser on this machine
// (RFC 8252 section 7.3, RFC 7636) or with a code on another device (RFC 8628),
// in the dialect of Codex's issuer. A login that is under way is an [Attempt]. It
// ends once: with a credential that was saved, or with an error whose text is
// Codex's.
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

// Options is what a manager is made of. Issuer and Save are required; every other
// zero value stands for its default.
type Options struct {
	Issuer *oauth.Client

	// Save stores a credential and takes it into use; an error means that nothing
	// has changed. An attempt calls it once or never, on a goroutine of its own.
	// ctx bounds the wait for the disk: no cancellation reaches it. Save must not
	// call the manager.
	Save func(ctx context.Context, credential machine.Credential) error

	Restriction machine.Restriction // which logins may be saved

	// Ports are tried one after another for the browser's callback, 0 for any
	// that is free. Issuers know the default ones and no others: 1455, 1457.
	Ports []int

	Listen func(address string) (net.Listener, error)                  // TCP
	Dial   func(ctx context.Context, address string) (net.Conn, error) // TCP

	Now func() time.Time // time.Now
	Log *slog.Logger     // discarded
}

// Manager serves one login at a time: one that is begun ends the one before it. All
// methods may be called concurrently.
type Manager struct {
	options Options

	mu     sync.Mutex // guards what follows
	latest *Attempt   // the one that was begun last, nil before the first
	closed bool
}

// New makes a manager. It listens to nothing and sends nothing before a login begins.
func New(options Options) *Manager {
	if len(options.Ports) == 0 {
		options.Ports = []int{1455, 1457}
	}
	if options.Listen == nil {
		options.Listen = func(address string) (net.Listener, error) { return net.Listen("tcp4", address) }
	}
	if options.Dial == nil {
		options.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp4", address)
		}
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	options.Log = cmp.Or(options.Log, slog.New(slog.DiscardHandler))
	return &Manager{options: options}
}

// Cancel ends the login with this id and reports whether it was in time. If it
// was, accepted is called before the callers that wait learn of the end, and nothing
// is saved. If it was not, the login is unknown, over, or being saved and stands.
// accepted must not call the manager; nil for none.
func (m *Manager) Cancel(id string, accepted func()) bool {
	latest := m.current()
	return latest != nil && sameID(latest.ID, id) && latest.interrupt(NotCompleted, accepted)
}

// End ends the login that is under way, if there is one, and waits until nothing
// is left of it. When it returns nil, nothing that was begun before is saved any
// more. It returns ctx's error if ctx ends first.
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

// Close is End for the manager's own end: a login that is begun later ends at once.
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

// begin makes an attempt that runs as soon as nothing is left of the one before.
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
