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
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/jwt"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

// Attempt is one login under way. All methods may be called concurrently.
type Attempt struct {
	ID string // a version 4 UUID (RFC 9562 section 5.4)

	options Options
	log     *slog.Logger

	ctx context.Context         // ends with an Interruption, at the latest when time runs out
	end context.CancelCauseFunc // the first reason counts

	mu    sync.Mutex // guards final
	final bool       // it is being saved or has failed: an interruption comes too late

	shown  chan struct{} // closed when prompt is set
	prompt Prompt
	done   chan struct{} // closed when the port is free and err is set
	err    error
}

// Prompt is what the user needs to go on. Its members go to the client that asked
// for the login, and into no log.
type Prompt struct {
	AuthURL string // to open in a browser on this machine

	UserCode        string // or: to enter
	VerificationURL string // at this address, on any device
}

// Prompt waits until the login has started. Its error is a [*StartError]: the login
// never started, and Wait returns the same error.
func (a *Attempt) Prompt() (Prompt, error) {
	select {
	case <-a.shown:
	case <-a.done:
	}
	select {
	case <-a.shown: // which counts although the attempt may be done by now
		return a.prompt, nil
	default:
		return Prompt{}, a.err
	}
}

// Wait waits for the end of the login and returns nil if it was saved. By then the
// port of the attempt is free and its goroutines have ended.
//
// Errors: an [Interruption], a [*FailedError] or a [*StartError], possibly wrapped in
// the words that Codex puts before it. Show the text; the user may begin a new login
// after each.
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

// interrupt ends the attempt for a reason, of which the first counts, and reports
// whether it was in time to keep the login from being saved.
func (a *Attempt) interrupt(reason Interruption, accepted func()) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	inTime := !a.final && a.ctx.Err() == nil
	if inTime && accepted != nil {
		accepted()
	}
	a.end(reason)
	return inTime
}

// saveLimit bounds the wait for the disk or the keyring.
const saveLimit = 10 * time.Second

// save stores the credential, unless the attempt was interrupted before.
func (a *Attempt) save(credential machine.Credential) error {
	if interrupted := a.commit(); interrupted != nil {
		return interrupted
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

// commit is the point of no return before the save: an attempt is saved or
// interrupted, never both. Its error is the interruption that came first.
func (a *Attempt) commit() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.final = true
	return context.Cause(a.ctx)
}

// outcome is what came of an attempt whose work ended with err. After commit that is
// err, which the save returned. Before it, an interruption counts more: a call that
// was cancelled has an error of its own, which says less.
func (a *Attempt) outcome(err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if interrupted := context.Cause(a.ctx); interrupted != nil && !a.final {
		err = interrupted
	}
	a.final = true
	return err
}

func (a *Attempt) conclude(err error) {
	a.log.Info("login ended", "outcome", logWord(err))
	a.err = err
	a.end(NotCompleted) // which stops the timer; the reason is not used any more
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

// sameID reports whether a client means the attempt with this id. A client may write
// a UUID in capitals or without hyphens (RFC 9562 section 4).
func sameID(id, meant string) bool {
	plain := func(id string) string { return strings.ToLower(strings.ReplaceAll(id, "-", "")) }
	return plain(id) == plain(meant)
}

// The bounds of a call to the issuer. The API key is optional, so that its bound is
// short.
const (
	callLimit = 30 * time.Second
	keyLimit  = 10 * time.Second
)

// redeem exchanges an authorization code for a credential that may be saved. The
// text of an error of the issuer or the network begins with failure.
func (a *Attempt) redeem(code oauth.Code, failure string) (machine.Credential, error) {
	ctx, cancel := context.WithTimeout(a.ctx, callLimit)
	defer cancel()
	response, err := a.exchange(ctx, code)
	if err != nil {
		return machine.Credential{}, notRedeemed(failure, err)
	}
	claims, err := jwt.Parse(response.IDToken, chatgpt.Claims)
	if err != nil { // auth.json has no place for an ID token that is no JWT
		return machine.Credential{}, notRedeemed(failure, oauth.ErrUnreadable)
	}
	credential := machine.Credential{
		Method:       machine.MethodTokens,
		IDToken:      response.IDToken,
		AccessToken:  response.AccessToken,
		RefreshToken: response.RefreshToken,
		AccountID:    claims.AccountID,
		LastRefresh:  a.options.Now().UTC().Round(0),
		Provenance:   a.options.Issuer.Provenance(),
		OwnerID:      newOwnerID(),
		ExpiresAt:    response.ExpiresAt,
	}
	return credential, a.admit(credential)
}

// exchangePause is the time between two tries to exchange one code.
const exchangePause = time.Second

// exchange sends the code to the token endpoint. The user has approved the login by
// now, so that a portal, a busy issuer or a short outage of the network does not end
// it. A code that may have been spent is not sent again.
func (a *Attempt) exchange(ctx context.Context, code oauth.Code) (endpoint.TokenResponse, error) {
	for {
		response, err := a.options.Issuer.Exchange(ctx, code)
		deadline, _ := ctx.Deadline()
		if err == nil || !oauth.MayTryAgain(err) || time.Until(deadline) < 2*exchangePause {
			return response, err
		}
		if interrupted := a.sleep(exchangePause); interrupted != nil {
			return response, err
		}
	}
}

// newOwnerID names a login, which distinguishes it from another login of the same
// account: 32 random bytes, as Codex makes them.
func newOwnerID() string {
	var id [32]byte
	rand.Read(id[:])
	return base64.RawURLEncoding.EncodeToString(id[:])
}

func notRedeemed(failure string, err error) error {
	return &FailedError{Code: codeNoExchange, Message: failure + ": " + err.Error(), Err: err}
}

// admit refuses a login that the administrator does not allow.
func (a *Attempt) admit(credential machine.Credential) error {
	if (machine.Policy{Restriction: a.options.Restriction, Claims: chatgpt.Claims}).Admits(credential) {
		return nil
	}
	message := "Login is restricted to workspace id(s) " + strings.Join(a.options.Restriction.Workspaces, ", ") + "."
	if credential.AccountID == "" {
		message = "Login is restricted to a specific workspace, but the token did not include an chatgpt_account_id claim."
	}
	return &FailedError{Code: codeWorkspace, Message: message}
}

// apiKey asks the issuer for an API key. It is absent if the account may not have one.
func (a *Attempt) apiKey(idToken secret.Token) secret.Token {
	ctx, cancel := context.WithTimeout(a.ctx, keyLimit)
	defer cancel()
	key, err := a.options.Issuer.ExchangeKey(ctx, idToken)
	if err != nil {
		a.log.Info("no API key came with the login", "error", err)
	}
	return key
}
