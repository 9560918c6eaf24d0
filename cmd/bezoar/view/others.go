package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/rival"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Others are the programs besides bezoar that refresh the login of a home by themselves.
// bezoar adopts what they store, and never fights over a refresh token: if two programs post
// the same one, the issuer may end the login.
type Others struct {
	Running  []rival.Process
	IsKnown  bool            // whether this system says which programs have the home
	Rotated  []persist.Entry // refreshes of the login in use, or of one before, that no bezoar made
	Stored   []persist.Entry // tokens that another program stored, by a refresh or by a login
	lookedAt time.Time
}

// othersKept is how far back the ledger is asked for what other programs did. An access
// token may live for ten days, and a program that refreshes it may rest for some.
const othersKept = 30 * 24 * time.Hour

// Others looks for them, in the list of processes and in the ledger. There are none of a
// login that has no refresh token, or whose tokens another program gets from bezoar.
func (v *View) Others() Others {
	found := Others{lookedAt: v.At}
	if v.State.TokenID() == "" || !v.Config.RequiresOpenAIAuth {
		return found
	}
	found.Running, found.IsKnown = rival.Find(v.Config.Home)
	for i, e := range v.entries {
		if v.At.Sub(e.At) > othersKept {
			continue
		}
		switch v.storedElsewhere(i) {
		case byRefresh:
			found.Rotated = append(found.Rotated, e)
		case unknownHow:
			found.Stored = append(found.Stored, e)
		}
	}
	return found
}

// IsEmpty reports whether there is no sign of another program. One login made by another
// program is none.
func (o Others) IsEmpty() bool {
	return len(o.Running) == 0 && len(o.Rotated) == 0 && len(o.Stored) < 2
}

// Found says which programs there are, and what they did. It is "" for none.
func (o Others) Found() string {
	var said []string
	for _, each := range o.Running {
		since := ""
		if !each.Since.IsZero() {
			since = ", since " + cli.DayTime(each.Since, o.lookedAt)
		}
		does := "has this home and refreshes its login by itself"
		if each.MayBeServed {
			does = "has this home and may refresh its login by itself: it is older than the server at the control socket, and does not if it has connected to that since"
		}
		said = append(said, fmt.Sprintf("process %d (%s%s) %s", each.PID, each.Mode, since, does))
	}
	if n := len(o.Rotated); n > 0 {
		said = append(said, fmt.Sprintf("another program has refreshed this login %s, last at %s, and bezoar adopted it", often(n), cli.DayTime(o.Rotated[n-1].At, o.lookedAt)))
	} else if n := len(o.Stored); n > 1 {
		said = append(said, fmt.Sprintf("another program has stored tokens here %s, last at %s, by a refresh or a login, and bezoar adopted them", often(n), cli.DayTime(o.Stored[n-1].At, o.lookedAt)))
	}
	return strings.Join(said, "; ")
}

func often(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// Remedy says how to have one program refresh for all.
func (o Others) Remedy() string {
	ways := map[rival.Mode]string{
		rival.AppServer:   "let its client start bezoar app-server --backend 'codex app-server' in its place",
		rival.Interactive: "start it again, without --no-daemon, while bezoar app-server --listen unix:// --backend 'codex app-server' runs: it finds that by itself",
	}
	const apart = "give it a home of its own, to which bezoar publish puts a token"
	var said []string
	for _, each := range o.Running {
		if way := cmp.Or(ways[each.Mode], apart); !slices.Contains(said, way) {
			said = append(said, way)
		}
	}
	if len(said) == 0 {
		said = []string{"put it behind bezoar (bezoar app-server --backend), or " + apart}
	}
	return strings.Join(said, "; ")
}

// paragraph is what why says of them.
func (o Others) paragraph() string {
	found := o.Found()
	return fmt.Sprintf("%s.\nTo have one program refresh for all: %s.", strings.ToUpper(found[:1])+found[1:], o.Remedy())
}

// storing is how another program came to the tokens that it stored.
type storing int

const (
	notElsewhere storing = iota // no other program stored them, or they are the first that are known
	byRefresh
	byLogin
	unknownHow // the login has no owner id, which a refresh keeps and a login renews
)

// isRefreshedElsewhere reports whether an entry says that a refresh was adopted which no
// bezoar made.
func (v *View) isRefreshedElsewhere(e persist.Entry) bool {
	i := slices.Index(v.entries, e)
	return i >= 0 && v.storedElsewhere(i) == byRefresh
}

// storedElsewhere says how the tokens came to be that an entry says were adopted.
func (v *View) storedElsewhere(i int) storing {
	taken := v.entries[i]
	if taken.Kind != persist.Adopted || taken.TokenID == "" || v.isKnownFromBefore(i) {
		return notElsewhere
	}
	held, owner, ok := v.heldBefore(i)
	switch {
	case !ok || held == taken.TokenID:
		return notElsewhere
	case owner == "" || taken.Owner == "":
		return unknownHow
	case owner == taken.Owner:
		return byRefresh
	}
	return byLogin
}

// heldBefore is the refresh token that the home had before an entry, and the owner of its
// login, "" if the login has no owner id. ok is false if there was none, or if the ledger
// does not say.
func (v *View) heldBefore(i int) (held, owner secret.Fingerprint, ok bool) {
	for _, e := range slices.Backward(v.entries[:i]) {
		switch e.Kind {
		case persist.Logout:
			return "", "", false
		case persist.Rotated:
			held = cmp.Or(held, e.NextID)
		case persist.Login, persist.Adopted:
			held = cmp.Or(held, e.TokenID)
			return held, e.Owner, held != ""
		}
	}
	return held, "", held != ""
}
