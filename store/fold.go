package store

import (
	"iter"
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

const (
	remembered   = 256 // bounds each list that is made of a journal; the oldest go first
	auditEntries = 256 // the newest entries, which are kept for people
)

// Fold is what one knows after some more entries of a journal, for those who ask
// the given token endpoint; before the first entry that is the zero Lineage. It
// is pure, and its result shares nothing with known. The position of an entry
// decides and never its time, for clocks go back. Entries overwrite and never
// count up, so that one that is in the journal twice does no harm.
func Fold(known machine.Lineage, entries iter.Seq[Entry], endpoint secret.Fingerprint) machine.Lineage {
	known.Verdicts, known.Rotations = slices.Clone(known.Verdicts), slices.Clone(known.Rotations)
	known.Expiries = slices.Clone(known.Expiries)
	known.Lost, known.Ended = slices.Clone(known.Lost), slices.Clone(known.Ended)
	known.Origins = slices.Clone(known.Origins)
	var condemned []machine.Verdict // not yet among those that are known
	for e := range entries {
		said := e.facts()
		if said.condemned != "" {
			known.Condemned = known.Condemned.Parse(said.condemned)
		}
		if key := said.verdict.Key; key != "" {
			if condemned = append(condemned, said.verdict); len(condemned) == condemnedAtOnce {
				known.Condemned, condemned = known.Condemned.With(condemned...), condemned[:0]
			}
			known.Verdicts = replacing(known.Verdicts, said.verdict, func(v machine.Verdict) bool { return v.Key == key })
		}
		if key := said.rotation.Key; key != "" {
			known.Rotations = replacing(known.Rotations, said.rotation, func(r machine.Rotation) bool { return r.Key == key })
		}
		if access := said.expiry.Access; access != "" {
			known.Expiries = replacing(known.Expiries, said.expiry, func(x machine.Expiry) bool { return x.Access == access })
		}
		if key := said.lost.Key; key != "" {
			known.Lost = replacing(known.Lost, said.lost, func(l machine.Loss) bool { return l.Key == key })
		}
		if key := said.ended.Key; key != "" {
			known.Ended = replacing(known.Ended, said.ended, func(e machine.Ending) bool { return e.Key == key })
		}
		if e.Owner != "" {
			known.Origins = replacing(known.Origins, e.origin(), func(o machine.Origin) bool { return o.Owner == e.Owner })
		}
		if said.ofEndpoint && e.Endpoint == endpoint {
			known.Deferral = said.deferral
		}
		if said.ofLogin {
			known.LoggedOut = said.loggedOut
		}
	}
	known.Condemned = known.Condemned.With(condemned...)
	return known
}

// condemnedAtOnce is how many keys are put in order together, in a long journal.
const condemnedAtOnce = 4096

// PastEntries are the entries that keep the keys which a journal condemns, when
// the verdicts themselves are forgotten. A journal that is compacted begins with
// them, in place of those that it had. There are none while no verdict is
// forgotten.
func PastEntries(known machine.Lineage, at time.Time) []Entry {
	const keysALine = 1024 // 8 KiB, half of what a line may have
	if known.Condemned.Len() == (machine.Condemned{}).With(known.Verdicts...).Len() {
		return nil
	}
	var entries []Entry
	for _, keys := range known.Condemned.Texts(keysALine) {
		entries = append(entries, Entry{Kind: Past, At: at, Keys: keys})
	}
	return entries
}

// replacing ends the list in last, without what last takes the place of and
// without the oldest if it is full.
func replacing[T any](list []T, last T, isReplaced func(T) bool) []T {
	list = append(slices.DeleteFunc(list, isReplaced), last)
	if len(list) > remembered {
		list = list[1:]
	}
	return list
}

// facts are the parts of a lineage that one entry decides.
type facts struct {
	verdict    machine.Verdict  // none if it has no key
	condemned  string           // keys of old verdicts
	rotation   machine.Rotation // likewise
	expiry     machine.Expiry   // none if it has no token
	lost       machine.Loss     // none if it has no key
	ended      machine.Ending   // likewise
	ofEndpoint bool             // decides how long to leave its endpoint alone:
	deferral   machine.Deferral
	ofLogin    bool // decides whether somebody is logged in:
	loggedOut  bool
	isUnknown  bool // only a newer version could say
}

// facts reads an entry. Whatever an issuer decides shows that it is well, and
// ends the wait. So does a login: its tokens came from the same endpoint, a
// refusal without a reason was about the bytes before them, and the process
// that made it waits no longer either. The price is one post for each login,
// and people log in, not loops.
func (e Entry) facts() facts {
	switch e.Kind {
	case Rotated:
		said := facts{ofEndpoint: true, expiry: e.expiry(), rotation: machine.Rotation{Key: e.Next, At: e.At, SentAt: e.SentAt}, ofLogin: e.Next != ""}
		if e.Next != e.Key {
			said.verdict = e.verdict(machine.ReasonSpent)
		} else {
			said.lost.Key = e.Key // it goes on, so that nothing was lost
		}
		return said
	case Refused:
		if e.Reason.IsExplained() {
			return facts{ofEndpoint: true, verdict: e.verdict(e.Reason)}
		}
		return facts{ofEndpoint: true, deferral: e.deferral()}
	case Deferred:
		said := facts{ofEndpoint: true, deferral: e.deferral()}
		if e.Lost {
			said.lost = machine.Loss{Key: e.Key, Times: max(e.Losses, 1)} // an older version does not count
		}
		if e.Next != "" && e.Next != e.Key { // its successor came, and no access token
			said.verdict = e.verdict(machine.ReasonSpent)
		}
		return said
	case Login:
		isStored := e.Method != machine.MethodExternal
		return facts{ofEndpoint: isStored, ofLogin: isStored, expiry: e.expiry()}
	case Adopted:
		return facts{ofLogin: true}
	case Logout:
		return facts{ofLogin: true, loggedOut: true, ended: machine.Ending{Key: e.Key}}
	case LogoutFailed:
		return facts{ofLogin: true, ended: machine.Ending{Key: e.Key, Undone: true}}
	case Past:
		return facts{condemned: e.Keys}
	case Intended, Revoked, Saved:
		return facts{}
	}
	return facts{isUnknown: true}
}

func (e Entry) verdict(reason machine.Reason) machine.Verdict {
	return machine.Verdict{Key: e.Key, Access: e.Access, Reason: reason, At: e.At}
}

func (e Entry) expiry() machine.Expiry { return machine.Expiry{Access: e.Issued, At: e.ExpiresAt} }

func (e Entry) deferral() machine.Deferral {
	return machine.Deferral{
		NotBefore: e.NotBefore, Failures: e.Failures, Unexplained: e.Kind == Refused, Evidence: e.Repeated.Clean(),
	}
}

// Needed marks the entries that a compaction keeps: what [Fold] makes of
// [PastEntries] and them is what it makes of all, for every endpoint. Kept as
// well are those of posts that are open, the newest of kinds that this version
// does not know, and the newest of all, for people.
func Needed(entries []Entry, open map[secret.Fingerprint]bool) []bool {
	needed := make([]bool, len(entries))
	verdicts, rotations, expiries, losses, ends, endpoints := latest{}, latest{}, latest{}, latest{}, latest{}, latest{}
	origins := latest{}
	loginDecided, unknown := false, 0
	for i, e := range slices.Backward(entries) {
		said := e.facts()
		decides := []bool{
			said.verdict.Key != "" && verdicts.isFirst(said.verdict.Key),
			said.rotation.Key != "" && rotations.isFirst(said.rotation.Key),
			said.expiry.Access != "" && expiries.isFirst(said.expiry.Access),
			said.lost.Key != "" && losses.isFirst(said.lost.Key),
			said.ended.Key != "" && ends.isFirst(said.ended.Key),
			said.ofEndpoint && endpoints.isFirst(e.Endpoint),
			e.Owner != "" && origins.isFirst(e.Owner),
			said.ofLogin && !loginDecided,
			said.isUnknown && unknown < remembered,
			open[e.Key],
			i >= len(entries)-auditEntries,
		}
		needed[i] = slices.Contains(decides, true)
		loginDecided = loginDecided || said.ofLogin
		if said.isUnknown {
			unknown++
		}
	}
	return needed
}

// latest are the names that were met on the way back through a journal.
type latest map[secret.Fingerprint]bool

func (l latest) isFirst(name secret.Fingerprint) bool {
	if l[name] || len(l) == remembered {
		return false
	}
	l[name] = true
	return true
}

// IsAnswered reports whether the journal has the issuer's answer to the post
// which intent announced. It does not if the intent itself is not in the journal:
// then nobody can tell.
func IsAnswered(intent Entry, entries iter.Seq[Entry]) bool {
	isAnnounced, isAnswered := false, false
	for e := range entries {
		switch {
		case e.Key != intent.Key:
		case e.Kind == Intended && e.PID == intent.PID && e.At.Equal(intent.At):
			isAnnounced, isAnswered = true, false
		case e.IsAnswer():
			isAnswered = isAnnounced
		}
	}
	return isAnswered
}
