package engine_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/engine/enginetest"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/memory"
)

var policy = machine.Policy{
	Issuer:       machine.Issuer{TokenEndpoint: "https://issuer.example/token", ClientID: "client"},
	RefreshFloor: 5 * time.Second,
}

var (
	demand = machine.Ask{Refresh: true, Token: true}
	poll   = machine.Ask{Token: true}
	glance = machine.Ask{}
)

// issuer answers when a test says so, and gives up when the caller does.
type issuer struct {
	mu      sync.Mutex // guards what follows
	posts   []secret.Fingerprint
	asked   []machine.Issuer     // where and under which client, of each post
	revoked []secret.Fingerprint // refresh tokens
	told    []machine.Issuer     // of each of them
	answers chan endpoint.Answer
	hangs   atomic.Bool // does not answer a revocation
}

func (i *issuer) Revoke(ctx context.Context, its machine.Issuer, login machine.Credential) error {
	i.mu.Lock()
	i.revoked, i.told = append(i.revoked, login.RefreshToken.Fingerprint()), append(i.told, its)
	i.mu.Unlock()
	if i.hangs.Load() {
		<-ctx.Done()
	}
	return ctx.Err()
}

func (i *issuer) Refresh(ctx context.Context, its machine.Issuer, token secret.Token, _ endpoint.Cause) endpoint.Answer {
	if !endpoint.MayPost(ctx) {
		return endpoint.Unavailable{}
	}
	i.mu.Lock()
	i.posts = append(i.posts, token.Fingerprint())
	i.asked = append(i.asked, its)
	i.mu.Unlock()
	select {
	case answer := <-i.answers:
		return answer
	case <-ctx.Done():
		return endpoint.Unavailable{Lost: true}
	}
}

// countingStore counts how often it is asked, and fails to write on demand. What
// is set between two asks is called in the middle of the next.
type countingStore struct {
	*memory.Store
	stamps, loads, swaps atomic.Int32

	loading           func()
	loaded, deleted   func() // what has been asked for is done, and not yet reported
	swapping, locking func() error

	hangs      atomic.Bool // to read it takes as long as it may
	isFull     atomic.Bool
	noRoom     atomic.Bool
	isReadOnly atomic.Bool // for logins and logouts
}

var errFull = errors.New("no space left")

func (s *countingStore) Load(ctx context.Context) (persist.Record, error) {
	s.loads.Add(1)
	if s.loading != nil {
		s.loading()
	}
	if s.hangs.Load() {
		<-ctx.Done()
		return persist.Record{}, ctx.Err()
	}
	record, err := s.Store.Load(ctx)
	if s.loaded != nil {
		s.loaded()
	}
	return record, err
}

func (s *countingStore) Lock(ctx context.Context) (unlock func(), err error) {
	if s.locking != nil {
		return nil, s.locking()
	}
	return s.Store.Lock(ctx)
}

func (s *countingStore) Stamp(ctx context.Context) (persist.Stamp, bool) {
	s.stamps.Add(1)
	if s.hangs.Load() {
		return persist.Stamp{}, false
	}
	return s.Store.Stamp(ctx)
}

func (s *countingStore) Swap(ctx context.Context, base persist.Revision, c machine.Credential) error {
	s.swaps.Add(1)
	if s.swapping != nil {
		return s.swapping()
	}
	if s.isFull.Load() {
		return &persist.NotDurableError{Err: errFull}
	}
	return s.Store.Swap(ctx, base, c)
}

func (s *countingStore) Replace(ctx context.Context, c machine.Credential) error {
	if s.isReadOnly.Load() {
		return &persist.NotDurableError{Err: errFull}
	}
	return s.Store.Replace(ctx, c)
}

func (s *countingStore) Delete(ctx context.Context) error {
	if s.isReadOnly.Load() {
		return &persist.NotDurableError{Err: errFull}
	}
	err := s.Store.Delete(ctx)
	if s.deleted != nil {
		s.deleted()
	}
	return err
}

func (s *countingStore) Reserve(ctx context.Context, c machine.Credential) (release func(), err error) {
	if s.noRoom.Load() {
		return nil, &persist.NotDurableError{Err: errFull}
	}
	return s.Store.Reserve(ctx, c)
}

// site is a store with an issuer, and an engine on it.
type site struct {
	*engine.Engine
	t      *testing.T
	store  *countingStore
	ledger *memory.Ledger
	issuer *issuer
	pid    int
}

// inBubble runs a test with an engine that has looked at a store with the
// given login, in virtual time. It demands that the engine goes away.
func inBubble(t *testing.T, stored func() *machine.Credential, test func(t *testing.T, s *site)) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{
			t: t, store: &countingStore{Store: memory.NewStore()},
			ledger: memory.NewLedger(policy.Issuer), issuer: &issuer{answers: make(chan endpoint.Answer)},
		}
		if c := stored(); c != nil {
			s.write(*c)
		}
		s.Engine = s.start()
		defer func() { s.Engine.Close(ended()) }()
		test(t, s)
	})
}

