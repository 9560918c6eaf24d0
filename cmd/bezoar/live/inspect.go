// Package live shows the live state of an engine to whoever sits at this
// machine: a page that follows it, and figures for Prometheus. It reads and
// decides nothing: what it shows is the snapshot that clients are answered from,
// what a Recorder saw, and the ledger, none of which holds a secret.
//
// There is no interface for observers besides: [engine.Engine.Subscribe] tells of
// transitions, and an [engine.Issuer] around another one, as in [Recorder.Watch],
// sees the posts.
package live

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/protocol/loopback"
)

// Source is whose state is shown: an engine.
type Source interface {
	Snapshot() *machine.State
	Subscribe(changed func(from, to *machine.State))
}

// Words say what a page shows, in the sentences of the program that serves it: a
// page has none of its own for a state, a verdict or an entry of the ledger.
type Words interface {
	// State is what is known of a login, and what to do. entries are the newest of
	// its ledger, the oldest first.
	State(s *machine.State, entries []persist.Entry, now time.Time) (known, toDo string)
	// Story tells entries, the oldest first.
	Story(entries []persist.Entry, now time.Time) []Sentence
	Reason(history.Reason) string
	Cause(machine.Cause) string // "" for none
}

// Sentence tells one entry of a ledger, or several that are alike.
type Sentence struct {
	At   time.Time // of the last one
	Kind persist.Kind
	Text string
}

// Options is what a page is made of. Source, Recorder and Words are required.
type Options struct {
	Source   Source
	Recorder *Recorder
	Words    Words
	Entries  func(context.Context) ([]persist.Entry, error) // of the ledger, the oldest first; nil for no ledger
	Version  string
	Now      func() time.Time // time.Now; its zone is the one that people read
}

// Page is the http.Handler of one engine's state. It answers GET and HEAD, for
// requests that were meant for this machine and know its token.
type Page struct {
	options Options
	token   string
	trail   trail
}

// New makes a page with a token of its own. Serve it, and tell the person its URL.
func New(options Options) *Page {
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Page{
		options: options, token: rand.Text(),
		trail: trail{read: options.Entries, now: options.Now},
	}
}

// URL is where a page is that is served at address. It lets its reader in: show
// it to nobody but the person at this machine.
func (p *Page) URL(address net.Addr) string {
	return "http://" + address.String() + "/" + p.token + "/"
}

// ServeHTTP answers whoever knows the token.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	loopback.Protect(w.Header())
	w.Header().Set("Cross-Origin-Opener-Policy", "same-origin") // the page keeps no window of another site
	name, isKnown := p.named(r.URL.Path)
	if isKnown {
		welcome(r)
	}
	switch {
	case !loopback.Authority(r.Host):
		refuse(w, http.StatusMisdirectedRequest)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed)
	case isKnown && name == "":
		p.servePage(w)
	case isKnown && name == "events":
		p.serveEvents(w, r)
	case isKnown && name == "metrics":
		p.serveMetrics(w)
	default:
		refuse(w, http.StatusNotFound)
	}
}

// named is what follows the token in a path, if that is the right one.
func (p *Page) named(path string) (name string, isKnown bool) {
	token, name, isBelow := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return name, isBelow && subtle.ConstantTimeCompare([]byte(token), []byte(p.token)) == 1
}

// refuse ends the connection as well, for it would hold a place.
func refuse(w http.ResponseWriter, status int) {
	w.Header().Set("Connection", "close")
	http.Error(w, http.StatusText(status), status)
}
