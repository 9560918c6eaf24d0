package growth

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
)

// frugalIssuer rotates one refresh token and is strict about it, as a way for
// [oauth.Options]. Of what it gave or heard before it keeps nothing: that would
// look like a leak of the program's.
type frugalIssuer struct {
	mu     sync.Mutex // guards what follows
	live   string     // the only refresh token that is good
	given  int        // refresh tokens
	posts  int
	status int // of its answers, 0 while it is well
	silent int // posts that are not answered, before it is
}

func (i *frugalIssuer) become(change func(*frugalIssuer)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change(i)
}

// login is a user signing in, which ends the login before it.
func (i *frugalIssuer) login() machine.Credential {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.rotate()
	return machinetest.Login("account-ada", endpoint.TokenResponse{
		IDToken: i.token("ada"), AccessToken: i.token("ada"), RefreshToken: secret.New(i.live),
	}, time.Now())
}

func (i *frugalIssuer) rotate() {
	i.given++
	i.live = fmt.Sprintf("rt-%09d", i.given)
}

// token is different for each refresh token.
func (i *frugalIssuer) token(subject string) secret.Token {
	return machinetest.Expiring(subject+i.live, time.Now().Add(propertytest.TokenLife))
}

// RoundTrip is one post to the token endpoint (RFC 6749 section 6).
func (i *frugalIssuer) RoundTrip(r *http.Request) (*http.Response, error) {
	var asked struct {
		RefreshToken string `json:"refresh_token"`
	}
	defer r.Body.Close()
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		return nil, err
	}
	if i.isSilent() {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	status, body := i.answer(asked.RefreshToken)
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// isSilent reports whether a post is left without an answer, and not taken up.
func (i *frugalIssuer) isSilent() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.silent == 0 {
		return false
	}
	i.silent--
	i.posts++
	return true
}

func (i *frugalIssuer) answer(refresh string) (status int, body string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.posts++
	switch {
	case i.status != 0:
		return i.status, ""
	case refresh != i.live:
		return http.StatusUnauthorized, `{"error":{"code":"refresh_token_reused"}}`
	}
	i.rotate()
	return http.StatusOK, fmt.Sprintf(`{"id_token":%q,"access_token":%q,"refresh_token":%q}`,
		i.token("ada").Reveal(), i.token("ada").Reveal(), i.live)
}
