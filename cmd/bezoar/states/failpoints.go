package states

import "slices"

// Failpoint is a place in a refresh, a login or a logout at which a process may be
// killed, and what becomes of the login then. The tests kill a process at each one.
type Failpoint struct {
	Step    string  // of the engine; see RefreshSteps and AccountSteps
	Call    string  // the system call within it, as store/file names it; "" before the first one
	When    string  // the circumstance in which a process comes there; "" for any
	Leaves  string  // what the killed process leaves on the disk
	Outcome Outcome // what the next process makes of it
}

// RefreshSteps are the steps of a refresh in their order, as engine.Options.Before has them.
func RefreshSteps() []string { return stepsOf(RefreshFailpoints()) }

// The steps of a login and of a logout.
const (
	StepLogin  = "login"
	StepLogout = "logout"
	StepRevoke = "revoke" // the issuer is told of a logout
)

// AccountSteps are the steps of a login and of a logout in their order.
func AccountSteps() []string { return stepsOf(AccountFailpoints()) }

func stepsOf(table []Failpoint) (steps []string) {
	for _, each := range table {
		if !slices.Contains(steps, each.Step) {
			steps = append(steps, each.Step)
		}
	}
	return steps
}

// Outcome is what the next process makes of what was cut short. The set is closed: nothing is lost without one of these names.
type Outcome string

// The outcomes of a death.
const (
	Unspent   Outcome = "Unspent"   // the old login is there, and its refresh token may be posted
	InDoubt   Outcome = "InDoubt"   // the token may be spent: served while it serves, then posted once more
	Committed Outcome = "Committed" // the new login is there, or is put there; nothing is posted
	Displaced Outcome = "Displaced" // the login that somebody made meanwhile is there, or is put back
	SignedOut Outcome = "SignedOut" // nobody is logged in, and each process knows that it was on purpose
)

// The circumstances in which a refresh makes other system calls than usual.
const (
	WhenAfterCrash    = "another process died in its save"
	WhenLinked        = "auth.json has a second name, or is a mount point"
	WhenLoginBetween  = "somebody logs in during the save"
	WhenLedgerIsLarge = "the ledger is due to be compacted"
)

// The texts that several rows share.
const (
	leavesNothing   = "nothing"
	leavesFiller    = "a file without a login, which the next process removes"
	leavesIntent    = "an intent without an outcome"
	leavesHalf      = "an intent, and half of a new login that nobody can use"
	leavesStaged    = "an intent, and the new login beside the old one: the next one puts it in place"
	leavesInPlace   = "an intent, and part of the new login in place: readers are given the copy beside it"
	leavesNew       = "the new login, and an intent that it answers"
	leavesRecorded  = "the new login, and an intent that the ledger answers"
	leavesAll       = "the new login; the ledger says so"
	leavesShort     = "the new login; the ledger says so, and a copy of it goes with the next compaction"
	leavesAdrift    = "the new login of who died, in a copy: the next one puts it in place"
	leavesTheirs    = "the other login; the new one is dropped"
	leavesSwapped   = "the new login in place, and the other one beside it: the next one puts it back"
	leavesOld       = "the old login"
	leavesLoginHalf = "the old login, and a file that the next process removes"
	leavesLogin     = "the new login, which the ledger does not know yet"
	leavesLoginPart = "part of the new login in place: readers are given the copy beside it"
	leavesKnown     = "the new login; the ledger says so"
	leavesSaid      = "the old login, and an entry that it was ended: the next one to start writes that it goes on"
	leavesNobody    = "no login; the ledger says that it was ended"
	leavesUntold    = "no login; the issuer has not heard, and copies of it go on"
	leavesTold      = "no login, and the issuer knows"
)

