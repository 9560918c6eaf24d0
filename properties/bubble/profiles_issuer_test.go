package bubble

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// reply is what an issuer says to one refresh.
type reply struct {
	Status int
	Code   string // "" for none; "granted" for tokens, "access only" for an access token alone
	Page   bool   // a gateway's, with the code in it
	Lost   bool   // the issuer has answered, and the connection broke
	Takes  time.Duration
}

// The replies that have tokens.
const (
	grants     = "granted"
	accessOnly = "access only"
)

// What a reply means besides profile's meanings.
const lost profile.Meaning = "lost"

// means is what a profile says of a reply, in other words than those of package profile. Its
// rows have no status, and no two of them the same code. isSaid is false for a 401 that
// nothing explains.
func (r reply) means(of profile.Answers) (meaning profile.Meaning, isSaid bool) {
	isGateway := r.Status == 502 || r.Status == 504
	switch {
	case r.Lost, r.Page && isGateway:
		return lost, true
	case r.Page:
		return profile.Unavailable, true
	case r.Code == grants || r.Code == accessOnly:
		return profile.Granted, true
	}
	for _, row := range of.Rows {
		if row.Code == r.Code {
			return row.Meaning, row.Meaning == profile.Misconfigured || row.Reason != ""
		}
	}
	if of.Standard && r.Status < 500 && r.Status != 429 {
		switch r.Code {
		case "invalid_grant":
			return profile.Refused, true
		case "invalid_client", "invalid_scope", "invalid_request":
			return profile.Misconfigured, true
		case "interaction_required":
			return profile.LoginNeeded, true
		}
	}
	switch {
	case r.Status == 401:
		return of.Bare401, false
	case isGateway:
		return lost, true
	}
	return profile.Unavailable, true
}

// token is what the issuer knows of a refresh token.
type token struct {
	made     machine.Provenance
	refused  string         // by which answer, for every process
	ended    map[int]string // for one process alone
	mayBeBad bool           // it was refused, spent, or its answer was lost
	held     map[string]bool
}

// profiledIssuer answers clients of every profile, and keeps what none may do. There is one
// for all addresses.
type profiledIssuer struct {
	script []reply

	mu     sync.Mutex // guards what follows
	tokens map[string]*token
	posts  int
	broken string
}

func (i *profiledIssuer) accuse(format string, args ...any) {
	if i.broken == "" {
		i.broken = fmt.Sprintf(format, args...)
	}
}

// mint is a new refresh token.
func (i *profiledIssuer) mint(made machine.Provenance) string {
	name := fmt.Sprintf("refresh-token-%d", len(i.tokens)+1)
	i.tokens[name] = &token{made: made, ended: map[int]string{}, held: map[string]bool{}}
	return name
}

// profiledClient is the network of one process.
type profiledClient struct {
	issuer  *profiledIssuer
	process int
	name    string // of its profile
	profile profile.Profile
}

// RoundTrip implements [http.RoundTripper].
func (c profiledClient) RoundTrip(request *http.Request) (*http.Response, error) {
	members, err := membersOf(request)
	if err != nil {
		return nil, err // nothing left: the intent was too old
	}
	isRefresh := members["grant_type"] == "refresh_token"
	name := cmp.Or(members["refresh_token"], members["token"])
	said := c.issuer.posted(c, request, members, name, isRefresh)
	if !isRefresh {
		return answered(request, 200, "{}"), nil
	}
	select {
	case <-time.After(said.Takes):
	case <-request.Context().Done():
		said.Lost = true
	}
	return c.issuer.answers(c, request, said, name)
}

