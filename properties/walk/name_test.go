package walk

import (
	"crypto/sha256"
	"encoding/binary"
	"reflect"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
)

// name is all that the future of a world depends on: two worlds of one name need
// to be looked at once. The processes are alike, so their order does not count.
// It is the beginning of a SHA-256: as text, all the names would need a gigabyte.
func (w *cosmos) name() [16]byte {
	n := naming(make([]byte, 0, 512))
	n.numbers(w.lastWord, minutes(w.now))
	n.flags(w.locked, w.wasted)
	for _, k := range w.families {
		n.numbers(k.live)
		n.flags(k.objected)
		n.words(string(k.dead))
	}
	n.words(nameOfLogin(w.stored), nameOfLineage(w.lineage))
	for _, each := range w.intents {
		n.words(string(each.key))
		n.numbers(each.times)
		n.flags(each.by == w.processes[0].life, each.by == w.processes[1].life)
	}
	one, other := w.processes[0].name(), w.processes[1].name()
	if len(w.intents) == 0 && one > other {
		one, other = other, one
	}
	n.words(one, other)
	sum := sha256.Sum256(n)
	return [16]byte(sum[:16])
}

// naming is a name in the making. Its parts cannot run into one another.
type naming []byte

func (n *naming) words(words ...string) {
	for _, each := range words {
		*n = append(append(*n, each...), 0)
	}
}

func (n *naming) numbers(numbers ...int) {
	for _, each := range numbers {
		*n = binary.AppendVarint(*n, int64(each))
	}
}

func (n *naming) flags(flags ...bool) {
	for _, each := range flags {
		*n = append(*n, "-+"[map[bool]int{true: 1}[each]])
	}
}

// minutes are counted finely enough for a backoff.
func minutes(t time.Time) int {
	if t.IsZero() {
		return -1
	}
	return int(t.Sub(machinetest.Dawn) / time.Millisecond)
}

func nameOfLogin(c machine.Credential) string { return c.RefreshToken.Reveal() }

// nameOfLineage leaves out who logged in last, and what came out of what: all logins here
// are of one account, so that a later one is taken up like any other.
func nameOfLineage(l history.TokenHistory) string {
	n := naming(make([]byte, 0, 256))
	for _, v := range l.Verdicts {
		n.words(string(v.TokenID), string(v.Access), string(v.Reason))
	}
	for _, r := range l.Rotations {
		n.words(string(r.TokenID))
		n.numbers(minutes(r.At))
	}
	for _, loss := range l.Lost {
		n.words("lost", string(loss.TokenID))
		n.numbers(loss.Times)
	}
	for _, end := range l.Ended {
		n.words("ended", string(end.TokenID))
		n.flags(end.Undone)
	}
	for _, each := range l.Objections {
		n.words("objected", string(each.TokenID), each.Profile, string(each.Why))
	}
	n.flags(l.LoggedOut, l.Deferral.Unexplained)
	n.numbers(l.Deferral.Failures, minutes(l.Deferral.NotBefore))
	return string(n)
}

func (b being) name() string {
	n := naming(make([]byte, 0, 512))
	n.state(b.state)
	for _, a := range b.spent {
		n.words(a.stage, nameOfLogin(a.record), nameOfLogin(a.next), string(a.entry.Kind), nameOfKind(a.outcome), nameOfKind(a.answer))
		n.flags(a.holds, a.state.Attempt == b.state.Attempt, a.doubt.HolderGone, a.entry.Lost)
		n.numbers(a.doubt.Times, a.entry.Failures, minutes(a.entry.NotBefore))
		n.state(a.state)
	}
	return string(n)
}

func nameOfKind(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case endpoint.Refused:
		return string(v.Reason)
	case endpoint.Unavailable:
		return "unavailable"
	}
	return reflect.TypeOf(v).Name()
}

func (n *naming) state(s machine.State) {
	n.words(string(s.Phase), nameOfLogin(s.Credential), string(s.Blocked))
	n.flags(s.Attempt != 0, s.Rejected, s.InDoubt, s.Base != nil, s.SparesIssuer, s.Objected)
	n.numbers(s.Failures, minutes(s.DueAt), minutes(s.Expiry), minutes(s.NotBefore), minutes(s.RefreshedAt), minutes(s.SaveNotBefore))
	if s.Base != nil {
		n.words(nameOfLogin(*s.Base))
	}
	for _, v := range s.Verdicts {
		n.words(string(v.TokenID), string(v.Access))
	}
}
