package processes

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

var background = context.Background()

// archive stands before an issuer and keeps which token set came out of which
// refresh token. Sets are known by the fingerprint of their refresh token.
type archive struct {
	issuer *issuer.Issuer
	turn   sync.Mutex // one request after the other: so posts are in the order in which they were decided

	mu    sync.Mutex // guards what follows
	sets  map[secret.Fingerprint]givenSet
	posts []posted
	last  time.Time // when something was granted
}

// givenSet is what was given out together.
type givenSet struct {
	id, access secret.Fingerprint
	login      secret.Fingerprint // the refresh token that the family began with
	account    string
}

type posted struct {
	token secret.Token
	next  secret.Token // what was granted, absent for nothing
	at    time.Time
}

func newArchive(i *issuer.Issuer) *archive {
	return &archive{issuer: i, sets: map[secret.Fingerprint]givenSet{}, last: time.Now()}
}

// answerTakes is how long an answer is on its way: long enough for some of those who
// are killed or stopped at any moment to wait for one.
const answerTakes = 15 * time.Millisecond

// ServeHTTP answers as the issuer does.
func (a *archive) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	asked, _ := io.ReadAll(r.Body) // half a request is none, as the issuer will find
	r.Body = io.NopCloser(bytes.NewReader(asked))
	written := a.decide(asked, r)
	<-time.After(answerTakes) // on its way
	w.WriteHeader(written.Code)
	_, _ = w.Write(written.Body.Bytes()) // who was killed does not listen
}

// decide lets the issuer answer, also who was killed since it asked. What is
// granted is written down before a process can know of it.
func (a *archive) decide(asked []byte, r *http.Request) *httptest.ResponseRecorder {
	a.turn.Lock()
	defer a.turn.Unlock()
	written := httptest.NewRecorder()
	a.issuer.ServeHTTP(written, r.WithContext(background))
	var question, answer struct {
		ID      string `json:"id_token"`
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	_ = json.Unmarshal(asked, &question)
	_ = json.Unmarshal(written.Body.Bytes(), &answer)
	if spent := secret.New(question.Refresh); !spent.IsEmpty() {
		a.note(spent, written.Code == http.StatusOK, endpoint.TokenResponse{
			IDToken: secret.New(answer.ID), AccessToken: secret.New(answer.Access), RefreshToken: secret.New(answer.Refresh),
		})
	}
	return written
}

func (a *archive) note(spent secret.Token, isGranted bool, g endpoint.TokenResponse) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.posts = append(a.posts, posted{spent, g.RefreshToken, time.Now()})
	if isGranted {
		a.last = time.Now()
		from := a.sets[spent.Fingerprint()]
		a.sets[g.RefreshToken.Fingerprint()] = givenSet{
			id: g.IDToken.Fingerprint(), access: g.AccessToken.Fingerprint(), login: from.login, account: from.account,
		}
	}
}

// logIn is a login by a user.
func (a *archive) logIn(g endpoint.TokenResponse, account string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	name := g.RefreshToken.Fingerprint()
	a.sets[name] = givenSet{id: g.IDToken.Fingerprint(), access: g.AccessToken.Fingerprint(), login: name, account: account}
}

func (a *archive) lastGrant() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last
}

// isWhole reports whether all of a credential was given out together.
func (a *archive) isWhole(c machine.Credential) bool {
	set := a.setOf(c)
	return set.access == c.AccessToken.Fingerprint() && set.id == c.IDToken.Fingerprint() && set.account == c.AccountID
}

func (a *archive) setOf(c machine.Credential) givenSet {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sets[c.RefreshToken.Fingerprint()]
}
