package front

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/appserver"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

const (
	// welcomeLimit is how long the client waits for the child's answer to initialize.
	welcomeLimit = time.Second
	// handshakeLimit is how long the child may take until it has its first login.
	handshakeLimit = 30 * time.Second
)

// welcome is the answer to initialize, which the child gives, or bezoar in its place.
type welcome struct {
	id       atomic.Pointer[jsonrpc.ID] // nil before initialize
	once     sync.Once
	answered chan struct{}
}

// give answers with what answer sends, if nothing has answered.
func (w *welcome) give(answer func(id jsonrpc.ID)) {
	id := w.id.Load()
	if id == nil {
		return
	}
	w.once.Do(func() {
		answer(*id)
		close(w.answered)
	})
}

func (w *welcome) refuse(f *Front, why string) {
	w.give(func(id jsonrpc.ID) {
		f.o.Client.ReplyError(id, &jsonrpc.Error{Code: jsonrpc.CodeInternal, Message: why})
	})
}

// initialize takes up the client and initializes the child. The client's next line is read
// when initialize is answered, so that no answer comes before this one: at once if the
// child's version is known, else when the child has answered or welcomeLimit is over.
func (f clientSide) initialize(r jsonrpc.Request) {
	params, ok := f.o.Server.Meet(r)
	if !ok {
		return
	}
	f.isMet = true
	f.observe(Event{Kind: ClientMet, Detail: params.ClientInfo.Name + " " + params.ClientInfo.Version})
	f.isExperimental.Store(params.Capabilities.ExperimentalAPI)
	f.welcome.answered = make(chan struct{})
	f.welcome.id.Store(&r.ID)
	if f.o.Version != "" {
		f.welcomeAs(f.o.Version)
	}
	late := time.AfterFunc(handshakeLimit, f.tooSlow)
	_, err := f.o.Child.Begin(protocol.Initialize, childParams(r.Params), func(a jsonrpc.Answer) { f.initialized(a, late) })
	if err != nil {
		f.giveUp(fmt.Errorf("%w: %w", ErrHandshake, err))
		return
	}
	wait := time.NewTimer(welcomeLimit)
	defer wait.Stop()
	select {
	case <-f.welcome.answered:
	case <-f.failed:
		f.welcome.refuse(f.Front, ErrChildEnded.Error()) // it ended before it was asked
	case <-f.over:
		f.welcome.refuse(f.Front, ErrChildEnded.Error())
	case <-wait.C:
		f.welcomeAs(FallbackVersion)
	}
}

func (f *Front) welcomeAs(version string) {
	f.welcome.give(func(id jsonrpc.ID) { f.o.Server.Welcome(id, version) })
}

// initialized is called with the child's answer to initialize, on its reading goroutine:
// what the child sends next comes to the client behind it.
func (f *Front) initialized(a jsonrpc.Answer, late *time.Timer) {
	if a.Err != nil {
		late.Stop()
		f.welcome.give(func(id jsonrpc.ID) { f.o.Client.ReplyError(id, a.Err) })
		f.giveUp(fmt.Errorf("%w: it refused initialize: %s", ErrHandshake, a.Err.Message))
		return
	}
	f.learnVersion(a.Result)
	f.welcome.give(func(id jsonrpc.ID) {
		f.o.Client.ReplyRaw(id, a.Result)
		go f.o.Server.Welcomed()
	})
	go func() {
		defer late.Stop()
		f.prepare()
	}()
}

// versionInAgent is the version in a user agent, NAME/VERSION (SYSTEM) and so on. A start
// does not wait for it.
var versionInAgent = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[^(]*/([0-9A-Za-z.+-]+) \(`) })

func (f *Front) learnVersion(result json.RawMessage) {
	var said struct {
		UserAgent string `json:"userAgent"`
	}
	if f.o.Known == nil || json.Unmarshal(result, &said) != nil {
		return
	}
	if found := versionInAgent().FindStringSubmatch(said.UserAgent); found != nil {
		f.o.Known(found[1])
	}
}

// prepare checks that the child has no login of its own, gives it the one that the engine
// has, and lets the queue begin.
func (f *Front) prepare() {
	result, err := f.o.Child.Call(f.ending, protocol.AccountRead, protocol.AccountReadParams{})
	if errors.Is(err, jsonrpc.ErrClosed) {
		return // its end is the reason
	}
	if err != nil {
		f.giveUp(fmt.Errorf("%w: it did not say which account it has: %w", ErrHandshake, err))
		return
	}
	var read struct {
		Account *struct {
			Type string `json:"type"`
		} `json:"account"`
	}
	if err := json.Unmarshal(result, &read); err != nil {
		f.giveUp(fmt.Errorf("%w: it did not say which account it has", ErrHandshake))
		return
	}
	if read.Account != nil && (read.Account.Type == protocol.AccountChatGPT || read.Account.Type == protocol.AccountAPIKey) {
		f.giveUp(ErrSignedIn)
		return
	}
	f.pusher.begin()
	_ = f.pusher.sync(context.Background()) // a refused push is found again by those who need it
	f.observe(Event{Kind: ChildReady})
	f.queue.ready()
}

// tooSlow is called when the child is not ready in time.
func (f *Front) tooSlow() {
	f.giveUp(fmt.Errorf("%w: it was not ready within %v%s", ErrHandshake, handshakeLimit, f.garbage.told()))
}

// giveUp ends a front whose child cannot be used.
func (f *Front) giveUp(err error) { f.fail(err, err.Error()) }

// childParams are the client's params of initialize, as the child gets them: it always
// has experimentalApi, without which it asks for no tokens, and does not report what
// bezoar reports. Other members stay as they are.
func childParams(params json.RawMessage) json.RawMessage {
	return appserver.Outfitted(params, protocol.AccountUpdated, protocol.LoginCompleted)
}
