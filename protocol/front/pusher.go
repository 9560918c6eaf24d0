package front

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// mode is the kind of a login that the child has.
type mode int

const (
	signedOut mode = iota
	withKey
	withTokens
)

// given is a login that the child was given. Two are equal (==) if they are the same.
type given struct {
	mode      mode
	access    secret.Fingerprint
	accountID string
	plan      string
}

// wanted is what the child should have. keeps is true if it should keep what it has: there
// is no token that may be used now, and what the child has is of the same login. The caller
// holds mu.
func (p *pusher) wanted(s machine.Snapshot) (g given, token secret.Token, keeps bool) {
	g, token = givenBy(s, p.front.o.Now())
	if g.mode == signedOut || !token.IsAbsent() {
		return g, token, false
	}
	if p.has.mode == g.mode && p.has.accountID == g.accountID && p.hasSince == p.logins.Load() {
		return g, token, true
	}
	return given{}, secret.Token{}, false
}

// givenBy is the login of a snapshot. The token is absent if none may be used at the time.
func givenBy(s machine.Snapshot, at time.Time) (g given, token secret.Token) {
	switch s.LoginMethod() {
	case "":
		return given{}, secret.Token{}
	case machine.MethodAPIKey:
		return given{mode: withKey, access: s.Access()}, s.Token()
	}
	return given{withTokens, s.Access(), s.AccountID(), s.Account().PlanType}, s.TokenAt(at)
}

// synced is a snapshot whose login the child has, until a time, zero for ever.
type synced struct {
	machine.Snapshot
	until time.Time
}

// pusher gives the child the login that the engine has, whenever that is another one. Its
// goroutine is the only one that does; others ask it and wait.
type pusher struct {
	front  *Front
	asked  chan struct{}          // full if there is something to look at
	synced atomic.Pointer[synced] // what the child has is this; nil if that is not known
	logins atomic.Uint64          // how often the engine has changed from one login to another

	mu       sync.Mutex
	changed  sync.Cond
	begun    bool   // the child can take a login
	over     bool   // the child has ended
	has      given  // what the child has, or is to have when it answers
	pushes   uint64 // how often the child was given a login
	hasSince uint64 // of logins, when it was given that
	unsure   bool   // whether it has that: it refused a login, or got two at once
	pushing  bool   // the child has been given a login and has not answered
	crossed  bool   // and got a token in the meantime, as an answer to its own request
	renews   int    // requests of the child for another token, which get the next one first
	wants    uint64 // how often it was asked
	done     uint64 // what it was asked until then is done
	err      error  // of the last time

	failed   given // what the child did not take
	failedAt time.Time

	offered    given     // what the child was sent last, as a push or as an answer
	before     given     // the tokens in whose place offered was sent; zero if there were none
	replacedAt time.Time // when that was
	older      int       // how many requests with before may still be under way
}

// olderLimit is how long a 401 may be about the tokens that were replaced last: a request
// with them was under way.
const olderLimit = 10 * time.Second

// retryAfter is how long a login that the child did not take is not given to it again.
const retryAfter = 5 * time.Second

func (p *pusher) init(f *Front) {
	p.front, p.asked = f, make(chan struct{}, 1)
	p.changed.L = &p.mu
}

// engineChanged notes a change of the engine's login. It does not wait.
func (p *pusher) engineChanged(from, to machine.Snapshot) {
	if from.LoginMethod() != to.LoginMethod() || from.AccountID() != to.AccountID() {
		p.logins.Add(1)
	}
	p.wake()
}

// wake has the goroutine look. Any goroutine may call it, also the engine's.
func (p *pusher) wake() {
	select {
	case p.asked <- struct{}{}:
	default:
	}
}

// begin lets pushes begin: the child is initialized and signed out.
func (p *pusher) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun = true
}

// close ends the goroutine, and the waiting of others.
func (p *pusher) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	p.changed.Broadcast()
	p.wake()
}

// isCurrent reports whether the child has what the engine has, without waiting.
func (p *pusher) isCurrent() bool {
	snapshot := p.front.o.Engine.Snapshot()
	if of := p.synced.Load(); of != nil && of.Snapshot == snapshot && (of.until.IsZero() || p.front.o.Now().Before(of.until)) {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.matches(snapshot)
}

// matches reports whether the child has what a snapshot wants, and remembers it.
func (p *pusher) matches(s machine.Snapshot) bool {
	want, _, keeps := p.wanted(s)
	if !p.begun || p.pushing || !keeps && (p.unsure || want != p.has) {
		return false
	}
	of := &synced{Snapshot: s}
	if !keeps {
		of.until = s.Expiry() // then it keeps what it has, which is to be found out
	}
	p.synced.Store(of)
	return true
}

// sync waits until the child has acknowledged the login that the engine has by now. The
// errors: the child's refusal, [ErrChildEnded], or ctx's.
func (p *pusher) sync(ctx context.Context) error {
	if p.isCurrent() {
		return nil
	}
	defer context.AfterFunc(ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.changed.Broadcast()
	})()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wants++
	mine := p.wants
	p.wake()
	for p.done < mine && !p.over && ctx.Err() == nil {
		p.changed.Wait()
	}
	switch {
	case p.done >= mine:
		return p.err
	case p.over:
		return ErrChildEnded
	}
	return ctx.Err()
}

