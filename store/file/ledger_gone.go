package file

import (
	"time"

	"github.com/bezoar-auth/bezoar/machine/persist"
)

// isGone reports whether the process that made an intent will write no outcome
// any more: it has ended, or its post must have, and the process cannot be asked
// after. One that is known to live is believed for as long as it may listen for a
// late answer, and for as long as it stands still: it goes on with the answer in
// its socket. Usually the lock tells as much; where nothing can be locked this is
// all there is.
func (l *Ledger) isGone(i intent) bool {
	now, me := l.options.Now(), l.me()
	switch {
	case i.isDead(i.PID, me):
		return true
	case i.lives(i.PID, me):
		return i.isOldBy(now, persist.HearingLimit) && !isStopped(i.PID)
	}
	return i.isOldBy(now, 0)
}

// isOldBy reports whether the post must have ended so long ago. An intent from the
// future was made by a clock that has since gone back: its age says nothing.
func (i intent) isOldBy(now time.Time, more time.Duration) bool {
	return now.Sub(i.At).Abs() > i.Deadline.Sub(i.At)+more
}

// lives reports whether the process surely runs.
func (h holder) lives(pid int, me holder) bool {
	if h.Realm == "" || h.Realm != me.Realm {
		return false
	}
	started, isRunning := processStart(pid)
	return isRunning && started != "" && started == h.Started
}
