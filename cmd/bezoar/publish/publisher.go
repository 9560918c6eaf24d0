package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/store/authjson"
)

// publisher keeps what is published as the engine has it.
type publisher struct {
	engine *engine.Engine
	target target
	from   string // the home of the login
	now    func() time.Time

	say      func(text string)                  // tells the user; it does not block
	obstacle func(held machine.Snapshot) string // why there is nothing new to publish, "" if there is or will be by itself

	held   []byte // what this publisher has put there and not removed since; nil for nothing
	said   string // the obstacle that the user knows of
	failed string // the failure to write that the user knows of
}

// TakenError reports that another program removed what was published.
type TakenError struct{ Path string }

func (e *TakenError) Error() string {
	return e.Path + " was removed by another program, as codex logout does. It is not put back: run bezoar publish again to publish anew"
}

// lookEvery is how often the publisher looks at its target, and tries again.
const lookEvery = 2 * time.Second

// run publishes until ctx ends. An error is an [*OthersError] or a [*TakenError]: another
// program has taken the place, and has it.
func (p *publisher) run(ctx context.Context) error {
	changed := make(chan struct{}, 1)
	defer p.engine.Subscribe(func(_, _ machine.Snapshot) {
		select {
		case changed <- struct{}{}:
		default:
		}
	})()
	go p.engine.Keep(ctx)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := p.sync(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-tick.C:
		}
	}
}

// sync makes auth.json what the login asks for. What stands in the way and may go away by
// itself is said, once, and is no error.
func (p *publisher) sync() error {
	err := p.bring()
	_, isOthers := errors.AsType[*OthersError](err)
	_, isTaken := errors.AsType[*TakenError](err)
	switch {
	case isOthers, isTaken:
		return err
	case errors.Is(err, errChanged): // it is tried again at once, so to speak
	case err == nil:
		p.failed = ""
	case err.Error() != p.failed:
		p.failed = err.Error()
		p.say("what is new is not published yet, and it is tried again: " + p.failed)
	}
	if why := p.obstacle(p.engine.Snapshot()); why != p.said {
		p.said = why
		if why != "" {
			p.say(why)
		}
	}
	return nil
}

func (p *publisher) bring() error {
	is, err := p.target.read()
	if errors.Is(err, fs.ErrNotExist) {
		p.held = nil // the folder itself is gone: what was in it was not taken out of it
	}
	if err != nil {
		return err
	}
	if is == nil && p.held != nil {
		return &TakenError{p.target.path()}
	}
	held := p.engine.Snapshot()
	switch {
	case isOver(held):
		return p.remove(is)
	case !held.Assess(p.now()).Usable || held.LoginMethod() != machine.MethodTokens:
		return nil // what is published stays: without it Codex would ask without a token
	}
	wanted, err := authjson.EncodePublished(held.TokenOnly(), p.from)
	if err != nil {
		return fmt.Errorf("the login cannot be published: %w", err)
	}
	if bytes.Equal(is, wanted) && p.held != nil {
		return nil
	}
	if !bytes.Equal(is, wanted) {
		if err := p.target.put(wanted, is); err != nil {
			return err
		}
	}
	p.held = wanted
	until := ""
	if expiry := held.Expiry(); !expiry.IsZero() {
		until = ": the access token is valid until " + cli.DayTime(expiry, p.now())
	}
	p.say("published to " + p.target.home + until)
	return nil
}

// isOver reports whether the login that was published has ended: there is none any more, or
// it is another kind of login. A store that cannot be read ends nothing.
func isOver(held machine.Snapshot) bool {
	return held.Phase() == machine.NoAuth && held.Blocked() == "" || held.Phase() == machine.ApiKey
}

// end takes away what is published.
func (p *publisher) end() error {
	is, err := p.target.read()
	if err != nil {
		return err
	}
	return p.remove(is)
}

// remove takes away what was published from this home.
func (p *publisher) remove(is []byte) error {
	if from, _ := authjson.PublishedFrom(is); from != p.from {
		return nil
	}
	if err := p.target.remove(is); err != nil {
		return err
	}
	p.held = nil
	p.say("removed from " + p.target.home)
	return nil
}
