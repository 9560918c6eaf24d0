package account

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/store/file"
)

// authCommand is bezoar token as the auth command of codex, which runs the same words
// again when a resource server has answered 401, and says nothing. It keeps the token
// for its refresh_interval_ms and then asks anyway. Hence the rule:
//
// A call sooner than the interval after the last token that the same process was given
// is a refusal of that very token. If it is still the one in use it is refreshed, also
// within the refresh floor; not so a token that came of such a refusal, or a server
// that refuses everything would cost a refresh for each call. If it is not in use any
// more, the refresh has been made: the caller is given what it led to. The rest is the
// engine's: one post for one token, whoever asks.
//
// The refusal is guessed, so that it takes nothing away: while the issuer cannot be
// asked, a token that has not expired is handed out again.
type authCommand struct {
	enabled  bool
	interval time.Duration // 0: the caller never asks but after a refusal

	caller    *file.Caller // the parent process
	last      file.Handing // what it was given last; zero for nothing
	pastFloor bool         // that was believed to be refused, past the floor
}

// codexInterval is codex's default for refresh_interval_ms.
const codexInterval = 300000 * time.Millisecond

func (a *authCommand) register(flags *flag.FlagSet) {
	flags.BoolVar(&a.enabled, "auth-command", false, "be codex's auth command: a call that comes too early says that the token was refused")
	flags.DurationVar(&a.interval, "refresh-interval", codexInterval, "with --auth-command: codex's refresh_interval_ms, as a `time`; 0: codex asks after a refusal only")
}

func (a *authCommand) check() error {
	switch {
	case a.interval < 0:
		return cli.Misuse("--refresh-interval takes a time such as 300000ms, or 0")
	case !a.enabled && a.interval != codexInterval:
		return cli.Misuse("--refresh-interval goes with --auth-command")
	}
	return nil
}

// ask is what the caller wants of the engine.
func (a *authCommand) ask(ctx context.Context, s *session.Session, now time.Time) error {
	if !a.enabled {
		_, err := s.Engine.Status(ctx, machine.Ask{Token: true})
		return err
	}
	a.caller = file.OpenCaller(s.Config.Home, os.Getppid())
	a.last, _ = a.caller.Last()
	held := s.Engine.Snapshot()
	if a.last.Access != held.Access() || !a.tooEarly(now) {
		_, err := s.Engine.Status(ctx, machine.Ask{Token: true})
		return err
	}
	s.Log.Info("the caller asks again so early that its token must have been refused", "access", a.last.Access.Short())
	if a.last.PastFloor {
		_, err := s.Engine.Rejected(ctx, a.last.Access)
		return err
	}
	a.pastFloor = held.IsJustRefreshed(now)
	_, err := s.Engine.RejectedPastFloor(ctx, a.last.Access)
	return err
}

// tooEarly reports whether codex would not ask yet if the token were good. One that
// was given in the future was given by a clock that has since been set back.
func (a *authCommand) tooEarly(now time.Time) bool {
	age := now.Sub(a.last.At)
	return age >= 0 && (a.interval == 0 || age < a.interval)
}

// usable is the state that the token is taken from.
func (a *authCommand) usable(state machine.Snapshot) machine.Snapshot {
	if a.enabled && state.Phase() == machine.Stale {
		return state.Unrejected()
	}
	return state
}

// note remembers what the caller was given. It comes after the giving: a caller that
// killed this command before has nothing that could be refused.
func (a *authCommand) note(log *slog.Logger, state machine.Snapshot, now time.Time) {
	if !a.enabled {
		return
	}
	given := file.Handing{At: now.Round(0), Access: state.Access(), PastFloor: a.pastFloor}
	if given.Access == a.last.Access {
		given.PastFloor = a.last.PastFloor
	}
	if err := a.caller.Note(given); err != nil {
		log.Warn(fmt.Sprintf("a refusal by this caller will not be noticed: %v", err))
	}
}