// start is one more process on the site.
func (s *site) start() *engine.Engine { return s.startWith(func(*engine.Options) {}) }

// startWith is one more process that is made otherwise.
func (s *site) startWith(change func(*engine.Options)) *engine.Engine {
	s.pid++
	options := engine.Options{
		Policy: policy, Store: s.store, Ledger: s.ledger.Process(s.pid), AuthorizationServer: s.issuer,
		Random: func() float64 { return 0.5 },
	}
	change(&options)
	e := enginetest.Start(options)
	synctest.Wait()
	return e
}

// restart is the site's engine anew, made otherwise.
func (s *site) restart(change func(*engine.Options)) {
	s.t.Helper()
	s.Engine.Close(ended())
	s.Engine = s.startWith(change)
}

// write is another program's save.
func (s *site) write(c machine.Credential) {
	require.NoError(s.t, s.store.Replace(s.t.Context(), c))
}

// stored is what the store holds.
func (s *site) stored() machine.Credential {
	record, err := s.store.Store.Load(s.t.Context())
	require.NoError(s.t, err)
	return record.Credential
}

// pending is an ask whose answer may be out.
type pending struct {
	t      *testing.T
	mu     sync.Mutex // guards states
	states []machine.Snapshot
}

// asking asks and lets everything go as far as it can.
func (s *site) asking(ask machine.Ask) *pending {
	p := &pending{t: s.t}
	s.Ask(ask, func(state machine.Snapshot) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.states = append(p.states, state)
	})
	synctest.Wait()
	return p
}

func (p *pending) isAnswered() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	require.LessOrEqual(p.t, len(p.states), 1, "answered more than once")
	return len(p.states) == 1
}

// gives demands that the ask was answered with this token; "" for none.
func (p *pending) gives(token secret.Token, why ...any) {
	p.t.Helper()
	require.True(p.t, p.isAnswered(), why...)
	require.Equal(p.t, token.Fingerprint(), p.states[0].Token().Fingerprint(), why...)
}

// answer lets the issuer answer the post that waits for it.
func (s *site) answer(answer endpoint.Answer) {
	s.t.Helper()
	select {
	case s.issuer.answers <- answer:
	case <-time.After(time.Millisecond):
		require.Fail(s.t, "no post waits for an answer")
	}
	synctest.Wait()
}

func (s *site) posts() int {
	s.issuer.mu.Lock()
	defer s.issuer.mu.Unlock()
	return len(s.issuer.posts)
}

func granted(c machine.Credential) endpoint.Issued {
	return endpoint.Issued{Response: endpoint.TokenResponse{IDToken: c.IDToken, AccessToken: c.AccessToken, RefreshToken: c.RefreshToken}}
}

func refused(reason history.Reason) endpoint.Refused { return endpoint.Refused{Reason: reason} }

// login is a token set of one account that expires in so long from now.
func login(name string, expires time.Duration) machine.Credential {
	return machine.Credential{
		Method: machine.MethodTokens, IDToken: machinetest.Expiring("id", time.Now().Add(time.Hour)), AccessToken: machinetest.Expiring(name, time.Now().Add(expires)),
		RefreshToken: secret.New("refresh-" + name), AccountID: "account", LastRefresh: time.Now().UTC(),
	}
}

func otherAccount(name string) machine.Credential {
	c := login(name, time.Hour)
	c.AccountID = "another account"
	return c
}

// The logins that a store starts with.
func noLogin() *machine.Credential { return nil }
func good() *machine.Credential    { c := login("first", time.Hour); return &c }
func aged() *machine.Credential    { c := login("first", 4*time.Minute); return &c }
func expired() *machine.Credential {
	c := login("first", -time.Minute)
	return &c
}

// ended is a context that is over.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// logout does not wait for the issuer.
func (s *site) logout() error {
	_, err := s.Logout(s.t.Context())
	return err
}

func (s *site) revoked() []secret.Fingerprint {
	s.issuer.mu.Lock()
	defer s.issuer.mu.Unlock()
	return slices.Clone(s.issuer.revoked)
}

// before does something at one step of the refreshes from now on.
func (s *site) before(step string, do func()) {
	s.restart(func(o *engine.Options) {
		o.Before = func(at string) {
			if at == step {
				do()
			}
		}
	})
}

func (s *site) entries(kind persist.Kind) (found []persist.Entry) {
	for _, entry := range s.ledger.Entries() {
		if entry.Kind == kind {
			found = append(found, entry)
		}
	}
	return found
}

// note is what another process tells the ledger.
func (s *site) note(entry persist.Entry) {
	require.NoError(s.t, s.ledger.Process(99).Append(context.Background(), entry))
}
