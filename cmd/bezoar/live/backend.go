package live

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/protocol/front"
)

// childView is a child on the page.
type childView struct {
	Name  string
	Begun *clock
	State string // in words
	Class string // of its state, for its colour
	Facts []fact
	Lines []line // the newest first
}

// children are those of the page, the newest first.
func (p *page) children(now time.Time) []childView {
	var all []childView
	seen, _ := p.recorder.childrenSeen()
	for _, each := range seen {
		v := childView{Name: "codex " + cmp.Or(each.version, "(version not known yet)"), Begun: clockAt(each.begun, now)}
		v.State, v.Class = each.state()
		v.Facts = slices.DeleteFunc([]fact{
			{Name: "process", Value: count(uint64(each.pid), "%d")},
			{Name: "client", Value: each.client},
			{Name: "messages to the codex", Value: fmt.Sprint(each.ToChild)},
			{Name: "messages to the client", Value: fmt.Sprint(each.ToClient)},
			{Name: "messages that wait for it", Value: count(each.Waiting, "%d")},
			{Name: "requests without an answer yet", Value: count(each.Open, "%d")},
			{Name: "times it was given a login", Value: fmt.Sprint(each.Pushes)},
			{Name: "times its token was refused", Value: count(each.Renewals, "%d")},
			{Name: "requests that bezoar refused", Value: count(each.Refused, "%d")},
		}, func(f fact) bool { return f.Value == "" })
		for _, m := range slices.Backward(each.moments) {
			v.Lines = append(v.Lines, lineOf(m, now))
		}
		all = append(all, v)
	}
	return all
}

func (c childFacts) state() (words, class string) {
	switch {
	case c.isOver:
		return "ended", "over"
	case !c.isReady:
		return "starting", "starting"
	case c.login == "":
		return "signed out", "out"
	}
	return "signed in with " + c.login.Short(), "in"
}

// lineOf is a moment of a child in words.
func lineOf(m childMoment, now time.Time) line {
	l := line{At: clockAt(m.at, now), Class: "change", More: m.Detail}
	switch m.Kind {
	case front.ChildReady:
		l.What = "Takes requests"
	case front.Pushed:
		l.Class, l.What, l.More = "post", "Given a login", joined(m.Access.Short(), "acknowledged in "+inShort(m.Took))
	case front.SignedOut:
		l.What, l.More = "Signed out", "acknowledged in "+inShort(m.Took)
	case front.PushRefused:
		l.Class, l.What = "refused", "Did not take the login"
	case front.Renewed:
		l.Class, l.What, l.More = "post", "Its token was refused: given another", joined(m.Access.Short(), "in "+inShort(m.Took))
	case front.NotRenewed:
		l.Class, l.What = "refused", "Its token was refused, and there is no other"
	case front.Refused:
		l.Class, l.What = "refused", "Refused "+m.Method
	case front.ChildGarbage:
		l.Class, l.What = "refused", "Wrote a line that is no message"
	case front.ChildFailed:
		l.Class, l.What = "refused", "Failed"
	default:
		l.What = string(m.Kind)
	}
	return l
}
