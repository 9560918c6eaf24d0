// Package journal reads the lines of a ledger: what they amount to, and which of them
// a compaction keeps.
package journal

import (
	"iter"
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

const (
	remembered   = 256 // bounds each list that is made of a journal; the oldest go first
	auditEntries = 256 // the newest entries, which are kept for people
)

// Fold is what one knows after some more entries of a journal, for those who ask
// the given token endpoint; before the first entry that is the zero TokenHistory. It
// is pure, and its result shares nothing with known. The position of an entry
// decides and never its time, for clocks go back. Entries overwrite and never
// count up, so that one that is in the journal twice does no harm.
func Fold(known machine.TokenHistory, entries iter.Seq[persist.Entry], endpoint secret.Fingerprint) machine.TokenHistory {
	known.Verdicts, known.Rotations = slices.Clone(known.Verdicts), slices.Clone(known.Rotations)
	known.Expiries = slices.Clone(known.Expiries)
	known.Lost, known.Ended = slices.Clone(known.Lost), slices.Clone(known.Ended)
	known.Origins = slices.Clone(known.Origins)
	var condemned []machine.Verdict // not yet among those that are known
	for e := range entries {
		said := factsOf(e)
		if said.condemned != "" {
			known.Condemned = known.Condemned.Parse(said.condemned)
		}
		if key := said.verdict.TokenID; key != "" {
			if condemned = append(condemned, said.verdict); len(condemned) == condemnedAtOnce {
				known.Condemned, condemned = known.Condemned.With(condemned...), condemned[:0]
			}
			known.Verdicts = replacing(known.Verdicts, said.verdict, func(v machine.Verdict) bool { return v.TokenID == key })
		}
		if key := said.rotation.TokenID; key != "" {
			known.Rotations = replacing(known.Rotations, said.rotation, func(r machine.Rotation) bool { return r.TokenID == key })
		}
		if access := said.expiry.Access; access != "" {
			known.Expiries = replacing(known.Expiries, said.expiry, func(x machine.Expiry) bool { return x.Access == access })
		}
		if key := said.lost.TokenID; key != "" {
			known.Lost = replacing(known.Lost, said.lost, func(l machine.Loss) bool { return l.TokenID == key })
		}
		if key := said.ended.TokenID; key != "" {
			known.Ended = replacing(known.Ended, said.ended, func(e machine.Ending) bool { return e.TokenID == key })
		}
		if e.Owner != "" {
			known.Origins = replacing(known.Origins, e.Origin(), func(o machine.Origin) bool { return o.Owner == e.Owner })
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
func PastEntries(known machine.TokenHistory, at time.Time) []persist.Entry {
	const keysALine = 1024 // 8 KiB, half of what a line may have
	if known.Condemned.Len() == (machine.Condemned{}).With(known.Verdicts...).Len() {
		return nil
	}
	var entries []persist.Entry
	for _, keys := range known.Condemned.Texts(keysALine) {
		entries = append(entries, persist.Entry{Kind: persist.Past, At: at, Keys: keys})
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
func factsOf(e persist.Entry) facts {
	switch e.Kind {
	case persist.Rotated:
		said := facts{ofEndpoint: true, expiry: expiryOf(e), rotation: machine.Rotation{TokenID: e.NextID, At: e.At, SentAt: e.SentAt}, ofLogin: e.NextID != ""}
		if e.NextID != e.TokenID {
			said.verdict = verdictOf(e, machine.ReasonSpent)
		} else {
			said.lost.TokenID = e.TokenID // it goes on, so that nothing was lost
		}
		return said
	case persist.Refused:
		if e.Reason.IsExplained() {
			return facts{ofEndpoint: true, verdict: verdictOf(e, e.Reason)}
		}
		return facts{ofEndpoint: true, deferral: deferralOf(e)}
	case persist.Deferred:
		said := facts{ofEndpoint: true, deferral: deferralOf(e)}
		if e.Lost {
			said.lost = machine.Loss{TokenID: e.TokenID, Times: max(e.Losses, 1)} // an older version does not count
		}
		if e.NextID != "" && e.NextID != e.TokenID { // its successor came, and no access token
			said.verdict = verdictOf(e, machine.ReasonSpent)
		}
		return said
	case persist.Login:
		isStored := e.Method != machine.MethodExternal
		return facts{ofEndpoint: isStored, ofLogin: isStored, expiry: expiryOf(e)}
	case persist.Adopted:
		return facts{ofLogin: true}
	case persist.Logout:
		return facts{ofLogin: true, loggedOut: true, ended: machine.Ending{TokenID: e.TokenID}}
	case persist.LogoutFailed:
		return facts{ofLogin: true, ended: machine.Ending{TokenID: e.TokenID, Undone: true}}
	case persist.Past:
		return facts{condemned: e.Keys}
	case persist.Intended, persist.Revoked, persist.Saved:
		return facts{}
	}
	return facts{isUnknown: true}
}

func verdictOf(e persist.Entry, reason machine.Reason) machine.Verdict {
	return machine.Verdict{TokenID: e.TokenID, Access: e.Access, Reason: reason, At: e.At}
}

func expiryOf(e persist.Entry) machine.Expiry {
	return machine.Expiry{Access: e.Issued, At: e.ExpiresAt}
}

func deferralOf(e persist.Entry) machine.Deferral {
	return machine.Deferral{
		NotBefore: e.NotBefore, Failures: e.Failures, Unexplained: e.Kind == persist.Refused, Evidence: e.Repeated.Clean(),
	}
}

// Needed marks the entries that a compaction keeps: what [Fold] makes of
// [PastEntries] and them is what it makes of all, for every endpoint. Kept as
// well are those of posts that are open, the newest of kinds that this version
// does not know, and the newest of all, for people.
func Needed(entries []persist.Entry, open map[secret.Fingerprint]bool) []bool {
	needed := make([]bool, len(entries))
	verdicts, rotations, expiries, losses, ends, endpoints := latest{}, latest{}, latest{}, latest{}, latest{}, latest{}
	origins := latest{}
	loginDecided, unknown := false, 0
	for i, e := range slices.Backward(entries) {
		said := factsOf(e)
		decides := []bool{
			said.verdict.TokenID != "" && verdicts.isFirst(said.verdict.TokenID),
			said.rotation.TokenID != "" && rotations.isFirst(said.rotation.TokenID),
			said.expiry.Access != "" && expiries.isFirst(said.expiry.Access),
			said.lost.TokenID != "" && losses.isFirst(said.lost.TokenID),
			said.ended.TokenID != "" && ends.isFirst(said.ended.TokenID),
			said.ofEndpoint && endpoints.isFirst(e.Endpoint),
			e.Owner != "" && origins.isFirst(e.Owner),
			said.ofLogin && !loginDecided,
			said.isUnknown && unknown < remembered,
			open[e.TokenID],
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
func IsAnswered(intent persist.Entry, entries iter.Seq[persist.Entry]) bool {
	isAnnounced, isAnswered := false, false
	for e := range entries {
		switch {
		case e.TokenID != intent.TokenID:
		case e.Kind == persist.Intended && e.PID == intent.PID && e.At.Equal(intent.At):
			isAnnounced, isAnswered = true, false
		case e.IsAnswer():
			isAnswered = isAnnounced
		}
	}
	return isAnswered
}

// Newest are the last n of some entries, or the error that ends them. Memory does
// not depend on how many there are.
func Newest(entries iter.Seq2[persist.Entry, error], n int) ([]persist.Entry, error) {
	var kept []persist.Entry
	for e, err := range entries {
		if err != nil {
			return nil, err
		}
		if kept = append(kept, e); len(kept) == 2*n {
			kept = append(kept[:0], kept[n:]...)
		}
	}
	return kept[max(0, len(kept)-n):], nil
}
