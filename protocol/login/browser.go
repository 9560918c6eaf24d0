package login

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

const browserLimit = 10 * time.Minute

// Browser begins a login in a browser on this machine, and ends the one before
// it. It returns at once; what to show comes from [Attempt.Prompt].
func (m *Manager) Browser() *Attempt {
	return m.begin("browser", browserLimit, TimedOut, func(a *Attempt) error {
		if err := a.options.Issuer.MayLogIn(); err != nil {
			return &StartError{"start login server", a.decide(err)}
		}
		listener, err := a.listen()
		if err != nil {
			return &StartError{"start login server", a.decide(err)}
		}
		return asServerError(newBrowser(a, listener).run())
	})
}

// browser is one login in a browser: run waits for it, the handlers of callback.go
// bring it forward.
type browser struct {
	*Attempt
	listener    net.Listener
	state       secret.Token
	verifier    secret.Token
	redirectURI string

	arrived chan callback // the first callback, for run
	decided chan struct{} // closed when it is known what came of it
	success string        // where the browser goes then; "" if the login failed
	failure error         // why
	seen    chan struct{} // closed when the browser was there
	leaving sync.Once     // closes it
}

func newBrowser(a *Attempt, listener net.Listener) *browser {
	return &browser{
		Attempt: a, listener: listener,
		state: oauth.NewState(), verifier: oauth.NewVerifier(),
		redirectURI: "http://" + listener.Addr().String() + pathCallback,
		arrived:     make(chan callback, 1), decided: make(chan struct{}), seen: make(chan struct{}),
	}
}

// successPageLimit is how long the success page may be fetched after the login was
// saved. A browser comes within milliseconds, and if it was closed the login is
// none the worse: the client only hears of it that much later.
const successPageLimit = 10 * time.Second

// run serves the callback until the login is over, and the connections are closed.
func (b *browser) run() error {
	leave := b.serve()
	defer leave()
	b.show(Prompt{AuthURL: b.options.Issuer.AuthorizeURL(oauth.Authorization{
		RedirectURI: b.redirectURI, State: b.state, Verifier: b.verifier, Workspaces: b.options.Restriction.Workspaces,
	})})

	credential, err := b.finish()
	if err = b.decide(err); err != nil {
		b.failure = err
		close(b.decided)
		return err
	}
	b.success = successURL(credential)
	close(b.decided)
	select {
	case <-b.seen:
	case <-time.After(successPageLimit):
	case <-b.ctx.Done():
	}
	return nil
}

// finish waits for the callback and turns it into a credential that is saved.
func (b *browser) finish() (machine.Credential, error) {
	select {
	case <-b.ctx.Done():
		return machine.Credential{}, context.Cause(b.ctx)
	case arrived := <-b.arrived:
		if arrived.failure != nil {
			return machine.Credential{}, arrived.failure
		}
		code := oauth.Code{Code: arrived.code, RedirectURI: b.redirectURI, Verifier: b.verifier}
		credential, err := b.redeem(code, "Token exchange failed")
		if err != nil {
			return machine.Credential{}, err
		}
		credential.APIKey = b.apiKey(credential.IDToken)
		return credential, b.save(credential)
	}
}

// The bounds of what a program on this machine can hold up. There is none for a
// whole request: it would end the wait of a callback for the issuer.
const (
	headerLimit      = 5 * time.Second
	headerLimitBytes = 32 << 10
	answerLimit      = callLimit + keyLimit + saveLimit + 10*time.Second
	drainLimit       = 500 * time.Millisecond // for answers that are on their way at the end
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
