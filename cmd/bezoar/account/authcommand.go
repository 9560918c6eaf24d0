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

// authCommand is bezoar token as the auth command of Codex. Codex keeps the token for its
// refresh_interval_ms and then runs the command again. It also runs the same command,
// with the same arguments, when a resource server has answered 401. Hence the rule:
//
// A call that comes sooner than the interval after the last token that the same process
// was given means that the token was rejected. If that token is still in use, it is
// refreshed, also within the refresh floor, unless it came from such a refresh itself: a
// server that rejects everything would cost a refresh for each call. If another token is
// in use by now, the refresh has been made already, and the caller gets its token. The
// engine does the rest: one post for one token, however many callers ask.
//
// The rejection is a guess, so it takes nothing away: while the issuer is unavailable, a
// token that has not expired is handed out again.
type authCommand struct {
	enabled  bool
	interval time.Duration // 0: the caller only asks after a rejection

	caller    *file.Caller // the parent process
	last      file.Handing // what it was given last; zero for nothing
	pastFloor bool         // this call took the token for rejected, within the floor
}

// codexInterval is the default of refresh_interval_ms in Codex.
const codexInterval = 300000 * time.Millisecond

func (a *authCommand) register(flags *flag.FlagSet) {
	flags.BoolVar(&a.enabled, "auth-command", false, "be the auth command of Codex: a call within the interval means that the token was rejected")
	flags.DurationVar(&a.interval, "refresh-interval", codexInterval, "with --auth-command: refresh_interval_ms of Codex, as a `time`; 0: Codex only asks after a rejection")
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

// ask asks the engine for what the caller wants.
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
	s.Log.Info("the caller asks again within the interval: its token was probably rejected", "access", a.last.Access.Short())
	if a.last.PastFloor {
		_, err := s.Engine.Rejected(ctx, a.last.Access)
		return err
	}
	a.pastFloor = held.IsJustRefreshed(now)
	_, err := s.Engine.RejectedPastFloor(ctx, a.last.Access)
	return err
}

// tooEarly reports whether Codex would not ask yet if the token were good. A token that
// was given in the future was given before a clock was set back.
func (a *authCommand) tooEarly(now time.Time) bool {
	age := now.Sub(a.last.At)
	return age >= 0 && (a.interval == 0 || age < a.interval)
}

// usable is the state from which the token is taken.
func (a *authCommand) usable(state machine.Snapshot) machine.Snapshot {
	if a.enabled && state.Phase() == machine.Stale {
		return state.Unrejected()
	}
	return state
}

// note records what the caller was given. It runs after the token is printed: a caller
// that killed the command before has no token that could be rejected.
func (a *authCommand) note(log *slog.Logger, state machine.Snapshot, now time.Time) {
	if !a.enabled {
		return
	}
	given := file.Handing{At: now.Round(0), Access: state.Access(), PastFloor: a.pastFloor}
	if given.Access == a.last.Access {
		given.PastFloor = a.last.PastFloor
	}
	if err := a.caller.Note(given); err != nil {
		log.Warn(fmt.Sprintf("bezoar will not notice that this caller's token is rejected: %v", err))
	}
}
