// Package session opens the home of a command: its configuration, its store and ledger,
// and an engine on them.
package session

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

// Session is an engine that runs as long as one command.
type Session struct {
	env    cli.Environment
	Config config.Config
	Log    *slog.Logger
	Client *oauth.Client
	Store  persist.Store // the engine's
	Engine *engine.Engine

	// Leaving, if it is set, is called when the user presses Ctrl-C while the session
	// still has to finish. It returns when ctx ends at the latest.
	Leaving func(ctx context.Context)
}

var errInMemory = errors.New("this home keeps logins in the memory of each process (cli_auth_credentials_store in config.toml), " +
	"so this command can neither see nor keep one; use bezoar app-server")

// Open starts an engine on a home and waits until it has read the home. adjust changes
// the options of the engine.
func Open(env cli.Environment, settings config.Flags, adjust ...func(*engine.Options)) (*Session, error) {
	c, err := Load(settings, env.Getenv)
	if err != nil {
		return nil, err
	}
	Warn(env, c)
	return On(env, c, adjust...)
}

// On is Open for a configuration.
func On(env cli.Environment, c config.Config, adjust ...func(*engine.Options)) (s *Session, err error) {
	if c.CredentialStore == config.Ephemeral {
		return nil, cli.Exit(cli.ExitOperator, errInMemory)
	}
	s = &Session{env: env, Config: c, Log: NewLog(env, c, c.LogLevel)}
	s.Client = NewIssuer(c, env.Getenv, s.Log)
	options := EngineOptions(c, s.Client, s.Log)
	options.SaveWait = saveWait
	for _, each := range adjust {
		each(&options)
	}
	s.Store = options.Store
	if s.Engine, err = engine.Start(options); err != nil {
		return nil, err
	}
	<-s.Engine.Ready()
	return s, nil
}

// Close waits until everything that has begun is stored. After signals ends no refresh
// begins any more; one that has posted is waited for until its deadline.
func (s *Session) Close(signals context.Context) {
	limit := s.Config.RefreshDeadline + 2*StoreMargin
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	rest, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(signals, func() {
		stop()
		if s.Leaving != nil {
			s.Leaving(ctx)
		}
	})()
	_ = s.Engine.Rest(rest) // a refresh that has not posted when signals ends is withheld
	s.saveAgain()
	s.Engine.Close(ctx)
}

// LogOut removes the login and revokes it at the issuer, unless isLocal, and closes the
// session, which waits until the issuer has answered, or has not. Its error says that the login
// could not be removed.
func (s *Session) LogOut(ctx context.Context, isLocal bool) (engine.Revocation, error) {
	var revoked <-chan engine.Revocation
	var err error
	if isLocal {
		err = s.Engine.LogoutLocally(ctx)
	} else {
		revoked, err = s.Engine.Logout(ctx)
	}
	s.Close(ctx)
	if err != nil || revoked == nil {
		return engine.Revocation{}, err
	}
	return <-revoked, nil
}

// saveAgain tries for some seconds to store new tokens that could not be stored. No other
// process has them.
func (s *Session) saveAgain() {
	ctx, cancel := context.WithTimeout(context.Background(), StoreMargin)
	defer cancel()
	for s.Engine.Snapshot().Unsaved() {
		_, _ = s.Engine.Status(ctx, machine.Ask{})
		select {
		case <-ctx.Done():
			return
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// saveWait is how long a command waits for a slow disk to take a login. A server waits
// less, because its clients wait for other answers.
const saveWait = time.Minute

// StoreMargin is the time for the work of a refresh before and after its post.
const StoreMargin = 10 * time.Second
