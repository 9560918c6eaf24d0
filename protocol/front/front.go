package front

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/protocol/appserver"
	"github.com/bezoar-auth/bezoar/protocol/front/surface"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// What [jsonrpc.Options].CallPrefix has to be for the two connections: ids that begin so
// belong to this program.
const (
	ClientPrefix = "bezoar-"
	ChildPrefix  = "front/"
)

// FallbackVersion is the version of Codex in the answer to initialize when the child has
// not answered in time and Version is not known.
const FallbackVersion = "0.171.0"

// Options of a [Front]. Client, Child, CloseChild, Server, Engine and Words are required.
type Options struct {
	Client *jsonrpc.Conn // with ClientPrefix
	// Child is the connection to the child, with ChildPrefix and ReadsOn. Serve serves it.
	Child *jsonrpc.Conn
	// CloseChild ends the child's input: a child that is well then ends by itself.
	CloseChild io.Closer

	Server *appserver.Server // of Client, without warnings: the child has its own
	// Account gets the requests that Server answers; Server itself if nil.
	Account jsonrpc.Handler
	Engine  *engine.Engine

	// Surface is asked for each request of a client without experimentalApi, and must not
	// wait: what is known of the child's protocol by now. nil for the built-in table.
	Surface func() *surface.Table
	// Version is the child's if it is remembered, and lets initialize be answered at
	// once; "" waits for the child.
	Version string
	// Known is called with the child's version when it has said it, and must not wait. nil
	// for no interest.
	Known func(version string)
	// Words are for a user who wants a turn and has no login that serves it: what is wrong,
	// and what to do about it. isRefused says that the token looks good and is new, and that
	// the servers refuse it.
	Words func(s machine.Snapshot, isRefused bool) string
	// HowEnded is asked when the child's output has ended: how, and where to read more, for
	// an error message. It may wait for a second. nil, or "", for nothing to add.
	HowEnded func() string
	// RequiresAuth reports whether a model provider needs an OpenAI login; "" is the
	// default one of the configuration. nil: each does.
	RequiresAuth func(provider string) bool

	Log *slog.Logger
	Now func() time.Time // time.Now
	// Observe is called with what happens between bezoar and the child, from any
	// goroutine, and must not wait. nil for no observer.
	Observe func(Event)
}

// Errors of [Front.Serve].
var (
	// ErrChildEnded says that the child's output has ended although the client goes on.
	ErrChildEnded = errors.New("the backend has ended")
	// ErrSignedIn says that the child had a login of its own before it was given one: it
	// would spend refresh tokens by itself.
	ErrSignedIn = errors.New("the backend has a login of its own before it is given one: it does not take cli_auth_credentials_store=\"ephemeral\"")
	// ErrHandshake says that the child did not get as far as taking requests.
	ErrHandshake = errors.New("the backend cannot be used")
)

// Front stands between one client and its child. Make it with [New]. Methods may be called
// from any goroutine.
type Front struct {
	o       Options
	log     *slog.Logger
	account jsonrpc.Handler
	counts  counts

	queue   queue
	pusher  pusher
	holder  holder
	threads threads
	turns   turnCount
	garbage garbage
	reason  atomic.Pointer[string] // why the child's last refresh request brought no token; nil if it did

	isExperimental atomic.Bool // the client asked for experimentalApi
	isMet          bool        // initialize was taken up; of the client's reading goroutine
	welcome        welcome

	ending     context.Context // ends when nothing is to be waited for any more
	endNow     context.CancelFunc
	childGone  chan struct{} // closed when the child's last line has been handled
	clientGone chan struct{} // closed when the client's last line has been handled
	heard      atomic.Uint64 // lines of the client
	isStopped  atomic.Bool
	failed     chan struct{} // closed when the child is of no use, and that is the first reason for the end
	over       chan struct{} // closed when Serve has to return
	overOnce   sync.Once
	err        error // why; valid after over is closed
}

// New makes a front, and has the server's answers about logins pass through it. It reads
// nothing before [Front.Serve].
func New(o Options) *Front {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Account == nil {
		o.Account = o.Server
	}
	f := &Front{
		o: o, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)), account: o.Account,
		childGone: make(chan struct{}), clientGone: make(chan struct{}), over: make(chan struct{}), failed: make(chan struct{}),
	}
	f.ending, f.endNow = context.WithCancel(context.Background())
	f.queue.init(f)
	f.pusher.init(f)
	f.holder.front = f
	o.Server.Hold(f.holder.hold)
	return f
}

