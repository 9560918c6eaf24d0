package fronts

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
	"github.com/bezoar-auth/bezoar/protocol/front"
)

// world knows which logins there are, and in which order they were made: each login and each
// logout has a number. What a refresh gives has the number of its login.
type world struct {
	mu        sync.Mutex // guards what follows, and the records of client, child and issuer
	authority *propertytest.Authority
	families  map[*propertytest.Family]int
	others    map[string]int // keys, and tokens that the client gave
	last      int
	loggedOut int         // the number of the last logout
	isReady   bool        // the child takes requests
	phases    int         // how often the phase has changed
	current   int         // the number of the engine's login, 0 for none
	changes   int         // how often it has changed to another login
	since     map[int]int // by the login's number: the last change to it
	broken    []string    // promises
	tell      func(format string, args ...any)
}

func newWorld() *world {
	return &world{
		authority: propertytest.NewAuthority(), families: map[*propertytest.Family]int{}, others: map[string]int{}, since: map[int]int{},
	}
}

// accuse notes a broken promise. The caller holds mu.
func (w *world) accuse(format string, args ...any) {
	w.tell("BROKEN: "+format, args...)
	w.broken = append(w.broken, fmt.Sprintf(format, args...))
}

func (w *world) observe(e front.Event) {
	if e.Kind != front.ChildReady {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isReady = true
}

// changed is called when the engine's login has changed in any way.
func (w *world) changed(from, to machine.Snapshot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if from.Phase() != to.Phase() {
		w.phases++
	}
	number := 0 // none
	if to.LoginMethod() != "" {
		number = w.numberOfPrint(to.Access())
	}
	if number != w.current {
		w.current = number
		w.changes++
		w.since[number] = w.changes
	}
}

// numberOfPrint is as numberOf, by a fingerprint.
func (w *world) numberOfPrint(access secret.Fingerprint) int {
	for text, number := range w.others {
		if secret.New(text).Fingerprint() == access {
			return number
		}
	}
	for _, grant := range w.authority.Issued {
		if grant.Credential.AccessToken.Fingerprint() == access {
			return w.families[grant.Family]
		}
	}
	return -1
}

// next is the number of a new login or logout. The caller holds mu, as for what follows.
func (w *world) next() int {
	w.last++
	return w.last
}

// logIn is a login at the issuer.
func (w *world) logIn(life time.Duration) machine.Credential {
	g := w.authority.Login("account-ada", life, time.Now())
	w.families[g.Family] = w.next()
	return g.Credential
}

// logOut is a logout.
func (w *world) logOut() int {
	w.loggedOut = w.next()
	return w.loggedOut
}

// newKey is an API key that was never seen.
func (w *world) newKey() (key string, number int) {
	number = w.next()
	key = fmt.Sprintf("sk-%d", number)
	w.others[key] = number
	return key, number
}

// newExternal is a token that the client has from elsewhere, of a login that may be older.
func (w *world) newExternal(number int) string {
	token := machinetest.Expiring(fmt.Sprintf("external-%d-%d", number, len(w.others)), time.Now().Add(time.Hour)).Reveal()
	w.others[token] = number
	return token
}

// numberOf is the number of the login that an access token or key is of; false for one
// that does not exist.
func (w *world) numberOf(access string) (int, bool) {
	if number, ok := w.others[access]; ok {
		return number, true
	}
	for _, grant := range w.authority.Issued {
		if grant.Credential.AccessToken.Reveal() == access {
			return w.families[grant.Family], true
		}
	}
	return 0, false
}

// Secrets on a line: refresh tokens are r1, r2 and so on.
var (
	refreshToken = regexp.MustCompile(`\br[0-9]+\b`)
	anyToken     = regexp.MustCompile(`\br[0-9]+\b|eyJ[\w-]+\.|\bsk-[0-9]+`)
)

// moodyIssuer answers each post in the mood of the moment. It keeps what may never be done.
type moodyIssuer struct {
	*world
	mood     propertytest.Mood
	posts    int
	inFlight map[string]bool   // refresh tokens
	over     map[string]string // why a refresh token must not come again
}

func (i *moodyIssuer) Revoke(_ context.Context, _ machine.Issuer, login machine.Credential) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.authority.Of(login) != nil {
		i.authority.End(login.RefreshToken, "revoked")
	}
	return nil
}

func (i *moodyIssuer) Refresh(ctx context.Context, _ machine.Issuer, token secret.Token, cause endpoint.Cause) endpoint.Answer {
	name := token.Reveal()
	mood := i.begin(name, cause)
	var answer endpoint.Answer = endpoint.Unavailable{Lost: true}
	select {
	case <-time.After(mood.Takes):
		i.mu.Lock()
		answer = i.authority.Answer(mood.How, token, time.Now())
		i.mu.Unlock()
	case <-ctx.Done():
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.inFlight, name)
	switch answer := answer.(type) {
	case endpoint.Issued:
		i.over[name] = "spent"
	case endpoint.Refused:
		if answer.Reason.IsExplained() { // else it binds one process alone
			i.over[name] = "refused"
		}
	}
	return answer
}

func (i *moodyIssuer) begin(name string, cause endpoint.Cause) propertytest.Mood {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.posts++
	held := i.authority.Issued[name]
	switch {
	case held == nil:
		i.accuse("a token is posted that was never issued")
	case len(i.inFlight) > 0:
		i.accuse("%s is posted while %v is", name, i.inFlight)
	case i.over[name] != "":
		i.accuse("%s is posted again, which was %s", name, i.over[name])
	}
	i.inFlight[name] = true
	return i.mood
}

// isWord reports whether a text is what bezoar says in place of a turn.
func isWord(text string) bool { return strings.HasPrefix(text, refusedTurn) }
