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

// clearance is whether a line may go to the child.
type clearance struct {
	refusal string // why the client's request is refused, "" if it is not
	isOver  bool   // the child takes nothing any more
	pushes  uint64 // it holds until the next push: see pusher.unlessPushed
}

// clear is called before a line goes to the child: when it returns, the child has the login
// that the engine has.
func (f *Front) clear(i *item) (c clearance) {
	isAboutLogin := (i.class == needs || i.class == turns) && (i.class == needs || f.needsLogin(threadOf(i.line)))
	if isAboutLogin {
		f.look()
	}
	err := f.pusher.sync(f.ending)
	c.pushes = f.pusher.pushed()
	c.isOver = errors.Is(err, ErrChildEnded) || f.ending.Err() != nil
	if c.isOver || i.class != turns || !isAboutLogin {
		return c
	}
	if snapshot := f.o.Engine.Snapshot(); f.isHelpless(snapshot) {
		c.refusal = f.o.Words(snapshot, false)
	} else if err != nil {
		c.refusal = err.Error()
	}
	return c
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
