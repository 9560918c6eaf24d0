package front

import (
	"context"
	"errors"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
)

// lookLimit is how long a request waits for a refresh that is due. Then it goes to the
// child with the token that there is.
const lookLimit = 9 * time.Second

// clear is called before a line goes to the child: when it returns, the child has the login
// that the engine has. It returns why the client's request is refused, "" if it is not. isOver
// says that the child takes nothing any more.
func (f *Front) clear(i *item) (refusal string, isOver bool) {
	isAboutLogin := (i.class == needs || i.class == turns) && (i.class == needs || f.needsLogin(threadOf(i.line)))
	if isAboutLogin {
		f.look()
	}
	err := f.pusher.sync(f.ending)
	switch {
	case errors.Is(err, ErrChildEnded) || f.ending.Err() != nil:
		return "", true
	case i.class != turns || !isAboutLogin:
		return "", false
	}
	if snapshot := f.o.Engine.Snapshot(); f.isHelpless(snapshot) {
		return f.o.Words(snapshot, false), false
	}
	if err != nil {
		return err.Error(), false
	}
	return "", false
}

// isHelpless reports whether a turn would go out without a token, or with one of a login that
// is dead: the model server would refuse it again and again.
func (f *Front) isHelpless(s machine.Snapshot) bool {
	return s.Phase() == machine.NoAuth || s.Phase() == machine.Poisoned || f.pusher.childHas().mode == signedOut
}

// look brings the engine up to date: with what another program has stored, and with a
// refresh if one is due and the token at hand is of no use.
func (f *Front) look() {
	ctx, cancel := context.WithTimeout(f.ending, lookLimit)
	defer cancel()
	_, _ = f.o.Engine.Look(ctx)
	_, _ = f.o.Engine.Status(ctx, machine.Ask{Token: true})
}