// run is the goroutine.
func (p *pusher) run() {
	for range p.asked {
		p.mu.Lock()
		wants, waits, over := p.wants, !p.begun || p.renews > 0 && p.wants == p.done, p.over
		p.mu.Unlock()
		if over {
			return
		}
		if waits {
			continue
		}
		err := p.bring()
		p.mu.Lock()
		p.done, p.err = wants, err
		p.changed.Broadcast()
		p.mu.Unlock()
	}
}

// bring gives the child what the engine has, until it has that.
func (p *pusher) bring() error {
	for {
		p.mu.Lock()
		logins := p.logins.Load()
		snapshot := p.front.o.Engine.Snapshot()
		if p.matches(snapshot) {
			p.mu.Unlock()
			return nil
		}
		now := p.front.o.Now()
		want, token, _ := p.wanted(snapshot)
		if p.err != nil && want == p.failed && now.Sub(p.failedAt) < retryAfter {
			defer p.mu.Unlock()
			return p.err
		}
		had, wasUnsure := p.has, p.unsure
		p.replace(want, now, max(1, p.front.turns.running()))
		p.pushes++
		p.has, p.hasSince, p.pushing, p.crossed, p.unsure = want, logins, true, false, true
		p.synced.Store(nil)
		p.mu.Unlock()

		err := p.give(had, wasUnsure, want, token)

		p.mu.Lock()
		p.pushing, p.unsure = false, err != nil || p.crossed
		p.replacedAt = p.front.o.Now()
		if p.err = err; err != nil {
			p.failed, p.failedAt = want, p.front.o.Now()
		}
		p.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// give gives the child a login and waits until it has it. Codex takes no key while it has
// tokens.
func (p *pusher) give(had given, wasUnsure bool, want given, token secret.Token) error {
	begun := p.front.o.Now()
	isOut := had.mode == signedOut && !wasUnsure
	if want.mode == signedOut || want.mode == withKey && !isOut && (had.mode == withTokens || wasUnsure) {
		if err := p.call(protocol.AccountLogout, nil, token); err != nil {
			return err
		}
	}
	var err error
	switch want.mode {
	case signedOut:
		p.front.observe(Event{Kind: SignedOut, Took: p.front.o.Now().Sub(begun)})
		return nil
	case withKey:
		err = p.call(protocol.LoginStart, protocol.APIKeyLoginParams{Type: protocol.LoginAPIKey, APIKey: token.Reveal()}, token)
	case withTokens:
		err = p.call(protocol.LoginStart, protocol.ExternalTokensLoginParams{
			Type: protocol.LoginExternalTokens, AccessToken: token.Reveal(), ChatGPTAccountID: want.accountID, ChatGPTPlanType: protocol.Nullable(want.plan),
		}, token)
	}
	if err == nil {
		p.front.observe(Event{Kind: Pushed, Access: want.access, Took: p.front.o.Now().Sub(begun)})
	}
	return err
}

// call asks the child something about its login. It waits as long as the child lives: a
// child that does not answer gets nothing else either.
func (p *pusher) call(method string, params any, token secret.Token) error {
	_, err := p.front.o.Child.Call(context.Background(), method, params)
	if err == nil {
		return nil
	}
	if errors.Is(err, jsonrpc.ErrClosed) {
		return ErrChildEnded
	}
	text := err.Error()
	if !token.IsEmpty() && strings.Contains(text, token.Reveal()) {
		text = "it repeats the token"
	}
	p.front.log.Warn("the backend did not take the login", "method", method, "error", text)
	p.front.observe(Event{Kind: PushRefused, Method: method, Detail: text})
	return errors.New("the backend did not take the login: " + text)
}

// renew notes that the child asks for another token, until the function is called.
func (p *pusher) renew() (over func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.renews++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.renews--
		p.wake()
	}
}

// replied notes that the child got a token as an answer to its request, which the turn that
// met the 401 goes on with. The caller holds mu.
func (p *pusher) replied(g given) {
	p.replace(g, p.front.o.Now(), p.front.turns.running()-1)
	if p.pushing {
		p.crossed = p.crossed || g != p.has // which of the two it has is not known
		return
	}
	p.has, p.hasSince, p.unsure = g, p.logins.Load(), false
	p.synced.Store(nil)
}

// childHas is the token that the child has, as far as that is known.
func (p *pusher) childHas() given {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.has
}

// replace notes what the child is sent, while so many turns may have requests with what it
// had under way. The caller holds mu.
func (p *pusher) replace(by given, at time.Time, older int) {
	if p.offered == by {
		return
	}
	p.before, p.replacedAt, p.older = given{}, at, 0
	if p.offered.mode == withTokens && by.mode == withTokens {
		p.before, p.older = p.offered, older
	}
	p.offered = by
}

// refused is what a 401 of the child is about: the child does not say. It is what the child
// was sent last; but each turn that was running then may report what was there before once,
// and that costs no refresh.
func (p *pusher) refused() given {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.older > 0 && (p.pushing || p.front.o.Now().Sub(p.replacedAt) < olderLimit) {
		p.older--
		return p.before
	}
	return p.offered
}

// pushed is how often the child was given a login up to now.
func (p *pusher) pushed() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pushes
}

// unlessPushed calls send, unless the child is being given a login, or was since pushes. No
// push overtakes what send sends.
func (p *pusher) unlessPushed(pushes uint64, send func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pushing || p.pushes != pushes {
		return false
	}
	send()
	return true
}