// Serve serves both connections until the client's input ends or Stop is called (nil), a
// line of the client cannot be read or written (an error that wraps the cause), or the
// child cannot be used or has ended: [ErrSignedIn], [ErrHandshake], [ErrChildEnded].
// Call it once, and then [Front.End].
func (f *Front) Serve() error {
	stop := f.o.Engine.Subscribe(f.pusher.engineChanged)
	defer stop()
	go f.pusher.run()
	go f.queue.run()
	go func() {
		defer close(f.childGone)
		err := f.o.Child.Serve(childSide{f})
		f.childEnded(err)
	}()
	go func() {
		err := f.o.Client.Serve(clientSide{f})
		close(f.clientGone)
		f.finish(err)
	}()
	<-f.over
	return f.err
}

// Stop makes Serve return nil, whatever client and child do. What waits for a child that
// takes nothing then keeps [Front.End] for a second only.
func (f *Front) Stop() {
	f.isStopped.Store(true)
	f.finish(nil)
}

// stopLimit is how long a front that was stopped waits for the child to take what waits.
const stopLimit = time.Second

// finish makes Serve return. The first reason counts.
func (f *Front) finish(err error) {
	if f.isFirst(err) {
		close(f.over)
	}
}

// isFirst takes a reason for the end, and reports whether there was none. Then the caller
// closes over.
func (f *Front) isFirst(err error) (isFirst bool) {
	f.overOnce.Do(func() { f.err, isFirst = err, true })
	return isFirst
}

// endedByUs is the answer to what a child leaves open that bezoar ends.
const endedByUs = "bezoar has ended, and the backend before its answer"

// fail ends a front whose child is of no use, with why as the error for the client. A
// child that ends because the front is over has not failed.
func (f *Front) fail(err error, why string) {
	if !f.isFirst(err) {
		f.abandon(endedByUs)
		return
	}
	close(f.failed)
	f.observe(Event{Kind: ChildFailed, Detail: err.Error()})
	f.abandon(why)
	go func() {
		f.hearOut()
		close(f.over)
	}()
}

// abandon answers all that is meant for the child, from now on, with why.
func (f *Front) abandon(why string) {
	f.queue.close(why)
	f.welcome.refuse(f, why)
}

// What the client sends in one go may be under way when the child ends.
const (
	lull     = 100 * time.Millisecond // after this long without a line, no more is under way
	hearMost = 2 * time.Second        // of a client that goes on
)

// hearOut waits until the lines that were under way when the child ended are taken up:
// each request has an answer, also one that was sent before the client could know.
func (f *Front) hearOut() {
	limit := time.NewTimer(hearMost)
	defer limit.Stop()
	pause := time.NewTicker(lull)
	defer pause.Stop()
	for before := f.heard.Load(); ; {
		select {
		case <-f.clientGone:
			return
		case <-limit.C:
			return
		case <-pause.C:
			now := f.heard.Load()
			if now == before || f.isStopped.Load() {
				return
			}
			before = now
		}
	}
}

// childEnded answers what the child will answer no more.
func (f *Front) childEnded(err error) {
	why := ErrChildEnded
	if err != nil {
		why = fmt.Errorf("%w: %w", ErrChildEnded, err)
	}
	f.pusher.close()
	f.fail(why, f.howEnded())
}

// howEnded is what is answered to requests that the child has left open.
func (f *Front) howEnded() string {
	why := ErrChildEnded.Error()
	if f.o.HowEnded == nil {
		return why
	}
	if how := f.o.HowEnded(); how != "" {
		why += ": " + how
	}
	return why
}

// End ends the child: what the client has sent is handed on, the child's input is closed,
// and its last lines still reach the client. Then the requests that it left open are
// answered with an error, and what is held for a login is sent. It returns ctx's error if the
// child has not ended by then: kill it. The connections stay open; close the client's.
func (f *Front) End(ctx context.Context) error {
	defer f.endNow()
	f.finish(nil)
	f.handOn(ctx)
	_ = f.o.CloseChild.Close()
	select {
	case <-f.childGone:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-f.childGone:
		return nil
	default:
	}
	f.queue.close(endedByUs)
	return ctx.Err()
}

// handOn waits until the child has been sent everything, or ctx ends.
func (f *Front) handOn(ctx context.Context) {
	if f.isStopped.Load() {
		limited, cancel := context.WithTimeout(ctx, stopLimit)
		defer cancel()
		ctx = limited
	}
	f.queue.drain(ctx)
	_ = f.o.Child.Flush(ctx)
}

// requiresAuth reports whether turns of a provider need an OpenAI login.
func (f *Front) requiresAuth(provider string) bool {
	return f.o.RequiresAuth == nil || f.o.RequiresAuth(provider)
}
