// Package journal reads the lines of a ledger: it scans and follows the file, replays
// the entries into a [history.TokenHistory], and chooses those that a compaction keeps.
package journal

import (
	"cmp"
	"iter"
	"slices"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Replay is the history after some more entries of a journal, for the processes that
// use the given token endpoint; before the first entry it is the zero TokenHistory.
// Replay is pure, and its result shares nothing with known. The position of an entry
// decides and never its time, for clocks go back. Entries overwrite and never count
// up, so that an entry that stands twice in the journal does no harm.
func Replay(known history.TokenHistory, entries iter.Seq[persist.Entry], endpoint secret.Fingerprint) history.TokenHistory {
	r := replay{history: clone(known)}
	for e := range entries {
		said := factsOf(e)
		r.remember(said)
		if e.Owner != "" {
			replace(&r.history.Origins, e.Origin(), func(o history.Origin) bool { return o.Owner == e.Owner })
		}
		if said.ofEndpoint && e.Endpoint == endpoint {
			r.history.Deferral = said.deferral
		}
		if said.ofLogin {
			r.history.LoggedOut = said.loggedOut
		}
		if said.isMade {
			r.history.LastLogin = said.login
		}
	}
	r.history.Condemned = r.history.Condemned.With(r.condemned...)
	return r.history
}

func clone(h history.TokenHistory) history.TokenHistory {
	h.Verdicts, h.Rotations, h.Expiries = slices.Clone(h.Verdicts), slices.Clone(h.Rotations), slices.Clone(h.Expiries)
	h.Lost, h.Ended, h.Origins = slices.Clone(h.Lost), slices.Clone(h.Ended), slices.Clone(h.Origins)
	h.Successions, h.Objections = slices.Clone(h.Successions), slices.Clone(h.Objections)
	return h
}

// replay is a history in the making.
type replay struct {
	history   history.TokenHistory
	condemned []history.Verdict // not yet among those of the history
}

// condemnedAtOnce is how many token ids are sorted together, in a long journal.
const condemnedAtOnce = 4096

// remember puts what an entry says about single tokens into the lists.
func (r *replay) remember(said facts) {
	h := &r.history
	if said.condemned != "" {
		h.Condemned = h.Condemned.Parse(said.condemned)
	}
	if id := said.verdict.TokenID; id != "" {
		if r.condemned = append(r.condemned, said.verdict); len(r.condemned) == condemnedAtOnce {
			h.Condemned, r.condemned = h.Condemned.With(r.condemned...), r.condemned[:0]
		}
		replace(&h.Verdicts, said.verdict, func(v history.Verdict) bool { return v.TokenID == id })
	}
	if id := said.rotation.TokenID; id != "" {
		replace(&h.Rotations, said.rotation, func(r history.Rotation) bool { return r.TokenID == id })
	}
	if access := said.expiry.Access; access != "" {
		replace(&h.Expiries, said.expiry, func(x history.Expiry) bool { return x.Access == access })
	}
	if id := said.lost.TokenID; id != "" {
		replace(&h.Lost, said.lost, func(l history.Loss) bool { return l.TokenID == id })
	}
	if id := said.ended.TokenID; id != "" {
		replace(&h.Ended, said.ended, func(e history.Ending) bool { return e.TokenID == id })
	}
	if name := said.objection.Name(); said.objection.TokenID != "" {
		replace(&h.Objections, said.objection, func(o history.Objection) bool { return o.Name() == name })
	}
	if next := said.succession.Next; next != "" {
		replace(&h.Successions, said.succession, func(s history.Succession) bool { return s.Next == next })
	}
}

// remembered bounds each list that is made of a journal; the oldest go first.
const remembered = 256

// replace ends the list in last, without the elements that last takes the place of and
// without the oldest if the list is full.
func replace[T any](list *[]T, last T, old func(T) bool) {
	*list = append(slices.DeleteFunc(*list, old), last)
	if len(*list) > remembered {
		*list = (*list)[1:]
	}
}

// facts are the parts of a history that one entry decides.
type facts struct {
	verdict    history.Verdict    // none if it has no token id
	condemned  string             // ids of tokens with old verdicts
	rotation   history.Rotation   // none if it has no token id
	expiry     history.Expiry     // none if it has no token
	lost       history.Loss       // none if it has no token id
	ended      history.Ending     // none if it has no token id
	succession history.Succession // none if it has no next token id
	objection  history.Objection  // none if it has no token id
	ofEndpoint bool               // it decides how long to leave its endpoint alone:
	deferral   history.Deferral
	ofLogin    bool // it decides whether there is a login:
	loggedOut  bool
	isMade     bool // it is that a user made one:
	login      history.Login
	unknown    bool // only a newer version could say
}

// factsOf reads an entry. Any decision of an issuer shows that the issuer is well, and
// ends the wait. So does a login: its tokens came from the same endpoint, a refusal
// without a reason was about the bytes before them, and the process that made the
// login waits no longer either. The price is one post for each login, and people log
// in, not loops.
func factsOf(e persist.Entry) facts {
	switch e.Kind {
	case persist.Rotated:
		return factsOfRotation(e)
	case persist.Refused:
		if e.Reason.IsExplained() {
			return facts{ofEndpoint: true, verdict: verdictOf(e, e.Reason)}
		}
		return facts{ofEndpoint: true, deferral: deferralOf(e)}
	case persist.Deferred:
		return factsOfDeferral(e)
	case persist.Login:
		return factsOfLogin(e)
	case persist.Adopted:
		said := facts{ofLogin: true}
		if e.Resumed {
			said.ended = endingOf(e, true)
		}
		return said
	case persist.Logout:
		return facts{ofLogin: true, loggedOut: true, ended: endingOf(e, false)}
	case persist.LogoutFailed:
		return facts{ofLogin: true, ended: endingOf(e, true)}
	case Past:
		return facts{condemned: e.Keys}
	case persist.Intended, persist.Revoked, persist.Saved:
		return facts{}
	}
	return facts{unknown: true}
}

// factsOfLogin says nothing of the home if the login lives in one process alone. Another
// one may be what a logout had ended: a key is given again.
func factsOfLogin(e persist.Entry) facts {
	if e.Method == machine.MethodExternal {
		return facts{expiry: expiryOf(e)}
	}
	said := facts{
		ofEndpoint: true, ofLogin: true, isMade: true, expiry: expiryOf(e), ended: endingOf(e, true),
		login: history.Login{TokenID: e.TokenID, Access: e.Access, Owner: e.Owner, At: e.At.Round(0).UTC()},
	}
	if e.Profile != "" {
		said.objection = history.Lifting(e.TokenID)
	}
	return said
}

func endingOf(e persist.Entry, undone bool) history.Ending {
	return history.Ending{TokenID: cmp.Or(e.TokenID, e.Access), Undone: undone}
}

func factsOfRotation(e persist.Entry) facts {
	said := facts{ofEndpoint: true, expiry: expiryOf(e), rotation: history.Rotation{TokenID: e.NextID, At: e.At, SentAt: e.SentAt}, ofLogin: e.NextID != ""}
	if e.NextID != e.TokenID {
		said.verdict, said.succession = verdictOf(e, history.ReasonSpent), successionOf(e)
	} else {
		said.lost.TokenID = e.TokenID // it goes on, so that nothing was lost
	}
	return said
}

func factsOfDeferral(e persist.Entry) facts {
	if e.IsObjection() {
		return facts{ofEndpoint: true, objection: objectionOf(e)}
	}
	said := facts{ofEndpoint: true, deferral: deferralOf(e)}
	if e.Lost {
		said.lost = history.Loss{TokenID: e.TokenID, Times: max(e.Losses, 1), SentAt: e.SentAt} // an older version does not count
	}
	if e.NextID != "" && e.NextID != e.TokenID { // its successor came, and no access token
		said.verdict, said.succession = verdictOf(e, history.ReasonSpent), successionOf(e)
	}
	return said
}

func successionOf(e persist.Entry) history.Succession {
	return history.Succession{TokenID: e.TokenID, Next: e.NextID}
}

func verdictOf(e persist.Entry, reason history.Reason) history.Verdict {
	return history.Verdict{TokenID: e.TokenID, Access: e.Access, Reason: reason, At: e.At, InDoubt: e.InDoubt}
}

func expiryOf(e persist.Entry) history.Expiry {
	return history.Expiry{Access: e.Issued, At: e.ExpiresAt}
}

func deferralOf(e persist.Entry) history.Deferral {
	said := history.Deferral{
		NotBefore: e.NotBefore, Failures: e.Failures, Unexplained: e.Kind == persist.Refused, Evidence: e.Repeated.Clean(),
	}
	if e.IsInVain() {
		said.Unexplained, said.OfClient, said.Profile = true, true, e.Profile
	}
	return said
}

func objectionOf(e persist.Entry) history.Objection {
	return history.Objection{TokenID: e.TokenID, Profile: e.Profile, Why: e.Objection, Evidence: e.Evidence.Clean(), At: e.At}
}

// IsAnswered reports whether the journal has the issuer's answer to the post which
// intent announced. It does not if the intent itself is not in the journal: then the
// journal cannot tell. It returns the error that ends the entries.
func IsAnswered(intent persist.Entry, entries iter.Seq2[persist.Entry, error]) (bool, error) {
	announced, answered := false, false
	for e, err := range entries {
		switch {
		case err != nil:
			return false, err
		case e.TokenID != intent.TokenID:
		case e.Kind == persist.Intended && e.PID == intent.PID && e.At.Equal(intent.At):
			announced, answered = true, false
		case e.IsAnswer():
			answered = announced
		}
	}
	return answered, nil
}

// IsInVain reports whether the journal says of the post which intent announced that
// nothing came of it: the issuer objected to the request. It returns the error that ends
// the entries.
func IsInVain(intent persist.Entry, entries iter.Seq2[persist.Entry, error]) (bool, error) {
	isOurs, inVain := false, false
	for e, err := range entries {
		switch {
		case err != nil:
			return false, err
		case e.TokenID != intent.TokenID || e.PID != intent.PID:
		case e.Kind == persist.Intended:
			isOurs = e.At.Equal(intent.At)
		case e.IsInVain():
			inVain = inVain || isOurs
		}
	}
	return inVain, nil
}
