package login

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/protocol/profile"
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

	profile profile.Profile

	shown  chan struct{} // closed when prompt is set
	prompt Prompt
	done   chan struct{} // closed when the port is free and err is set
	err    error
	note   string
}

// Note is what the user has to know of a login that was saved: "" for nothing. It is known
// when Wait has returned.
func (a *Attempt) Note() string { return a.note }

// Prompt is what the user needs to go on. Its members go to the client that asked
// for the login, and into no log.
type Prompt struct {
	AuthURL string // to open in a browser on this machine

	UserCode        string // or: to enter
	VerificationURL string // at this address, on any device
	CompleteURL     string // the same address with the code in it, for a QR code or a link; "" for none
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
		ID: id, options: options, log: options.Log.With("login", id), profile: options.Issuer.Profile(),
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

// save stores the credential, unless the attempt was interrupted before. What is certainly
// not stored is revoked, but for Codex, which leaves it.
func (a *Attempt) save(credential machine.Credential) error {
	if interrupted := a.commit(); interrupted != nil {
		a.drop(credential)
		return interrupted
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(a.ctx), saveLimit)
	defer cancel()
	if err := a.options.Save(ctx, credential); err != nil {
		_, mayBeSaved := errors.AsType[*persist.UnknownError](err)
		if !mayBeSaved && !errors.Is(err, context.DeadlineExceeded) {
			a.drop(credential)
		}
		return &FailedError{
			Code: codeNotSaved, Message: "Sign-in completed but credentials could not be saved locally.", Err: err,
		}
	}
	return nil
}

func (a *Attempt) drop(credential machine.Credential) {
	if !a.profile.IsCodex {
		a.disown(credential)
	}
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
