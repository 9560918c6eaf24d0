package bubble

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
)

// moodyIssuer answers each post as its script says, after the time it says. It
// keeps what an engine may never do, and names the first thing it did.
type moodyIssuer struct {
	script []propertytest.Mood

	mu sync.Mutex // guards what follows
	*propertytest.Authority
	posts    int
	inFlight map[string]bool      // refresh tokens
	over     map[string]string    // why a refresh token must not come again
	early    map[string]time.Time // when it may come again at the earliest
	broken   string
}

func newMoodyIssuer(script []propertytest.Mood) *moodyIssuer {
	return &moodyIssuer{
		script: script, Authority: propertytest.NewAuthority(), inFlight: map[string]bool{},
		over: map[string]string{}, early: map[string]time.Time{},
	}
}

// Revoke implements engine.Issuer.
func (i *moodyIssuer) Revoke(_ context.Context, _ machine.Issuer, login machine.Credential) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.Authority.End(login.RefreshToken, history.ReasonRevoked)
	return nil
}

// Refresh implements engine.Issuer.
func (i *moodyIssuer) Refresh(ctx context.Context, _ machine.Issuer, token secret.Token, _ endpoint.Cause) endpoint.Answer {
	begun, name := time.Now(), token.Reveal()
	mood := i.begin(name, begun)
	var answer endpoint.Answer = endpoint.Unavailable{Lost: true}
	select {
	case <-time.After(mood.Takes):
		answer = i.decide(mood.How, token)
	case <-ctx.Done():
	}
	i.finish(name, answer, time.Since(begun))
	return answer
}

func (i *moodyIssuer) begin(name string, now time.Time) propertytest.Mood {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case len(i.inFlight) > 0:
		i.accuse("%s is posted while %v is", name, i.inFlight)
	case i.over[name] != "":
		i.accuse("%s is posted, but it was %s", name, i.over[name])
	case now.Before(i.early[name]):
		i.accuse("%s is posted %v too early", name, i.early[name].Sub(now))
	}
	i.inFlight[name] = true
	i.posts++
	return i.script[(i.posts-1)%len(i.script)]
}

func (i *moodyIssuer) accuse(format string, args ...any) {
	if i.broken == "" {
		i.broken = fmt.Sprintf(format, args...)
	}
}

func (i *moodyIssuer) decide(how string, token secret.Token) endpoint.Answer {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.Answer(how, token, time.Now())
}

func (i *moodyIssuer) finish(name string, answer endpoint.Answer, took time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.inFlight, name)
	switch answer := answer.(type) {
	case endpoint.Issued:
		i.over[name] = "spent"
	case endpoint.Refused:
		i.over[name] = "refused"
	case endpoint.LoginNeeded:
		i.over[name] = "to be followed by a login"
	case endpoint.Misconfigured:
		if i.early[name] = time.Now().Add(leastBackoff); !answer.Unexplained {
			i.over[name] = "not taken from this client"
		}
	case endpoint.Unavailable:
		i.early[name] = time.Now().Add(max(leastBackoff, answer.RetryAfter))
	}
	if took > engine.DefaultDeadline+endpoint.HearingLimit+time.Second { // it is heard for so long, with a last call
		i.accuse("a post of %s takes %v", name, took)
	}
}

// newLogin is a user signing in at the issuer.
func (i *moodyIssuer) newLogin(account string, life time.Duration) machine.Credential {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.Login(account, life, time.Now()).Credential
}

// leastBackoff is the first wait when the jitter is halfJitter.
const (
	halfJitter   = 0.5
	leastBackoff = 125 * time.Millisecond
)

// flakyStore fails the calls whose numbers are listed.
type flakyStore struct {
	persist.Store
	failing []int

	mu    sync.Mutex // guards calls
	calls int
}

func (s *flakyStore) fails() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	return slices.Contains(s.failing, s.calls)
}

func (s *flakyStore) Load(ctx context.Context) (persist.Record, error) {
	if s.fails() {
		return persist.Record{}, &persist.UnavailableError{Err: propertytest.ErrDisk}
	}
	return s.Store.Load(ctx)
}

func (s *flakyStore) Replace(ctx context.Context, c machine.Credential) error {
	if s.fails() {
		return &persist.NotDurableError{Err: propertytest.ErrDisk}
	}
	return s.Store.Replace(ctx, c)
}

func (s *flakyStore) Swap(ctx context.Context, base persist.Revision, c machine.Credential) error {
	if s.fails() {
		return &persist.NotDurableError{Err: propertytest.ErrDisk}
	}
	return s.Store.Swap(ctx, base, c)
}

func (s *flakyStore) Reserve(ctx context.Context, c machine.Credential) (release func(), err error) {
	if s.fails() {
		return nil, &persist.NotDurableError{Err: propertytest.ErrDisk}
	}
	return s.Store.Reserve(ctx, c)
}
