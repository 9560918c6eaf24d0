package login

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

const browserLimit = 10 * time.Minute

// Browser begins a login in a browser on this machine, and interrupts the login
// before it. It returns at once; [Attempt.Prompt] says what to show.
func (m *Manager) Browser() *Attempt {
	return m.begin("browser", browserLimit, TimedOut, func(a *Attempt) error {
		if err := a.options.Issuer.MayLogIn(); err != nil {
			return &StartError{What: "start login server", Err: a.outcome(err)}
		}
		listener, err := a.listen()
		if err != nil {
			return &StartError{What: "start login server", Err: a.outcome(err)}
		}
		err = newBrowser(a, listener).run()
		if a.profile.IsCodex {
			err = asServerError(err)
		}
		return err
	})
}

// browser is one login in a browser: run waits for the events that the handlers of
// callback.go report.
type browser struct {
	*Attempt
	listener    net.Listener
	state       secret.Token
	nonce       secret.Token
	verifier    secret.Token
	redirectURI string
	path        string // of the redirect URI

	arrived  chan callback // the first callback, for run
	decided  chan struct{} // closed when success or failure is set
	success  string        // where the browser goes after a login that was saved
	failure  error         // why the login failed; nil if it was saved
	seen     chan struct{} // closed when the browser has fetched the success page
	seenOnce sync.Once     // closes seen
}

func newBrowser(a *Attempt, listener net.Listener) *browser {
	redirect := a.profile.Redirect(portOf(listener))
	path := "/"
	if target, err := url.Parse(redirect); err == nil && target.Path != "" {
		path = target.Path
	}
	return &browser{
		Attempt: a, listener: listener,
		state: oauth.NewState(), nonce: oauth.NewState(), verifier: oauth.NewVerifier(), redirectURI: redirect, path: path,
		arrived: make(chan callback, 1), decided: make(chan struct{}), seen: make(chan struct{}),
	}
}

// successPageLimit is how long the success page is served after the login was saved.
// A browser fetches it within milliseconds. If the browser was closed, the login is
// still saved, and the client is notified that much later.
const successPageLimit = 10 * time.Second

// run serves the redirect until the login is over and the connections are closed. Its
// order is what a user sees: the login is saved before the browser goes to the success
// page, and the client is notified after the browser has fetched it.
func (b *browser) run() error {
	leave := b.serve()
	defer leave()
	b.show(Prompt{AuthURL: b.options.Issuer.AuthorizeURL(oauth.Authorization{
		RedirectURI: b.redirectURI, State: b.state, Nonce: b.nonce, Verifier: b.verifier, Workspaces: b.options.Restriction.Workspaces,
	})})

	credential, err := b.finish()
	if err = b.outcome(err); err != nil {
		b.failure = err
		close(b.decided)
		return err
	}
	b.success = pathSuccess
	if b.profile.IsCodex {
		b.success = successURL(credential)
	}
	close(b.decided)
	select {
	case <-b.seen:
	case <-time.After(successPageLimit):
	case <-b.ctx.Done():
	}
	return nil
}

// finish waits for the callback, exchanges its code and saves the credential.
func (b *browser) finish() (machine.Credential, error) {
	select {
	case <-b.ctx.Done():
		return machine.Credential{}, context.Cause(b.ctx)
	case arrived := <-b.arrived:
		if arrived.failure != nil {
			return machine.Credential{}, arrived.failure
		}
		code := oauth.Code{Code: arrived.code, RedirectURI: b.redirectURI, Verifier: b.verifier}
		credential, err := b.redeem(code, b.sentNonce(), "Token exchange failed")
		if err != nil {
			return machine.Credential{}, err
		}
		if b.profile.IsCodex {
			credential.APIKey = b.apiKey(credential.IDToken)
		}
		return credential, b.save(credential)
	}
}

// sentNonce is the nonce that the ID token has to have, absent for none.
func (b *browser) sentNonce() secret.Token {
	if !b.profile.SendsNonce() {
		return secret.Token{}
	}
	return b.nonce
}

// These bound how long another program on this machine can hold up the server. A
// whole request has no bound: a callback waits for the issuer.
const (
	headerLimit      = 5 * time.Second
	headerLimitBytes = 32 << 10
	answerLimit      = callLimit + keyLimit + saveLimit + 10*time.Second
	drainLimit       = 500 * time.Millisecond // for answers that are being sent at the end
)

// serve answers the browser until the returned function is called, which waits
// until the port is free and the connections are closed.
func (b *browser) serve() (leave func()) {
	server := &http.Server{
		Handler:           b,
		ReadHeaderTimeout: headerLimit,
		WriteTimeout:      answerLimit,
		MaxHeaderBytes:    headerLimitBytes,
		ErrorLog:          slog.NewLogLogger(b.log.Handler(), slog.LevelWarn),
	}
	server.SetKeepAlivesEnabled(false)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		server.Serve(b.listener)
	}()
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), drainLimit)
		defer cancel()
		server.Shutdown(ctx)
		server.Close()
		<-gone
	}
}
