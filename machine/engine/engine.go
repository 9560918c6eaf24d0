package engine

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine/internal/owner"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Engine gives many callers one Owner. All methods may be called concurrently.
type Engine struct {
	owner   *owner.Owner            // its goroutine's; others only load the snapshot
	inbox   chan func(*owner.Owner) // what callers want done, in the order they came
	ended   chan func(*owner.Owner) // refreshes and revocations
	closing chan context.Context    // goes before the inbox, where many may wait
	ready   chan struct{}           // closed when the owner has looked
	done    chan struct{}           // closed when the owner has left
	settle  context.CancelFunc      // from now on nothing is posted
}

// Revocation is what came of telling the authorization server that a login has ended
// (RFC 7009).
type Revocation struct {
	Asked bool  // there was something to revoke, and the engine sent it to the authorization server
	Err   error // why the authorization server does not know of it; nil if it knows, or was not asked
}

// ErrClosed reports a call after Close. Start another engine.
var ErrClosed = errors.New("the engine is closed")

// Start makes an engine that looks at the store in the background; until then
// its snapshot says NoAuth. Close it to let go of it.
func Start(options Options) (*Engine, error) {
	if err := options.check(); err != nil {
		return nil, err
	}
	e := &Engine{
		inbox:   make(chan func(*owner.Owner)),
		ended:   make(chan func(*owner.Owner)),
		closing: make(chan context.Context),
		ready:   make(chan struct{}),
		done:    make(chan struct{}),
	}
	lifetime, abandon := context.WithCancel(context.Background())
	posting, settle := context.WithCancel(lifetime)
	e.settle = settle
	e.owner = owner.New(options.inside(), goroutines{e, lifetime, posting})
	go e.run(abandon)
	return e, nil
}

// Ready is closed when the engine has looked at the store for the first time,
// which a store that hangs delays by two seconds at the most.
func (e *Engine) Ready() <-chan struct{} { return e.ready }

// Snapshot is what the engine knows of the login as it was published last: one atomic
// load.
func (e *Engine) Snapshot() machine.Snapshot { return e.owner.Snapshot() }

// Ask takes up what a client wants and calls answer exactly once with the
// snapshot that it leads to: before Ask returns if that is known already, else
// later on the engine's goroutine. It must not block, and may call Snapshot and TryAnswer
// only. After Close the answer is what was published last. Asks, logins and logouts of
// one caller take effect in their order; their answers may overtake each other.
func (e *Engine) Ask(ask machine.Ask, answer func(machine.Snapshot)) {
	if snapshot, isKnown := e.TryAnswer(ask); isKnown {
		answer(snapshot)
		return
	}
	e.Enqueue(ask, answer)
}

// Enqueue is Ask for what TryAnswer does not answer: the engine's goroutine does.
func (e *Engine) Enqueue(ask machine.Ask, answer func(machine.Snapshot)) {
	if e.tell(context.Background(), func(o *owner.Owner) { o.Ask(ask, answer) }) != nil {
		answer(e.Snapshot())
	}
}

// TryAnswer gives the answer that Ask gives before it returns, if there is one. A
// caller that tries this first, and Enqueue then, makes no answer function for each
// poll, which saves an allocation.
func (e *Engine) TryAnswer(ask machine.Ask) (snapshot machine.Snapshot, known bool) {
	return e.owner.TryAnswer(ask)
}

// Status is Ask for a caller that can wait. It returns ctx's error if ctx ends
// first; the refresh that the caller waited for goes on without it. It returns
// [ErrClosed] after Close.
func (e *Engine) Status(ctx context.Context, ask machine.Ask) (machine.Snapshot, error) {
	if e.isClosed() {
		return machine.Snapshot{}, ErrClosed
	}
	if snapshot, isKnown := e.TryAnswer(ask); isKnown {
		return snapshot, nil
	}
	return await(ctx, e, func(o *owner.Owner, answer func(machine.Snapshot)) { o.Ask(ask, answer) })
}

// Rejected reports that a resource server answered 401 to the access token with
// this fingerprint, and waits for what comes of it: if the snapshot holds another
// token, try that once; if it holds none, a login is needed. A token that is no
// longer in use is not refreshed. It returns ctx's error if ctx ends first.
func (e *Engine) Rejected(ctx context.Context, access secret.Fingerprint) (machine.Snapshot, error) {
	return await(ctx, e, func(o *owner.Owner, answer func(machine.Snapshot)) { o.Reject(access, answer) })
}

