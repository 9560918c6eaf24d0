package view

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/legible"
)

// happening is a sentence of the story: one entry of the ledger, or several in a row that
// are alike.
type happening struct {
	At    cli.Stamp    `json:"at"` // of the last one
	Kind  persist.Kind `json:"kind"`
	Count int          `json:"count"`
	Text  string       `json:"text"`
}

// story is how the login came to its state, the oldest sentence first: everything since
// the last login or logout, and what happened before to the refresh token in use.
func (v *View) story() []happening {
	return append(v.beginning(), v.sentences(v.entriesTold())...)
}

// sentences describe entries, the oldest first. Entries in a row that are alike make one
// sentence.
func (v *View) sentences(entries []persist.Entry) []happening {
	var story []happening
	var first, last persist.Entry // of the present sentence
	count := 0
	tell := func() {
		if count > 0 {
			story = append(story, happening{cli.Stamp{Time: last.At}, last.Kind, count, v.sentence(first, last, count)})
		}
		count = 0
	}
	for _, e := range entries {
		if count == 0 || !v.isAlike(last, e) {
			tell()
			first = e
		}
		last = e
		count++
	}
	tell()
	return story
}

// unseen is the kind of a sentence about what happened outside bezoar.
const unseen persist.Kind = "unseen"

// beginning says where the tokens came from, if they were issued outside bezoar.
func (v *View) beginning() []happening {
	known := func(e persist.Entry) bool { return begins(e) || e.NextID != "" && e.NextID == v.State.TokenID() }
	at := v.State.LastRefresh()
	if at.IsZero() || slices.ContainsFunc(v.entries, known) {
		return []happening{}
	}
	if v.publishedFrom != "" {
		return []happening{{cli.Stamp{Time: at}, unseen, 1, "The tokens were issued for " + v.publishedFrom + ", and the access token was published here."}}
	}
	return []happening{{cli.Stamp{Time: at}, unseen, 1, "Tokens were issued outside bezoar: another program logged in or refreshed them."}}
}

// begins reports whether a story can begin with the entry.
func begins(e persist.Entry) bool {
	return e.Kind == persist.Login && e.Method != machine.MethodExternal || e.Kind == persist.Logout || e.Kind == persist.Adopted
}

// withoutFailedLogouts are entries without each logout that failed: its process records
// it before the login is removed, and then that the login could not be removed.
func withoutFailedLogouts(entries []persist.Entry) []persist.Entry {
	failed := map[int]bool{} // by the process, of its next logout back in time
	var stood []persist.Entry
	for _, e := range slices.Backward(entries) {
		switch e.Kind {
		case persist.LogoutFailed:
			failed[e.PID] = true
		case persist.Logout:
			if failed[e.PID] {
				failed[e.PID] = false
				continue
			}
		}
		stood = append(stood, e)
	}
	slices.Reverse(stood)
	return stood
}

// isAlike reports whether two entries in a row make one sentence.
func (v *View) isAlike(a, b persist.Entry) bool {
	switch b.Kind {
	case persist.Adopted:
		return a.Kind == b.Kind && v.isRefreshedElsewhere(a) && v.isRefreshedElsewhere(b)
	case persist.Rotated:
		return a.Kind == b.Kind && a.NextID == b.TokenID
	case persist.Deferred:
		return a.Kind == b.Kind && a.TokenID == b.TokenID && a.Lost == b.Lost && a.Evidence == b.Evidence && a.NextID == b.NextID && a.Objection == b.Objection
	}
	return false
}

func (v *View) entriesTold() []persist.Entry {
	begin := 0
	for i, e := range v.entries {
		if begins(e) && !v.isKnownFromBefore(i) && v.storedElsewhere(i) != byRefresh {
			begin = i
		}
	}
	key := v.State.TokenID()
	var told []persist.Entry
	for i, e := range v.entries {
		ours := key != "" && (e.TokenID == key || e.NextID == key)
		if (ours || i >= begin) && !v.isOutcomeKnown(i) && !v.isKnownFromBefore(i) {
			told = append(told, e)
		}
	}
	return told
}

// isOutcomeKnown reports whether the entry is an intent whose outcome the ledger has: its
// process recorded it, or its new tokens were found and stored later. The outcome of
// another process's post says nothing about this one.
func (v *View) isOutcomeKnown(i int) bool {
	intent := v.entries[i]
	if intent.Kind != persist.Intended {
		return false
	}
	for _, e := range v.entries[i+1:] {
		ended := e.Kind == persist.Rotated || e.Kind == persist.Refused || e.Kind == persist.Deferred
		if e.TokenID == intent.TokenID && ended && (e.PID == intent.PID || e.Kind == persist.Rotated) {
			return true
		}
	}
	return false
}

// isKnownFromBefore reports whether the entry says that a process loaded a login which
// another process of this home had recorded before and not ended since: then no other
// program made it.
func (v *View) isKnownFromBefore(i int) bool {
	taken := v.entries[i]
	if taken.Kind != persist.Adopted {
		return false
	}
	for _, e := range slices.Backward(v.entries[:i]) {
		switch {
		case e.Kind == persist.Logout:
			return false
		case e.Kind == persist.Rotated && e.NextID == taken.TokenID, e.Kind == persist.Login && e.TokenID == taken.TokenID && e.Access == taken.Access:
			return true
		}
	}
	return false
}

