package propertytest

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/states"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt"
)

const FloorSeconds = 5

// policy is that of the processes in a story.
var Policy = machine.Policy{
	Claims:       chatgpt.Claims,
	Issuer:       machine.Issuer{TokenEndpoint: "https://issuer.example/token", ClientID: "client"},
	RefreshFloor: FloorSeconds * time.Second,
	Profile:      "profile",
}

var ErrDisk = errors.New("the disk is out of order")

// The asks and the lifetimes of tokens that stories are made of.
var (
	Asks      = rapid.SampledFrom([]machine.Ask{{Refresh: true, Token: true}, {Token: true}, {}, {Refresh: true}})
	Lifetimes = rapid.SampledFrom([]time.Duration{TokenLife, 4 * time.Minute, -time.Minute})
)

// mood is how an issuer answers, and how long it takes.
type Mood struct {
	How   string
	Takes time.Duration
}

func (m Mood) GoString() string { return fmt.Sprintf("%q after %v", m.How, m.Takes) }

// checkOften raises rapid's number of checks, unless the command line says one.
func Checks(t *testing.T, checks int) {
	f := flag.Lookup("rapid.checks")
	if f.Value.String() != f.DefValue || os.Getenv("RAPID_CHECKS") != "" {
		return
	}
	_ = f.Value.Set(fmt.Sprint(checks))
	t.Cleanup(func() { _ = f.Value.Set(f.DefValue) })
}

// WronglyTold is what is wrong with the assessment of a state, "" for nothing. A wait
// ends by itself at the time that it comes with; what waiting cannot end is a person's;
// what has expired is usable nowhere.
func WronglyTold(s *machine.State, now time.Time) string {
	a := s.Assess(now)
	isHanded := !s.TokenAt(now).IsEmpty()
	inUse := s.Phase == machine.Fresh || s.Phase == machine.Stale || s.Phase == machine.ApiKey
	switch {
	case a.Usable && a.Expired:
		return "calls a token usable that has expired"
	case a.Usable && !isHanded, a.Usable && !inUse:
		return "calls a token usable and hands none out"
	case a.Expired && isHanded && s.Blocked == "" && a.Action == machine.ActionNone:
		return "hands out an expired token, and says that nothing has to be done"
	case a.Action == machine.ActionWait && a.NextAttemptAt.IsZero():
		return "says that waiting is all there is to do, and not how long"
	case a.Action == machine.ActionWait && !changesAt(s, later(a.NextAttemptAt, now)):
		return fmt.Sprintf("says to wait for %v, and nothing changes then", a.NextAttemptAt.Sub(now))
	case a.Action == machine.ActionNone && !a.Usable && !changesAt(s, now):
		return "has no good token, does nothing, and says that nothing has to be done"
	case a.Action != machine.ActionLogin && (s.Phase == machine.Poisoned || s.Phase == machine.NoAuth && s.Blocked == ""):
		return fmt.Sprintf("is %s, and says %q", s.Phase, a.Action)
	}
	return ""
}

// changesAt reports whether something happens by then without a person: a refresh
// is in flight, or the next ask begins one, looks or saves.
func changesAt(s *machine.State, at time.Time) bool {
	_, effects, err := machine.Step(*s, machine.Asked{At: machine.At{Time: at}, Ask: machine.Ask{Token: true}})
	return err == nil && (s.Attempt != 0 || len(effects) > 0)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Steps are the steps of a table of failpoints in their order, each once.
func Steps(table []states.Failpoint) (steps []string) {
	for _, each := range table {
		if !slices.Contains(steps, each.Step) {
			steps = append(steps, each.Step)
		}
	}
	return steps
}