// RejectedPastFloor is Rejected for a 401 that is believed also in the first seconds
// of a token's life, in which [Engine.Rejected] takes it for the fault of the resource
// server. It is believed once in a row: about a token that came of it, also if another
// caller reported that one, RejectedPastFloor is Rejected. So a resource server that
// refuses everything costs no refresh for each call. Only this engine remembers that.
func (e *Engine) RejectedPastFloor(ctx context.Context, access secret.Fingerprint) (machine.Snapshot, error) {
	return await(ctx, e, func(o *owner.Owner, answer func(machine.Snapshot)) { o.RejectPastFloor(access, answer) })
}

// Login stores a credential and then uses it, in place of whatever is there. A
// refresh in flight goes on, and its answer changes nothing any more. External
// tokens are kept in memory alone. An error means that the login could not be
// stored and that nothing has changed, unless it is a [*persist.UnknownError]: the store
// did not say in time whether it has the login.
func (e *Engine) Login(ctx context.Context, c machine.Credential) error {
	return e.order(ctx, func(o *owner.Owner) error { return o.Login(c) })
}

// Logout removes the stored login and forgets the one in memory, external
// tokens included, and tells the authorization server to revoke it (RFC 7009). An
// error means that the stored login could not be removed and that nothing has changed,
// unless it is a [*persist.UnknownError], as in Login. Without an error, revoked gets
// what came of telling the authorization server, and is closed after that: within ten
// seconds, or when Close returns.
func (e *Engine) Logout(ctx context.Context) (revoked <-chan Revocation, err error) {
	return e.logOut(ctx, false)
}

// LogoutLocally is Logout without telling the authorization server: copies of the
// login stay valid.
func (e *Engine) LogoutLocally(ctx context.Context) error {
	_, err := e.logOut(ctx, true)
	return err
}

func (e *Engine) logOut(ctx context.Context, isLocal bool) (<-chan Revocation, error) {
	revoked := make(chan Revocation, 1)
	err := e.order(ctx, func(o *owner.Owner) error {
		return o.Logout(isLocal, func(asked bool, err error) {
			revoked <- Revocation{asked, err}
			close(revoked)
		})
	})
	return revoked, err
}

// Look looks at the store if its mark has changed, takes what it finds by the machine's
// rules, and returns the snapshot that results. So a login that another program has stored
// is noticed also while the one in use is good. Where nothing has changed it costs one
// stat. It does not look while a refresh is in flight, which looks itself, nor for external
// tokens; and it refreshes nothing: ask for a token for that. It returns ctx's error if ctx
// ends first, and [ErrClosed] after Close.
func (e *Engine) Look(ctx context.Context) (machine.Snapshot, error) {
	if e.isClosed() {
		return machine.Snapshot{}, ErrClosed
	}
	if snapshot, isCurrent := e.owner.TryLook(); isCurrent {
		return snapshot, nil
	}
	return await(ctx, e, func(o *owner.Owner, answer func(machine.Snapshot)) {
		o.LookBetween()
		answer(o.Snapshot())
	})
}

// Reload looks at the store, whether or not it seems to have changed, and
// takes what it finds by the machine's rules.
func (e *Engine) Reload(ctx context.Context) error {
	return e.order(ctx, func(o *owner.Owner) error {
		o.Reload()
		return nil
	})
}

// Subscribe calls changed after every change of the login or of its health,
// with the snapshots before and after, on the engine's goroutine. It must not block, and
// may call Snapshot and TryAnswer only. Subscribe has no effect after Close.
//
// stop ends the subscription. It may be called from anywhere, also by changed itself,
// and more than once; it does not wait. No call of changed begins after stop has
// returned, but one that has begun before may still run.
func (e *Engine) Subscribe(changed func(from, to machine.Snapshot)) (stop func()) {
	s := owner.NewSubscriber(changed)
	_ = e.tell(context.Background(), func(o *owner.Owner) { o.Subscribe(s) })
	return s.Stop
}

// Rest waits until no refresh is in flight that its callers could still wait for, or
// until ctx ends; then its error is returned.
func (e *Engine) Rest(ctx context.Context) error {
	return e.wait(ctx, (*owner.Owner).WhenResting)
}