// sentence describes entries that are alike.
func (v *View) sentence(first, last persist.Entry, count int) string {
	who := fmt.Sprintf("process %d", last.PID)
	switch last.Kind {
	case persist.Login:
		return fmt.Sprintf("Logged in%s (%s).", v.withMethod(last), who)
	case persist.Adopted:
		if last.Method == machine.MethodExternal {
			return fmt.Sprintf("Another program published a token here, and bezoar loaded it (%s).", who)
		}
		if v.isRefreshedElsewhere(last) {
			return v.rotationElsewhere(first, last, count, who)
		}
		return fmt.Sprintf("Another program stored a login%s, and bezoar loaded it (%s).", v.withMethod(last), who)
	case persist.Logout:
		return fmt.Sprintf("Logged out (%s).", who)
	case persist.LogoutFailed:
		return fmt.Sprintf("Tried to log out, but the stored login could not be removed (%s).", who)
	case persist.Revoked:
		return fmt.Sprintf("The login that had ended was revoked at the issuer (%s).", who)
	case persist.Intended:
		return fmt.Sprintf("Refresh token %s was about to be sent%s; the outcome was not recorded (%s).", short(last.TokenID), OnCause(last.Cause), v.stillAt(last))
	case persist.Rotated:
		return v.rotation(first, last, count, who)
	case persist.Saved:
		return fmt.Sprintf("Refresh token %s was stored, which until then was in memory only (%s).", short(last.TokenID), who)
	case persist.Refused:
		return fmt.Sprintf("Refresh token %s was sent%s (%s): %s. %s", short(last.TokenID), OnCause(last.Cause), who, Because(last.Reason), v.consequence(last))
	case persist.Deferred:
		return v.deferral(first, last, count, who)
	}
	return fmt.Sprintf("This version does not know the entry %s (%s).", legible.Line(string(last.Kind)), who)
}

// stillAt describes the process of an intent without an outcome: it may still wait for
// the answer, or it has ended.
func (v *View) stillAt(intent persist.Entry) string {
	if v.At.Sub(intent.At) < v.Config.RefreshDeadline+session.StoreMargin {
		return fmt.Sprintf("process %d may still wait for the answer", intent.PID)
	}
	return fmt.Sprintf("process %d ended before that", intent.PID)
}

func (v *View) rotation(first, last persist.Entry, count int, who string) string {
	became := "is now " + short(last.NextID)
	switch last.NextID {
	case "":
		became = "has no successor: the new tokens were dropped, because a login or logout came first"
	case first.TokenID:
		became = "stays in use"
	}
	how := OnCause(last.Cause)
	if count > 1 {
		how = fmt.Sprintf(" %d times since %s", count, cli.ExactTime(first.At, v.At))
	}
	return fmt.Sprintf("The tokens were refreshed%s; refresh token %s %s (%s).", how, short(first.TokenID), became, who)
}

func (v *View) rotationElsewhere(first, last persist.Entry, count int, who string) string {
	often := ""
	if count > 1 {
		often = fmt.Sprintf(" %d times since %s", count, cli.ExactTime(first.At, v.At))
	}
	return fmt.Sprintf("Another program refreshed the login%s, and bezoar adopted refresh token %s (%s).", often, short(last.TokenID), who)
}

func (v *View) deferral(first, last persist.Entry, count int, who string) string {
	what := cmp.Or(answered(last.Evidence), "the issuer was unavailable")
	if last.Lost {
		what += ", so an answer may be lost and the token spent"
	}
	if last.NextID != "" {
		what += fmt.Sprintf(", but with a new refresh token, %s", short(last.NextID))
	}
	if count > 1 {
		what += fmt.Sprintf(", %d times since %s", count, cli.ExactTime(first.At, v.At))
	}
	wait := ""
	switch {
	case last.IsObjection() && last.Evidence.Status == 0:
		return fmt.Sprintf("Refresh token %s was not sent: %s (%s).", short(last.TokenID), objectionOf(last.Objection, last.Evidence), who)
	case last.IsObjection():
		what = objectionOf(last.Objection, last.Evidence)
		wait = " It is not sent again until the profile or the login is another."
	case !last.NotBefore.IsZero():
		wait = fmt.Sprintf(" Next attempt not before %s.", cli.ExactTime(last.NotBefore, v.At))
	}
	return fmt.Sprintf("Refresh token %s was sent%s; %s (%s).%s", short(last.TokenID), OnCause(last.Cause), what, who, wait)
}

func (v *View) consequence(refused persist.Entry) string {
	if refused.Reason.IsExplained() {
		return "It is never sent again."
	}
	return fmt.Sprintf("Another process may send it from %s on.", cli.ExactTime(refused.NotBefore, v.At))
}

func (v *View) withMethod(e persist.Entry) string {
	token := ""
	if e.TokenID != "" {
		token = ", refresh token " + short(e.TokenID)
	}
	switch e.Method {
	case machine.MethodAPIKey:
		return " with an API key, " + short(e.Access)
	case machine.MethodTokens:
		return " with " + legible.Line(v.Config.IssuerName()) + token
	case machine.MethodExternal:
		return " with tokens that a client brought"
	}
	return token
}

// OnCause is why a refresh was wanted, in words.
func OnCause(cause endpoint.Cause) string {
	switch cause {
	case endpoint.CauseDemanded:
		return " because a client demanded it"
	case endpoint.CauseExpiring:
		return " because the access token was about to expire"
	case endpoint.CauseOld:
		return " because the last refresh was long ago"
	case endpoint.CauseRejected:
		return " because a server had rejected the access token"
	}
	return ""
}

// short is a fingerprint as it is printed. A ledger can be edited, so it is made legible.
func short(f secret.Fingerprint) string { return legible.Line(f.Short()) }