// RefreshFailpoints lists them in the order in which a refresh passes them.
func RefreshFailpoints() []Failpoint {
	return []Failpoint{
		{"lock", "", "", leavesNothing, Unspent},
		{"lock", "lock: create", "", leavesNothing, Unspent},
		{"lock", "", WhenAfterCrash, leavesAdrift, Committed},
		{"lock", "lock: create", WhenAfterCrash, leavesAdrift, Committed},
		{"lock", "sweep: claim", WhenAfterCrash, leavesAdrift, Committed},
		{"lock", "sweep: sync", WhenAfterCrash, leavesAdrift, Committed},
		{"lock", "sweep: exchange", WhenAfterCrash, leavesAdrift, Committed},
		{"lock", "sweep: remove", WhenAfterCrash, leavesNew, Committed},
		{"lock", "sweep: sync folder", WhenAfterCrash, leavesNew, Committed},
		{"reread", "", "", "an empty lock file, which stays", Unspent},
		{"reread", "", WhenAfterCrash, leavesNew, Committed},
		{"reread", "append: write", WhenAfterCrash, leavesNew, Committed},
		{"reserve", "", "", leavesNothing, Unspent},
		{"reserve", "reserve: create", "", leavesNothing, Unspent},
		{"reserve", "reserve: write", "", leavesFiller, Unspent},
		{"reserve", "reserve: sync", "", leavesFiller, Unspent},
		{"reserve", "reserve probe: create", "", leavesFiller, Unspent},
		{"reserve", "reserve: exchange", "", leavesFiller, Unspent},
		{"reserve", "reserve probe: remove", "", leavesFiller, Unspent},
		{"intend", "", "", leavesFiller, Unspent},
		{"intend", "intent: make folder", "", leavesFiller, Unspent},
		{"intend", "intent: sync parent folder", "", leavesFiller, Unspent},
		{"intend", "intent: create", "", leavesFiller, Unspent},
		{"intend", "intent: write", "", "an empty intent, believed in until it is old", InDoubt},
		{"intend", "intent: sync", "", leavesIntent, InDoubt},
		{"intend", "intent: sync folder", "", leavesIntent, InDoubt},
		{"intend", "append: write", "", leavesIntent, InDoubt},
		{"intend", "append: sync folder", "", leavesIntent, InDoubt},
		{"post", "", "", leavesIntent, InDoubt},
		{"save", "", "", leavesIntent, InDoubt},
		{"save", "swap: name", "", leavesIntent, InDoubt},
		{"save", "swap: shorten", "", leavesIntent, InDoubt},
		{"save", "swap: write", "", leavesHalf, InDoubt},
		{"save", "swap: sync", "", leavesStaged, Committed},
		{"save", "swap: exchange", "", leavesStaged, Committed},
		{"save", "swap: exchange back", WhenLoginBetween, leavesSwapped, Displaced},
		{"save", "swap: sync folder first", WhenLinked, leavesStaged, Committed},
		{"save", "swap: truncate", WhenLinked, leavesStaged, Committed},
		{"save", "swap: write in place", WhenLinked, leavesInPlace, Committed},
		{"save", "swap: sync in place", WhenLinked, leavesInPlace, Committed},
		{"save", "swap: remove", "", leavesNew, Committed},
		{"save", "swap: sync folder", "", leavesNew, Committed},
		{"record", "", "", leavesNew, Committed},
		{"record", "append: write", "", leavesNew, Committed},
		{"record", "append: sync", "", leavesRecorded, Committed},
		{"record", "intent: remove", "", leavesRecorded, Committed},
		{"record", "", WhenLoginBetween, leavesTheirs, Displaced},
		{"record", "append: write", WhenLoginBetween, leavesTheirs, Displaced},
		{"record", "append: sync", WhenLoginBetween, leavesTheirs, Displaced},
		{"record", "intent: remove", WhenLoginBetween, leavesTheirs, Displaced},
		{"record", "compact: create", WhenLedgerIsLarge, leavesAll, Committed},
		{"record", "compact: write", WhenLedgerIsLarge, leavesShort, Committed},
		{"record", "compact: sync", WhenLedgerIsLarge, leavesShort, Committed},
		{"record", "compact: rename", WhenLedgerIsLarge, leavesShort, Committed},
		{"record", "compact: sync folder", WhenLedgerIsLarge, leavesAll, Committed},
		{"unlock", "", "", leavesAll, Committed},
		{"unlock", "", WhenLoginBetween, leavesTheirs, Displaced},
		{"unlock", "swap: remove", WhenLoginBetween, leavesTheirs, Displaced},
		{"unlock", "append: write", WhenLoginBetween, leavesTheirs, Displaced},
	}
}

// AccountFailpoints lists the places of a login and of a logout, in their order.
func AccountFailpoints() []Failpoint {
	return []Failpoint{
		{StepLogin, "", "", leavesOld, Unspent},
		{StepLogin, "sweep: claim", WhenAfterCrash, leavesAdrift, Unspent},
		{StepLogin, "sweep: sync", WhenAfterCrash, leavesAdrift, Unspent},
		{StepLogin, "sweep: exchange", WhenAfterCrash, leavesAdrift, Unspent},
		{StepLogin, "sweep: remove", WhenAfterCrash, leavesOld, Unspent},
		{StepLogin, "sweep: sync folder", WhenAfterCrash, leavesOld, Unspent},
		{StepLogin, "replace: create", "", leavesOld, Unspent},
		{StepLogin, "replace: write", "", leavesLoginHalf, Unspent},
		{StepLogin, "replace: sync", "", leavesLoginHalf, Unspent},
		{StepLogin, "replace: rename", "", leavesLoginHalf, Unspent},
		{StepLogin, "replace: sync folder first", WhenLinked, leavesLoginHalf, Unspent},
		{StepLogin, "replace: truncate", WhenLinked, leavesLoginHalf, Unspent},
		{StepLogin, "replace: write in place", WhenLinked, leavesLoginPart, Committed},
		{StepLogin, "replace: sync in place", WhenLinked, leavesLoginPart, Committed},
		{StepLogin, "replace: remove", WhenLinked, leavesLogin, Committed},
		{StepLogin, "replace: sync folder", "", leavesLogin, Committed},
		{StepLogin, "append: write", "", leavesLogin, Committed},
		{StepLogin, "append: sync", "", leavesKnown, Committed},
		{StepLogin, "append: sync folder", "", leavesKnown, Committed},
		{StepLogout, "", "", leavesOld, Unspent},
		{StepLogout, "append: write", "", leavesOld, Unspent},
		{StepLogout, "append: sync", "", leavesSaid, Unspent},
		{StepLogout, "append: sync folder", "", leavesSaid, Unspent},
		{StepLogout, "sweep: claim", WhenAfterCrash, leavesAdrift, Unspent},
		{StepLogout, "sweep: sync", WhenAfterCrash, leavesAdrift, Unspent},
		{StepLogout, "sweep: exchange", WhenAfterCrash, leavesAdrift, Unspent},
		{StepLogout, "sweep: remove", WhenAfterCrash, leavesSaid, Unspent},
		{StepLogout, "sweep: sync folder", WhenAfterCrash, leavesSaid, Unspent},
		{StepLogout, "delete: remove", "", leavesSaid, Unspent},
		{StepLogout, "delete: truncate", WhenLinked, leavesSaid, Unspent},
		{StepLogout, "delete: write in place", WhenLinked, leavesNobody, SignedOut},
		{StepLogout, "delete: sync in place", WhenLinked, leavesNobody, SignedOut},
		{StepLogout, "delete: sync folder", "", leavesNobody, SignedOut},
		{StepRevoke, "", "", leavesUntold, SignedOut},
		{StepRevoke, "append: write", "", leavesTold, SignedOut},
	}
}
