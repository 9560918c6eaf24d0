package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

// session is an engine that lives as long as one command.
type session struct {
	env    environment
	config config.Config
	log    *slog.Logger
	client *oauth.Client
	store  persist.Store // the engine's
	auth   *engine.Engine
	given  *machine.Credential // the login that is to be stored, nil for none
	apart  *apart              // makes the refreshes; nil if the session does
}

var errInMemory = errors.New("this home keeps logins in memory (cli_auth_credentials_store in config.toml): " +
	"what this command has to do with one is forgotten when it ends; use bezoar app-server")

// openSession starts an engine on a home and waits until it has looked there.
// issuer is whom it asks in place of the client itself; nil for nobody else. adjust
// changes the options of the engine.
func openSession(env environment, settings config.Flags, issuer func(*oauth.Client) engine.AuthorizationServer, adjust ...func(*engine.Options)) (*session, error) {
	c, err := load(settings, env.getenv)
	if _, isHomeBad := errors.AsType[*config.HomeError](err); isHomeBad {
		err = &exit{exitOperator, err}
	}
	if err != nil {
		return nil, err
	}
	warn(env, c)
	if c.CredentialStore == config.Ephemeral {
		return nil, &exit{exitOperator, errInMemory}
	}
	s := &session{env: env, config: c, log: newLog(env, c, c.LogLevel)}
	s.client = newIssuer(c, s.log)
	asked := engine.AuthorizationServer(s.client)
	if issuer != nil {
		asked = issuer(s.client)
	}
	options := engineOptions(c, asked, s.log)
	options.SaveWait = commandPatience
	for _, each := range adjust {
		each(&options)
	}
	s.store = options.Store
	s.auth = engine.Start(options)
	<-s.auth.Ready()
	return s, nil
}

// close waits until what was begun is written down. Once the person wants to leave no
// refresh begins any more, but one that has posted is waited for until its deadline.
func (s *session) close(signals context.Context) {
	limit := s.config.RefreshDeadline + 2*storeMargin
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	rest, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(signals, func() {
		stop()
		s.sayWhatIsFinished(ctx)
	})()
	_ = s.auth.Rest(rest) // what has not posted when the person wants to leave is withheld
	s.saveAgain()
	s.auth.Close(ctx)
}

// sayWhatIsFinished tells the person who wants to leave why the command still runs.
func (s *session) sayWhatIsFinished(ctx context.Context) {
	if s.apart == nil {
		return
	}
	select {
	case <-s.apart.posting:
		logLine(s.env, fmt.Sprintf("finishing the refresh that is under way (up to %v); press Ctrl-C again not to wait: it is saved all the same", s.config.RefreshDeadline))
	case <-s.apart.ended:
	case <-ctx.Done():
	}
}

// saveAgain tries for some seconds to store what was granted and could not be stored.
// No other process has it.
func (s *session) saveAgain() {
	ctx, cancel := context.WithTimeout(context.Background(), storeMargin)
	defer cancel()
	for s.auth.Snapshot().IsUnsaved() {
		_, _ = s.auth.Status(ctx, machine.Ask{})
		select {
		case <-ctx.Done():
			return
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// commandPatience is how long a command waits for a slow disk to take a login. A server
// has clients that wait for other answers, and waits less.
const commandPatience = time.Minute

// storeMargin is for what a refresh has to do before and after its post.
const storeMargin = 10 * time.Second

// untilSignal is a context that ends at the first signal to end. By then the second one
// ends the program: a person may be told so.
func untilSignal() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, goodbyes()...)
	go func() {
		select {
		case <-heard:
		case <-ctx.Done():
		}
		signal.Stop(heard)
		cancel()
	}()
	return ctx, cancel
}

// goodbyes are the signals that want the program to end. The terminal that goes
// is one of them, unless somebody ran nohup.
func goodbyes() []os.Signal {
	all := []os.Signal{syscall.SIGTERM, os.Interrupt}
	if !signal.Ignored(syscall.SIGHUP) {
		all = append(all, syscall.SIGHUP)
	}
	return all
}

// outliveReaders keeps the end of whatever reads standard output or standard error
// from ending this program, as SIGPIPE would, between a post and its save: to write
// there is an error like any other from now on. Programs that this one starts are not
// affected.
func outliveReaders() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// untilNobodyLooks is untilSignal for what must not leave anything behind: neither
// when its reader goes nor when it is told twice.
func untilNobodyLooks() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), append(goodbyes(), syscall.SIGPIPE)...)
}

// logLine tells a person something beside what was asked for.
func logLine(env environment, text string) { fmt.Fprintln(env.stderr, "bezoar: "+printable(text)) }

// name is whose login it is, as far as it says.
func name(s machine.State) string {
	switch {
	case s.Credential.Method == machine.MethodAPIKey:
		return "with an API key"
	case s.Account.Email == "":
		return "with ChatGPT"
	case s.Account.PlanType == "":
		return "as " + printable(s.Account.Email)
	}
	return fmt.Sprintf("as %s (%s)", printable(s.Account.Email), printable(s.Account.PlanType))
}
