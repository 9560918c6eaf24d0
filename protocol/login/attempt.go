package login

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
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
