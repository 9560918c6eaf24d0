package login

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/jwt"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

// Attempt is one login that is under way. All methods may be called concurrently.
type Attempt struct {
	ID string // a version 4 UUID (RFC 9562 section 5.4)

	options Options
	log     *slog.Logger

	ctx context.Context         // ends with an Interruption, at the latest when time runs out
	end context.CancelCauseFunc // the first reason counts

	mu        sync.Mutex // guards isDecided
	isDecided bool       // it is being saved or has failed: it cannot be interrupted any more

	shown  chan struct{} // closed when there is a prompt
	prompt Prompt
	done   chan struct{} // closed when nothing is left of the attempt
	err    error
}

// Prompt is what a person needs to go on. The members are for the client that
// asked for the login, and for no log.
type Prompt struct {
	AuthURL string // to open in a browser on this machine

	UserCode        string // or: to type in
	VerificationURL string // at this address, on any device
}

// Prompt waits until the login has started and says how it goes on. An error,
// which Wait returns as well, means that it never started: a [*StartError].
func (a *Attempt) Prompt() (Prompt, error) {
	select {
	case <-a.shown:
	case <-a.done:
	}
	select {
	case <-a.shown: // it may be done as well by now
		return a.prompt, nil
	default:
		return Prompt{}, a.err
	}
}

// Wait waits for the end and returns nil if the login was saved. By then the
// attempt's port is free, and nothing is left of it.
//
// Errors: an [Interruption], a [*FailedError] or a [*StartError], each perhaps
// behind the words that the reference puts before it. Show the text; a new login
// may be begun after each.
func (a *Attempt) Wait() error {
	<-a.done
	return a.err
}

func newAttempt(options Options, limit time.Duration, late Interruption) *Attempt {
	id := newID()
	ended, end := context.WithCancelCause(context.Background())
	ctx, stop := context.WithTimeoutCause(ended, limit, late)
	return &Attempt{
		ID: id, options: options, log: options.Log.With("login", id),
		ctx: ctx,
		end: func(reason error) {
			end(reason)
			stop()
		},
		shown: make(chan struct{}), done: make(chan struct{}),
	}
}

func (a *Attempt) show(prompt Prompt) {
	a.prompt = prompt
	close(a.shown)
}

// interrupt ends the attempt for a reason, of which the first one counts, and
// reports whether that keeps it from being saved.
func (a *Attempt) interrupt(reason Interruption, accepted func()) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	inTime := !a.isDecided && a.ctx.Err() == nil
	if inTime && accepted != nil {
		accepted()
	}
	a.end(reason)
	return inTime
}

// saveLimit is for the disk or the keyring. It does not run against a person.
const saveLimit = 10 * time.Second

// save is the point of no return: an attempt is saved or interrupted, never both.
func (a *Attempt) save(credential machine.Credential) error {
	if reason := a.decide(nil); reason != nil {
		return reason
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(a.ctx), saveLimit)
	defer cancel()
	if err := a.options.Save(ctx, credential); err != nil {
		return &FailedError{
			Code: codeNotSaved, Message: "Sign-in completed but credentials could not be saved locally.", Err: err,
		}
	}
	return nil
}

// decide is the end of an attempt that comes to err: the interruption if there
// was one, for a call that is cancelled has an error of its own, which says less.
func (a *Attempt) decide(err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if reason := context.Cause(a.ctx); reason != nil && !a.isDecided {
		err = reason
	}
	a.isDecided = true
	return err
}

func (a *Attempt) conclude(err error) {
	a.log.Info("login ended", "outcome", logWord(err))
	a.err = err
	a.end(NotCompleted) // lets go of the timer; nobody hears of it
	close(a.done)
}

// newID makes a version 4 UUID (RFC 9562 section 5.4).
func newID() string {
	var id [16]byte
	rand.Read(id[:])
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// sameID reports whether a client means the attempt with this id. It may write
// a UUID in its own way: in capitals, or without hyphens.
func sameID(id, meant string) bool {
	plain := func(id string) string { return strings.ToLower(strings.ReplaceAll(id, "-", "")) }
	return plain(id) == plain(meant)
}

// The bounds of a call to the issuer. An API key is an extra: nobody waits long
// for one.
const (
	callLimit = 30 * time.Second
	keyLimit  = 10 * time.Second
)

// redeem exchanges a code for a credential that may be saved. An error of the
// issuer or of the way to it is called notExchanged.
func (a *Attempt) redeem(code oauth.Code, notExchanged string) (machine.Credential, error) {
	ctx, cancel := context.WithTimeout(a.ctx, callLimit)
	defer cancel()
	grant, err := a.exchange(ctx, code)
	if err != nil {
		return machine.Credential{}, notRedeemed(notExchanged, err)
	}
	said, err := jwt.Parse(grant.IDToken)
	if err != nil { // no store can keep it
		return machine.Credential{}, notRedeemed(notExchanged, oauth.ErrUnreadable)
	}
	credential := machine.Credential{
		Method:       machine.MethodChatGPT,
		IDToken:      grant.IDToken,
		AccessToken:  grant.AccessToken,
		RefreshToken: grant.RefreshToken,
		AccountID:    said.AccountID,
		LastRefresh:  a.options.Now().UTC().Round(0),
		Provenance:   a.options.Issuer.Provenance(),
		OwnerID:      newOwnerID(),
		ExpiresAt:    grant.ExpiresAt,
	}
	return credential, a.admit(credential)
}

// exchangePause is between two tries to exchange one code.
const exchangePause = time.Second

// exchange spends a code. A person has approved the login by now, so that a portal,
// an issuer that is busy or a network that was away for a moment does not end it; a
// code that may be spent is not sent again.
func (a *Attempt) exchange(ctx context.Context, code oauth.Code) (machine.TokenResponse, error) {
	for {
		grant, err := a.options.Issuer.Exchange(ctx, code)
		deadline, _ := ctx.Deadline()
		if err == nil || !oauth.MayTryAgain(err) || time.Until(deadline) < 2*exchangePause {
			return grant, err
		}
		if interrupted := a.sleep(exchangePause); interrupted != nil {
			return grant, err
		}
	}
}

// newOwnerID names a login, so that it can be told from another one of the same
// account: 32 random bytes, as the reference makes them.
func newOwnerID() string {
	var id [32]byte
	rand.Read(id[:])
	return base64.RawURLEncoding.EncodeToString(id[:])
}

func notRedeemed(what string, err error) error {
	return &FailedError{Code: codeNoExchange, Message: what + ": " + err.Error(), Err: err}
}

// admit refuses a login to another workspace than an administrator allows.
func (a *Attempt) admit(credential machine.Credential) error {
	if a.options.Restriction.Admits(credential) {
		return nil
	}
	message := "Login is restricted to workspace id(s) " + strings.Join(a.options.Restriction.Workspaces, ", ") + "."
	if credential.AccountID == "" {
		message = "Login is restricted to a specific workspace, but the token did not include an chatgpt_account_id claim."
	}
	return &FailedError{Code: codeWorkspace, Message: message}
}

// apiKey asks for an API key, which not every account may have: it is absent then.
func (a *Attempt) apiKey(idToken secret.Token) secret.Token {
	ctx, cancel := context.WithTimeout(a.ctx, keyLimit)
	defer cancel()
	key, err := a.options.Issuer.ExchangeKey(ctx, idToken)
	if err != nil {
		a.log.Info("no API key came with the login", "error", err)
	}
	return key
}
