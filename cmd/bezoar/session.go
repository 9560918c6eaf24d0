package main

import (
	"context"
	"errors"
	"log/slog"
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

	// leaving, if it is set, is called when the person wants to leave and the session
	// still has to finish. It returns when ctx ends at the latest.
	leaving func(ctx context.Context)
}

var errInMemory = errors.New("this home keeps logins in memory (cli_auth_credentials_store in config.toml): " +
	"what this command has to do with one is forgotten when it ends; use bezoar app-server")

// openSession starts an engine on a home and waits until it has looked there.
// issuer is whom it asks in place of the client itself; nil for nobody else. adjust
// changes the options of the engine.
func openSession(env environment, settings config.Flags, issuer func(*oauth.Client) engine.AuthorizationServer, adjust ...func(*engine.Options)) (*session, error) {
	c, err := load(settings, env.getenv)
	if _, isHomeBad := errors.AsType[*config.HomeError](err); isHomeBad {
		err = exiting(exitOperator, err)
	}
	if err != nil {
		return nil, err
	}
	warn(env, c)
	if c.CredentialStore == config.Ephemeral {
		return nil, exiting(exitOperator, errInMemory)
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
		if s.leaving != nil {
			s.leaving(ctx)
		}
	})()
	_ = s.auth.Rest(rest) // what has not posted when the person wants to leave is withheld
	s.saveAgain()
	s.auth.Close(ctx)
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