// Hear waits until no refresh is in flight at all: the answer to one that has posted
// has come and is written down, or is given up for lost [endpoint.HearingLimit] after the
// deadline. It returns ctx's error if ctx ends first.
func (e *Engine) Hear(ctx context.Context) error {
	return e.wait(ctx, (*owner.Owner).WhenHeard)
}

// beginLimit is how long a refresh that was asked for before the end may take to begin
// its post. That is a few files' work, unless another process holds the lock.
const beginLimit = 250 * time.Millisecond

// Drain begins the end: from now on no refresh is begun. One that was begun before may
// still post within a quarter of a second, for its caller is to be answered; one that
// waits for its turn is withheld then. Drain returns when no caller waits any more, or
// when ctx ends: then those who still wait are answered with what there is. Close has
// to follow.
func (e *Engine) Drain(ctx context.Context) {
	if e.tell(ctx, (*owner.Owner).End) != nil {
		e.settle()
	}
	defer time.AfterFunc(beginLimit, e.settle).Stop()
	if e.wait(ctx, (*owner.Owner).WhenUnwaited) != nil {
		_ = e.wait(context.Background(), func(o *owner.Owner, done func()) {
			o.Drain()
			done()
		})
	}
}

// Close ends all posting at once, and waits until the refresh in flight has
// ended and is written down, which its deadline bounds, and the issuer knows of a
// logout, or until ctx ends: then a refresh is left behind with its intent open. Close
// answers every caller that waits and tries once more to save an unsaved credential; the
// engine is gone when Close returns. A store that hangs delays that by four seconds at
// the most.
func (e *Engine) Close(ctx context.Context) {
	e.settle()
	select {
	case e.closing <- ctx:
	case <-e.done:
	}
	<-e.done
}

// run is the owner's life.
func (e *Engine) run(abandon context.CancelFunc) {
	defer close(e.done)
	defer abandon()
	o := e.owner
	o.Look()
	close(e.ready)
	var limit <-chan struct{} // of the wait for what runs; nil until Close is called
	closeBy := func(ctx context.Context) {
		o.Close()
		limit = ctx.Done()
	}
	for !o.IsOver() {
		select {
		case ctx := <-e.closing:
			closeBy(ctx)
			continue
		default:
		}
		select {
		case ctx := <-e.closing:
			closeBy(ctx)
		case do := <-e.inbox:
			do(o)
		case conclude := <-e.ended:
			conclude(o)
		case <-limit:
			o.Abandon()
		}
	}
	o.Leave()
}

// tell puts something to do into the inbox and waits until the owner has taken
// it up, not until it is done. With an error it never will be: [ErrClosed], or
// ctx's.
func (e *Engine) tell(ctx context.Context, do func(*owner.Owner)) error {
	select {
	case e.inbox <- do:
		return nil
	case <-e.done:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// await has the owner do what ends in an answer, and waits for that. The error is
// [ErrClosed] or ctx's.
func await[T any](ctx context.Context, e *Engine, request func(o *owner.Owner, answer func(T))) (answer T, err error) {
	answered := make(chan T, 1)
	err = e.tell(ctx, func(o *owner.Owner) {
		request(o, func(given T) { answered <- given })
	})
	if err != nil {
		return answer, err
	}
	select {
	case answer = <-answered:
		return answer, nil
	case <-ctx.Done():
		return answer, ctx.Err()
	}
}

// wait waits until the owner calls done. The error is that of await.
func (e *Engine) wait(ctx context.Context, when func(o *owner.Owner, done func())) error {
	_, err := await(ctx, e, func(o *owner.Owner, answer func(struct{})) {
		when(o, func() { answer(struct{}{}) })
	})
	return err
}

// order has the owner do something that takes effect before anything that the
// caller asks for afterwards.
func (e *Engine) order(ctx context.Context, do func(*owner.Owner) error) error {
	var isTaken atomic.Bool
	failure, err := await(ctx, e, func(o *owner.Owner, answer func(error)) {
		isTaken.Store(true)
		answer(do(o))
	})
	if err != nil && isTaken.Load() {
		return &persist.UnknownError{Err: err}
	}
	return cmp.Or(err, failure)
}

// isClosed reports whether the owner has left.
func (e *Engine) isClosed() bool {
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}