// posted checks a request, and says what is said to it.
func (i *profiledIssuer) posted(c profiledClient, request *http.Request, members map[string]string, name string, isRefresh bool) reply {
	i.mu.Lock()
	defer i.mu.Unlock()
	known := i.tokens[name]
	if known == nil {
		i.accuse("%q is posted, which is no refresh token", name)
		return reply{Status: 400}
	}
	to := strings.TrimSuffix(request.URL.String(), "/revoke") + "/token"
	if isRefresh {
		to = request.URL.String()
	}
	if got := (machine.Provenance{Issuer: c.profile.Issuer, ClientID: members["client_id"], TokenEndpoint: to}); got != known.made {
		i.accuse("%s of %v is posted to %v", name, known.made, got)
	}
	if !isRefresh {
		known.mayBeBad = true // and it may be posted: a logout waits for no post of another process
		return reply{}
	}
	if why := cmp.Or(known.refused, known.ended[c.process]); why != "" {
		i.accuse("%s is posted after it was refused: %s", name, why)
	}
	if known.held[c.name] {
		i.accuse("%s is posted under %s again, whose client is not taken", name, c.name)
	}
	i.posts++
	return i.script[(i.posts-1)%len(i.script)]
}

// answers is what the client hears.
func (i *profiledIssuer) answers(c profiledClient, request *http.Request, said reply, name string) (*http.Response, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	known := i.tokens[name]
	if known == nil {
		return nil, errors.New("no such token")
	}
	why := fmt.Sprintf("%d %q under %s", said.Status, said.Code, c.name)
	switch meaning, isSaid := said.means(c.profile.Answers); meaning {
	case profile.Refused:
		if known.mayBeBad = true; isSaid {
			known.refused = why
		} else {
			known.ended[c.process] = why
		}
	case profile.Misconfigured:
		known.held[c.name] = isSaid
	case profile.LoginNeeded:
		known.held[c.name] = true
	case lost, profile.Granted: // of a login that was replaced meanwhile, the token is spent
		known.mayBeBad = true
	}
	if said.Lost {
		return nil, errors.New("the connection is broken")
	}
	return answered(request, said.Status, i.body(c, said, known)), nil
}

// body is a reply's, where the profile has its code.
func (i *profiledIssuer) body(c profiledClient, said reply, known *token) string {
	switch {
	case said.Page:
		return `<!doctype html><html>{"error":"` + said.Code + `"}</html>`
	case said.Code == accessOnly:
		return `{"access_token":"access","expires_in":600}`
	case said.Code == grants:
		return fmt.Sprintf(`{"access_token":"access","expires_in":600,"refresh_token":"%s"}`, i.mint(known.made))
	case said.Code == "":
		return ""
	case c.profile.Answers.ErrorPointer != "":
		return `{"problem":{"word":"` + said.Code + `"}}`
	}
	return `{"error":"` + said.Code + `"}`
}

func answered(request *http.Request, status int, body string) *http.Response {
	kind := "application/json"
	if strings.HasPrefix(body, "<") {
		kind = "text/html"
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(strings.NewReader(body)), Request: request}
}

// membersOf are those of a request in either encoding. The client that proves itself by the
// header is named by it.
func membersOf(request *http.Request) (map[string]string, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil || len(body) == 0 {
		return nil, errors.New("no body was sent")
	}
	members := map[string]string{}
	if request.Header.Get("Content-Type") == "application/json" {
		if err := json.Unmarshal(body, &members); err != nil {
			return nil, err
		}
	} else {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, err
		}
		for name := range form {
			members[name] = form.Get(name)
		}
	}
	if id, _, ok := request.BasicAuth(); ok {
		members["client_id"], err = url.QueryUnescape(id)
	}
	return members, err
}

// login is a person who logs in at the issuer of a profile.
func (i *profiledIssuer) login(made machine.Provenance, now time.Time) machine.Credential {
	i.mu.Lock()
	defer i.mu.Unlock()
	name := i.mint(made)
	return machine.Credential{
		Method: machine.MethodTokens, AccessToken: secret.New("access of " + name), RefreshToken: secret.New(name),
		AccountID: "ada", LastRefresh: now, ExpiresAt: now.Add(10 * time.Minute), Provenance: made, OwnerID: "owner of " + name,
	}
}
