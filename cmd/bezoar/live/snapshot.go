package live

import (
	"fmt"
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/history"
)

// fact is one line about the snapshot.
type fact struct {
	Name, Value string
	At          *clock // in place of Value
	Distance    string // of At from now
	Bad         bool   // a time that should not have come yet
}

// timed is a fact that is a time.
func timed(name string, at, now time.Time) fact {
	if at.IsZero() {
		return fact{Name: name}
	}
	return fact{Name: name, At: clockAt(at, now), Distance: distance(at, now)}
}

// expiry is when the access token expires, or that it has.
func expiry(s machine.Snapshot, now time.Time) fact {
	f := timed("access token expires", s.Expiry(), now)
	if s.Assess(now).Expired {
		f.Name, f.Bad = "access token expired", true
	}
	return f
}

// facts are the members of a snapshot that are set. Tokens have fingerprints: those
// that the ledger has, and that of the token in use.
func (p *page) facts(s machine.Snapshot, now time.Time) []fact {
	verdict, _ := s.Verdict()
	all := []fact{
		{Name: "state", Value: string(s.Phase())},
		timed("since", s.Since(), now),
		{Name: "reason", Value: words(s.Assess(now).Reason)},
		{Name: "method", Value: string(s.LoginMethod())},
		{Name: "credential", Value: s.Access().Short()},
		{Name: "refresh token", Value: s.TokenID().Short()},
		expiry(s, now),
		timed("refresh is due", dueAt(s), now),
		timed("last refresh", s.LastRefresh(), now),
		{Name: "verdict", Value: p.because(verdict.Reason)},
		timed("verdict at", verdict.At, now),
		{Name: "refresh wanted", Value: p.options.Words.Cause(causeOf(s))},
		{Name: "refresh in flight", Value: count(uint64(s.Attempt()), "no. %d")},
		timed("last attempt", s.LastAttempt(), now),
		timed("next attempt not before", s.NotBefore(), now),
		{Name: "failures in a row", Value: count(uint64(s.Failures()), "%d")},
		{Name: "what stands in the way", Value: words(string(s.Blocked()))},
		{Name: "access token refused", Value: yes(s.Rejected())},
		{Name: "in doubt", Value: yes(s.InDoubt())},
		{Name: "unsaved", Value: yes(s.Unsaved())},
	}
	return slices.DeleteFunc(all, func(f fact) bool { return f.Value == "" && f.At == nil })
}

// dueAt is when a refresh is due, zero for a login that is never refreshed again.
func dueAt(s machine.Snapshot) time.Time {
	if s.Phase() == machine.Poisoned {
		return time.Time{}
	}
	return s.DueAt()
}

// causeOf is why a refresh is wanted, "" if none is.
func causeOf(s machine.Snapshot) endpoint.Cause {
	if s.Phase() != machine.Stale {
		return ""
	}
	return s.Cause()
}

func count(n uint64, format string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(format, n)
}

func yes(set bool) string {
	if set {
		return "yes"
	}
	return ""
}

// because is a verdict in words, "" for none.
func (p *page) because(reason history.Reason) string {
	if reason == "" {
		return ""
	}
	return p.options.Words.Reason(reason)
}
