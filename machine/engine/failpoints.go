package engine

// Failpoint is a place in a refresh, a login or a logout before which a process may
// die, and what comes of the login then. The tables are data for STATES.md and for the
// tests that kill a process at each place.
type Failpoint struct {
	Step    string // of Steps, or of WordSteps
	Call    string // the system call within it, as store/file names it; "" before the step begins
	When    string // only then; "" in every refresh
	Leaves  string // what is on the disk of the one that died
	Outcome Outcome
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
	leavesNothing  = "nothing"
	leavesFiller   = "a file without a login, which the next process removes"
	leavesIntent   = "an intent without an outcome"
	leavesHalf     = "an intent, and half of a new login that nobody can use"
	leavesStaged   = "an intent, and the new login beside the old one: the next one puts it in place"
	leavesInPlace  = "an intent, and part of the new login in place: readers are given the copy beside it"
	leavesNew      = "the new login, and an intent that it answers"
	leavesRecorded = "the new login, and an intent that the ledger answers"
	leavesAll      = "the new login; the ledger says so"
	leavesShort    = "the new login; the ledger says so, and a copy of it goes with the next compaction"
	leavesAdrift   = "the new login of who died, in a copy: the next one puts it in place"
	leavesTheirs   = "the other login; the new one is dropped"
	leavesSwapped  = "the new login in place, and the other one beside it: the next one puts it back"
)

// Failpoints lists them in the order in which a refresh passes them.
func Failpoints() []Failpoint {
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
