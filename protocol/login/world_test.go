package login

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"syscall"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// world has all that a login uses: an issuer, a machine with ports, a browser and a disk.
// Everything is in memory, so that a test may run in a synctest bubble.
type world struct {
	testing require.TestingT
	network *network
	issuer  *issuer.Issuer
	wire    *issuer.Transport // the way to it
	disk    *disk
	log     *lockedBuffer
	manager *Manager
	change  func(*oauth.Options) // of the client of the issuer; nil for none
}

func newWorld(t require.TestingT, change ...func(*Options)) *world {
	return newWorldOf(t, issuer.New(issuer.Options{AutoConsent: true}), nil, change...)
}

// newWorldOf is a world with an issuer, and a client of it, that are not as usual.
func newWorldOf(t require.TestingT, authority *issuer.Issuer, its func(*oauth.Options), change ...func(*Options)) *world {
	w := &world{
		testing: t, network: &network{held: map[string]*port{}}, issuer: authority, wire: authority.Transport(),
		disk: &disk{}, log: &lockedBuffer{}, change: its,
	}
	w.manager = w.anotherManager(change...)
	return w
}

// anotherManager is the manager of another program on the same machine.
func (w *world) anotherManager(change ...func(*Options)) *Manager {
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	its := oauth.Options{Profile: profile.CodexAt(issuerURL), Transport: w.wire, Log: log}
	if w.change != nil {
		w.change(&its)
	}
	options := Options{
		Issuer: oauth.New(its),
		Save:   w.disk.save, Listen: w.network.listen, Dial: w.network.dial, Log: log,
	}
	for _, each := range change {
		each(&options)
	}
	return New(options)
}

const issuerURL = "https://issuer.example"

// started is a browser login that waits for its callback, and the address that
// the issuer's page leads back to.
func (w *world) started() (*Attempt, *url.URL) {
	attempt := w.manager.Browser()
	prompt, err := attempt.Prompt()
	require.NoError(w.testing, err)
	return attempt, w.consent(prompt)
}

// consent is a user who allows the login at the issuer.
func (w *world) consent(prompt Prompt) *url.URL {
	request, err := http.NewRequest(http.MethodGet, prompt.AuthURL, nil)
	require.NoError(w.testing, err)
	response, err := w.wire.RoundTrip(request)
	require.NoError(w.testing, err)
	back, err := response.Location()
	require.NoError(w.testing, err)
	return back
}

// reply is the answer that a browser got.
type reply struct {
	status int
	header http.Header
	body   string
}

// visit is a browser's request, with the members of the query changed as given.
func (w *world) visit(target *url.URL, change ...string) reply {
	changed := *target
	query := changed.Query()
	for i := 0; i < len(change); i += 2 {
		query.Set(change[i], change[i+1])
		if change[i+1] == "" {
			query.Del(change[i])
		}
	}
	changed.RawQuery = query.Encode()
	got, err := w.ask(http.MethodGet, changed.String(), nil)
	require.NoError(w.testing, err)
	return got
}

func (w *world) open(address string) reply {
	got, err := w.ask(http.MethodGet, address, nil)
	require.NoError(w.testing, err)
	return got
}

func (w *world) ask(method, address string, header http.Header) (reply, error) {
	request, err := http.NewRequest(method, address, nil)
	require.NoError(w.testing, err)
	for name := range header {
		request.Header.Set(name, header.Get(name))
	}
	request.Host = header.Get("Host")
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, address string) (net.Conn, error) { return w.network.dial(ctx, address) },
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, string(body)}, err
}

// disk saves logins.
type disk struct {
	mu    sync.Mutex // guards all below
	saved []machine.Credential
	calls int
	err   error
	slow  func() // called before a save is done
}

func (d *disk) save(ctx context.Context, credential machine.Credential) error {
	d.mu.Lock()
	slow := d.slow
	d.calls++
	d.mu.Unlock()
	if slow != nil {
		slow()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := cmp.Or(d.err, ctx.Err()); err != nil {
		return err
	}
	d.saved = append(d.saved, credential)
	return nil
}

// logins are the accounts that were saved.
func (d *disk) logins() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	accounts := []string{}
	for _, each := range d.saved {
		accounts = append(accounts, each.AccountID)
	}
	return accounts
}

// network is the loopback interface.
type network struct {
	mu   sync.Mutex // guards held
	held map[string]*port
}

func (n *network) listen(address string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.held[address] != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Err: syscall.EADDRINUSE}
	}
	p := &port{network: n, address: address, arriving: make(chan net.Conn), closed: make(chan struct{})}
	n.held[address] = p
	return p, nil
}

func (n *network) dial(ctx context.Context, address string) (net.Conn, error) {
	n.mu.Lock()
	p := n.held[address]
	n.mu.Unlock()
	if p == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	client, server := net.Pipe()
	select {
	case p.arriving <- server:
		return client, nil
	case <-p.closed:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// listeners is the number of ports in use.
func (n *network) listeners() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.held)
}

type port struct {
	network  *network
	address  string
	arriving chan net.Conn
	once     sync.Once
	closed   chan struct{}
}

func (p *port) Accept() (net.Conn, error) {
	select {
	case conn := <-p.arriving:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *port) Close() error {
	p.once.Do(func() {
		p.network.mu.Lock()
		defer p.network.mu.Unlock()
		delete(p.network.held, p.address)
		close(p.closed)
	})
	return nil
}

func (p *port) Addr() net.Addr { return portAddress(p.address) }

type portAddress string

func (portAddress) Network() string  { return "tcp" }
func (a portAddress) String() string { return string(a) }

// lockedBuffer collects a log.
type lockedBuffer struct {
	mu     sync.Mutex // guards buffer
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// isOver reports whether an attempt is done.
func isOver(a *Attempt) bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

var errDiskFull = errors.New("no space left on device")

const (
	successAddress = "http://127.0.0.1:1455/success"
	cancelAddress  = "http://127.0.0.1:1455/cancel"
)
