// Package issuer is a small authorization server for demos and tests: refresh tokens rotate,
// each is good for one use, and a second use ends the family of the login (RFC 9700 section
// 4.14.2). It has browser logins, device authorization (RFC 8628) and revocation (RFC 7009),
// in the dialect of Codex's issuer or as RFC 6749 has it ([Plain]). `bezoar demo` serves it on loopback. Tests serve it in
// process, script its answers ([Issuer.Script]) and read what arrived ([Issuer.Requests],
// [Issuer.Counts]).
//
// It signs nothing and checks no password. Never protect anything with it.
package issuer

import (
	"cmp"
	"crypto/ecdsa"
	"net/http"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

// Options configure an [Issuer]. Each zero value stands for its default.
type Options struct {
	ClientID string           // the only client it knows; oauth.DefaultClientID
	Account  Account          // whose logins it gives; Ada's
	Now      func() time.Time // time.Now, which is virtual in a synctest bubble

	AccessLifetime  time.Duration // of access and ID tokens, in whole seconds; 1 h
	RefreshLifetime time.Duration // of a refresh token that is not used; 0 for ever
	// ReuseLeeway is how long after its use a refresh token gets the same successor again, if
	// that is unused. 0: every second use is reuse.
	ReuseLeeway time.Duration

	// AutoConsent sends a browser back without a page that asks the user.
	AutoConsent bool
	// PollInterval is the shortest time between two polls of a device login, in whole seconds.
	// 0 allows any.
	PollInterval time.Duration

	Dialect dialect // how it speaks; nil: as Codex's issuer
}

// Account is a user who logs in.
type Account struct {
	ID       string // chatgpt_account_id
	Email    string
	PlanType string
	UserID   string
	Claims   map[string]any // further members of OpenAI's auth claim
}

// Ada is the default account.
var Ada = Account{ID: "account-ada", Email: "ada@example.com", PlanType: "plus", UserID: "user-ada"}

// Issuer is an authorization server. All methods may be called concurrently.
type Issuer struct {
	options Options
	mux     *http.ServeMux

	mu       sync.Mutex // guards everything below; never held while a request waits
	account  Account
	families families
	codes    map[secret.Fingerprint]*code
	devices  map[secret.Fingerprint]*device
	script   script
	requests []*Request
	counts   Counts
	key      *ecdsa.PrivateKey // of a plain issuer
}

// dialect is how an issuer speaks if it is not Codex's. Its methods but serve are called with
// the lock held. (It is an interface so that bezoar demo, which needs Codex's alone, has no
// other in the program.)
type dialect interface {
	serve(i *Issuer)
	name() string // for the authorization response (RFC 9207), "" if that has none
	knows(i *Issuer, request parsedRequest) bool
	mint(i *Issuer, f *family, at time.Time) endpoint.TokenResponse
	granted(grant endpoint.TokenResponse) answer
	refresh(i *Issuer, request parsedRequest) answer
	poll(i *Issuer, request parsedRequest) answer
}

// New makes an issuer. It starts nothing; serve it with net/http or [Issuer.Transport].
func New(options Options) *Issuer {
	options.ClientID = cmp.Or(options.ClientID, oauth.DefaultClientID)
	options.AccessLifetime = cmp.Or(options.AccessLifetime, time.Hour)
	if options.Account.ID == "" {
		options.Account = Ada
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	i := &Issuer{
		options: options, mux: http.NewServeMux(), account: options.Account,
		families: newFamilies(),
		codes:    map[secret.Fingerprint]*code{},
		devices:  map[secret.Fingerprint]*device{},
		script:   script{},
	}
	if options.Dialect != nil {
		options.Dialect.serve(i)
		return i
	}
	i.handle("POST /oauth/token", "", i.grant)
	i.handle("POST /oauth/revoke", Revoke, i.revoke)
	i.handle("GET /oauth/authorize", Authorize, i.authorize)
	i.handle("POST /oauth/authorize", Consent, i.consent)
	i.handle("POST /api/accounts/deviceauth/usercode", UserCode, i.userCode)
	i.handle("POST /api/accounts/deviceauth/token", DevicePoll, i.devicePoll)
	i.handle("GET /codex/device", DevicePage, i.devicePage)
	i.handle("POST /codex/device", DeviceConsent, i.deviceConsent)
	return i
}

// ServeHTTP answers one request. A connection that a script drops ends with the
// panic that net/http provides for it, [http.ErrAbortHandler].
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) { i.mux.ServeHTTP(w, r) }

// SetAccount sets the account of all further logins.
func (i *Issuer) SetAccount(account Account) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.account = account
}
