// Package live shows the state of an app-server's engine to the user of this machine: a
// page that follows it, and metrics for Prometheus. It reads and decides nothing: it
// shows the snapshot that clients are answered from, what its recorder saw, and the
// ledger. None of these holds a secret.
//
// A [Server] observes through the engine's public seams: [engine.Engine.Subscribe]
// reports transitions, and an [engine.AuthorizationServer] around the real one sees the
// posts.
package live

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"embed"
	"encoding/base64"
	"html/template"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/protocol/loopback"
)

// Options is what a page is made of. Source and Words are required.
type Options struct {
	Source  Source
	Words   Words
	Entries func(context.Context) ([]persist.Entry, error) // of the ledger, the oldest first; nil for no ledger
	Backend string                                         // the words that start a child, "" for an app-server without one
	Version string
	Now     func() time.Time // time.Now; its zone is the one that people read
}

// Source is the engine whose state is shown.
type Source interface {
	Snapshot() machine.Snapshot
	Subscribe(changed func(from, to machine.Snapshot)) (stop func())
}

// Words are the sentences of a page. The program that serves it has them already, for
// its commands.
type Words interface {
	// State returns what is known of a login, and what to do. entries are the newest of
	// its ledger, the oldest first.
	State(s machine.Snapshot, entries []persist.Entry, now time.Time) (known, toDo string)
	// Story tells entries, the oldest first.
	Story(entries []persist.Entry, now time.Time) []Sentence
	Reason(history.Reason) string
	Cause(endpoint.Cause) string // "" for none
}

// Sentence tells one entry of a ledger, or several that are alike.
type Sentence struct {
	At   time.Time // of the last one
	Kind persist.Kind
	Text string
}

// page is the http.Handler of one engine's state. It answers GET and HEAD, for
// requests that were meant for this machine and know its token.
type page struct {
	options  Options
	recorder *recorder
	token    string
	ledger   ledgerTail
}

// newPage makes a page with a new token.
func newPage(recorder *recorder, options Options) *page {
	if options.Now == nil {
		options.Now = time.Now
	}
	return &page{
		options: options, recorder: recorder, token: rand.Text(),
		ledger: ledgerTail{read: options.Entries, now: options.Now},
	}
}

// url is where a page is that is served at address. It holds the token: only the user
// of this machine may see it.
func (p *page) url(address net.Addr) string {
	return "http://" + address.String() + "/" + p.token + "/"
}

func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	loopback.Protect(w.Header())
	w.Header().Set("Cross-Origin-Opener-Policy", "same-origin") // the page keeps no window of another site
	name, known := p.nameIn(r.URL.Path)
	if known {
		loopback.Keep(r)
	}
	switch {
	case !loopback.Authority(r.Host):
		refuse(w, http.StatusMisdirectedRequest)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed)
	case known && name == "":
		p.servePage(w)
	case known && name == "events":
		p.serveEvents(w, r)
	case known && name == "metrics":
		p.serveMetrics(w)
	default:
		refuse(w, http.StatusNotFound)
	}
}

// nameIn returns what follows the token in a path; known is false for a wrong token.
func (p *page) nameIn(path string) (name string, known bool) {
	token, name, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return name, ok && subtle.ConstantTimeCompare([]byte(token), []byte(p.token)) == 1
}

// refuse closes the connection as well: only requests that know the token may keep one.
func refuse(w http.ResponseWriter, status int) {
	w.Header().Set("Connection", "close")
	http.Error(w, http.StatusText(status), status)
}

//go:embed page.html page.css page.js
var files embed.FS

// assets are what the page is made with.
type assets struct {
	page   *template.Template
	style  template.CSS
	script template.JS
	policy string // Content-Security-Policy
}

// loadAssets is called for the first page: a program that shows none parses none.
var loadAssets = sync.OnceValue(func() assets {
	style, _ := files.ReadFile("page.css") // they are in the program
	script, _ := files.ReadFile("page.js")
	return assets{
		page:  template.Must(template.ParseFS(files, "page.html")),
		style: template.CSS(style), script: template.JS(script),
		policy: "default-src 'none'; connect-src 'self'; img-src data:; style-src " + hashOf(style) + "; script-src " + hashOf(script) +
			"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}
})

// hashOf lets the policy allow a text that stands in the page itself.
func hashOf(text []byte) string {
	hash := sha256.Sum256(text)
	return "'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'"
}

// servePage serves the page as it is now. Without its script it stays so.
func (p *page) servePage(w http.ResponseWriter) {
	assets := loadAssets()
	var body bytes.Buffer
	err := assets.page.Execute(&body, struct {
		view
		Style  template.CSS
		Script template.JS
	}{p.view(), assets.style, assets.script})
	if err != nil {
		refuse(w, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", assets.policy)
	w.Write(body.Bytes())
}

// regions are the parts of the page that follow the state. Each is a template of
// page.html and the id of the element that it fills. An app-server without a backend has
// no region for one.
var regions = []string{"now", backendRegion, "diagram", "activity", "snapshot", "ledger"}

const backendRegion = "backend"

// tick is how often a page looks for what no event announces: asks, and the ledger's
// entries of other processes. It shows a change of the state at once.
const tick = time.Second

// serveEvents streams the regions that change (server-sent events, WHATWG HTML
// section 9.2): the name of an event is that of a region, its data what fills it.
func (p *page) serveEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	if r.Method == http.MethodHead {
		return
	}
	control := http.NewResponseController(w)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	shown := map[string]string{}
	for {
		news := p.recorder.next() // before the look, so that it misses nothing
		if _, err := w.Write(p.changes(shown)); err != nil || control.Flush() != nil {
			return
		}
		select {
		case <-news:
		case <-ticker.C:
		case <-r.Context().Done():
			return
		}
	}
}

// changes returns the events for what shown does not have as it is now, and puts it
// there.
func (p *page) changes(shown map[string]string) []byte {
	var events bytes.Buffer
	view := p.view()
	for _, region := range regions {
		if region == backendRegion && p.options.Backend == "" {
			continue
		}
		var content strings.Builder
		if loadAssets().page.ExecuteTemplate(&content, region, view) != nil || content.String() == shown[region] {
			continue
		}
		shown[region] = content.String()
		events.WriteString("event: " + region + "\n")
		for text := range strings.SplitSeq(shown[region], "\n") {
			events.WriteString("data: " + text + "\n")
		}
		events.WriteString("\n")
	}
	return events.Bytes()
}
