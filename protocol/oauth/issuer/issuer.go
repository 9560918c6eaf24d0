// Package issuer is a little OAuth issuer: rotating refresh tokens that are good
// for one use, with a family that dies when one is used twice (RFC 9700 section
// 4.14.2), logins by browser and by device code, and revocation, in the dialect
// of Codex's issuer. `bezoar demo` runs it on loopback; tests run it in
// process, tell it what to answer ([Issuer.Script]) and ask what arrived
// ([Issuer.Requests], [Issuer.Counts]).
//
// It signs nothing and asks for no password. Never let it guard anything.
package issuer

import (
	"cmp"
	"net/http"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

// Options is what an issuer is made of. Every zero value stands for its default.
type Options struct {
	ClientID string           // the only client it knows; oauth.DefaultClientID
	Account  Account          // whose logins it gives; Ada's
	Now      func() time.Time // time.Now, which is virtual in a synctest bubble

	AccessLifetime  time.Duration // of access and ID tokens, in whole seconds; 1 h
	RefreshLifetime time.Duration // of a refresh token that is not used; 0 for ever
	// ReuseLeeway is how long after its use a refresh token gives the same
	// successor again, if that was not used yet. 0: a second use is reuse, always.
	ReuseLeeway time.Duration

	// AutoConsent sends a browser back at once. Otherwise a page asks.
	AutoConsent bool
	// PollInterval is the least time between two polls of a device login, in
	// whole seconds. 0 allows any pace.
	PollInterval time.Duration
}

// Account is a user who logs in.
type Account struct {
	ID       string // chatgpt_account_id
	Email    string
	PlanType string
	UserID   string
	Claims   map[string]any // further members of OpenAI's auth claim
}

// Ada is the account of an issuer that was given none.
var Ada = Account{ID: "account-ada", Email: "ada@example.com", PlanType: "plus", UserID: "user-ada"}

// Issuer is the issuer. All methods may be called concurrently.
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

// SetAccount sets whose logins it gives from now on.
func (i *Issuer) SetAccount(account Account) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.account = account
}
