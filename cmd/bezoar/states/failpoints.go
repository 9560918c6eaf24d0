package states

import "github.com/bezoar-auth/bezoar/store/system"

// Failpoint is a place in a refresh, a login or a logout at which a process may be
// killed, and what becomes of the login then. The tests kill a process at each one.
type Failpoint struct {
	Step    string  // of the engine, as engine.Options.Before has it
	Call    string  // the system call within it, as store/file names it; "" before the first one
	When    string  // the circumstance in which a process comes there; "" for any
	Leaves  string  // what the killed process leaves on the disk
	Outcome Outcome // what the next process makes of it
}

// The steps of a login and of a logout.
const (
	StepLogin  = "login"
	StepLogout = "logout"
	StepRevoke = "revoke" // the issuer hears of the logout
)

// Outcome is what the next process makes of what a killed process left. The set is closed:
// no login is lost without one of these names.
type Outcome string

// The outcomes of a death.
const (
	Unspent   Outcome = "Unspent"   // the login that was there when this process began, or that it found and put in place; its refresh token may be posted
	InDoubt   Outcome = "InDoubt"   // the refresh token may be spent: it is posted once more when the access token is of no use
	Committed Outcome = "Committed" // the new login is there, or is put there; nothing is posted
	Displaced Outcome = "Displaced" // the other login that was stored meanwhile is there, or is put back
	Withheld  Outcome = "Withheld"  // the login that was there: nothing is posted until the profile or the login is another
	SignedOut Outcome = "SignedOut" // there is no login, and each process knows that the user ended it
)

// The circumstances in which a refresh makes other system calls than usual.
const (
	WhenAfterCrash    = "another process died in its save"
	WhenLinked        = "auth.json has a second name, or is a mount point"
	WhenLoginBetween  = "another login is stored during the save"
	WhenLoginLast     = "another program stores a login after the last comparison"
	WhenLedgerIsLarge = "the ledger is due to be compacted"
	WhenObjected      = "the issuer does not accept the client"
)

// The texts that several rows share.
const (
	leavesNothing   = "nothing"
	leavesFiller    = "a file without a login, which the next process removes"
	leavesEmpty     = "an empty intent"
	leavesIntent    = "an intent without an outcome"
	leavesHalf      = "an intent, and half of a new login, which no process uses"
	leavesStaged    = "an intent, and the new login beside the old one: the next process puts it in place"
	leavesInPlace   = "an intent, and part of the new login in place: readers are given the copy beside it"
	leavesNew       = "the new login, and an intent that it resolves"
	leavesRecorded  = "the new login, and an intent that the ledger resolves"
	leavesObjected  = "an intent that the ledger resolves, and a file that the next process removes"
	leavesObjection = "an entry in the ledger, that the issuer does not accept the client, and a file that the next process removes"
	leavesAll       = "the new login; the ledger has it"
	leavesShort     = "the new login; the ledger has it, and a copy of the ledger goes with the next compaction"
	leavesAdrift    = "the new login of the killed process, in a copy: the next one puts it in place"
	leavesCopied    = "the other login, and a copy of the new one, which the next process removes"
	leavesTheirs    = "the other login; the new one is dropped"
	leavesOver      = "the new login; the other one is lost"
	leavesSwapped   = "the new login in place, and the other one beside it: the next process puts it back"
	leavesOld       = "the old login"
	leavesLoginHalf = "the old login, and a file that the next process removes"
	leavesLogin     = "the new login, which the ledger does not have yet"
	leavesLoginPart = "part of the new login in place: readers are given the copy beside it"
	leavesSaid      = "the old login, and an entry of its logout: the next process to start writes that the login goes on"
	leavesNone      = "no login; the ledger has the logout"
	leavesUntold    = "no login; the issuer does not know of the logout, and copies of the login go on"
	leavesTold      = "no login, and the issuer knows of the logout"
)

// RefreshFailpoints lists those of a kind of system in the order in which a refresh passes them.
func RefreshFailpoints(kind system.Kind) []Failpoint { return comingOn(kind, refreshFailpoints) }

var refreshFailpoints = []Failpoint{
	{"lock", "", "", leavesNothing, Unspent},
	{"lock", "lock: create", "", leavesNothing, Unspent},
	{"lock", "", WhenAfterCrash, leavesAdrift, Committed},
	{"lock", "lock: create", WhenAfterCrash, leavesAdrift, Committed},
	{"lock", "sweep: claim", WhenAfterCrash, leavesAdrift, Committed},
	{"lock", "sweep: sync", WhenAfterCrash, leavesAdrift, Committed},
	{"lock", "sweep: exchange", WhenAfterCrash, leavesAdrift, Committed},
	{"lock", "sweep: rename", WhenAfterCrash, leavesAdrift, Committed},
	{"lock", "sweep: remove", WhenAfterCrash, leavesNew, Committed},
	{"lock", "sweep: sync folder", WhenAfterCrash, leavesNew, Committed},
	{"reread", "", "", "an empty lock file, which stays, where there are locks", Unspent},
	{"reread", "", WhenAfterCrash, leavesNew, Committed},
	{"reread", "append: write", WhenAfterCrash, leavesNew, Committed},
	{"reserve", "", "", leavesNothing, Unspent},
	{"reserve", "reserve: create", "", leavesNothing, Unspent},
	{"reserve", "reserve: write", "", leavesFiller, Unspent},
	{"reserve", "reserve: sync", "", leavesFiller, Unspent},
	{"reserve", "reserve probe: create", "", leavesFiller, Unspent},
	{"reserve", "reserve: exchange", "", leavesFiller, Unspent},
	{"reserve", "reserve: rename", "", leavesFiller, Unspent},
	{"reserve", "reserve probe: remove", "", leavesFiller, Unspent},
	{"intend", "", "", leavesFiller, Unspent},
	{"intend", "intent: make folder", "", leavesFiller, Unspent},
	{"intend", "intent: sync parent folder", "", leavesFiller, Unspent},
	{"intend", "intent: create", "", leavesFiller, Unspent},
	{"intend", "intent: write", "", leavesEmpty, InDoubt},
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
	{"save", "swap: rename", "", leavesStaged, Committed},
	{"save", "swap: rename", WhenLoginBetween, leavesCopied, Displaced},
	{"save", "swap: sync folder", WhenLoginLast, leavesOver, Committed},
	{"save", "swap: exchange back", WhenLoginBetween, leavesSwapped, Displaced},
	{"save", "swap: sync folder first", WhenLinked, leavesStaged, Committed},
	{"save", "swap: truncate", WhenLinked, leavesStaged, Committed},
	{"save", "swap: write in place", WhenLinked, leavesInPlace, Committed},
	{"save", "swap: sync in place", WhenLinked, leavesInPlace, Committed},
	{"save", "swap: remove", "", leavesNew, Committed},
	{"save", "swap: remove", WhenLinked, leavesNew, Committed},
	{"save", "swap: sync folder", "", leavesNew, Committed},
	{"record", "", "", leavesNew, Committed},
	{"record", "append: write", "", leavesNew, Committed},
	{"record", "append: sync", "", leavesRecorded, Committed},
	{"record", "intent: remove", "", leavesRecorded, Committed},
	{"record", "", WhenLoginBetween, leavesTheirs, Displaced},
	{"record", "append: write", WhenLoginBetween, leavesTheirs, Displaced},
	{"record", "append: sync", WhenLoginBetween, leavesTheirs, Displaced},
	{"record", "intent: remove", WhenLoginBetween, leavesTheirs, Displaced},
	{"record", "", WhenObjected, leavesIntent, InDoubt},
	{"record", "append: write", WhenObjected, leavesIntent, InDoubt},
	{"record", "append: sync", WhenObjected, leavesObjected, Withheld},
	{"record", "intent: remove", WhenObjected, leavesObjected, Withheld},
	{"record", "compact: create", WhenLedgerIsLarge, leavesAll, Committed},
	{"record", "compact: write", WhenLedgerIsLarge, leavesShort, Committed},
	{"record", "compact: sync", WhenLedgerIsLarge, leavesShort, Committed},
	{"record", "compact: rename", WhenLedgerIsLarge, leavesShort, Committed},
	{"record", "compact: sync folder", WhenLedgerIsLarge, leavesAll, Committed},
	{"unlock", "", "", leavesAll, Committed},
	{"unlock", "", WhenObjected, leavesObjection, Withheld},
	{"unlock", "reserve: remove", WhenObjected, leavesObjection, Withheld},
	{"unlock", "", WhenLoginBetween, leavesTheirs, Displaced},
	{"unlock", "swap: remove", WhenLoginBetween, leavesTheirs, Displaced},
	{"unlock", "append: write", WhenLoginBetween, leavesTheirs, Displaced},
}

// AccountFailpoints lists the places of a login and of a logout, in their order.
func AccountFailpoints(kind system.Kind) []Failpoint { return comingOn(kind, accountFailpoints) }

var accountFailpoints = []Failpoint{
	{StepLogin, "", "", leavesOld, Unspent},
	{StepLogin, "sweep: claim", WhenAfterCrash, leavesAdrift, Unspent},
	{StepLogin, "sweep: sync", WhenAfterCrash, leavesAdrift, Unspent},
	{StepLogin, "sweep: exchange", WhenAfterCrash, leavesAdrift, Unspent},
	{StepLogin, "sweep: rename", WhenAfterCrash, leavesAdrift, Unspent},
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
	{StepLogin, "append: sync", "", leavesAll, Committed},
	{StepLogin, "append: sync folder", "", leavesAll, Committed},
	{StepLogout, "", "", leavesOld, Unspent},
	{StepLogout, "append: write", "", leavesOld, Unspent},
	{StepLogout, "append: sync", "", leavesSaid, Unspent},
	{StepLogout, "append: sync folder", "", leavesSaid, Unspent},
	{StepLogout, "sweep: claim", WhenAfterCrash, leavesAdrift, Unspent},
	{StepLogout, "sweep: sync", WhenAfterCrash, leavesAdrift, Unspent},
	{StepLogout, "sweep: exchange", WhenAfterCrash, leavesAdrift, Unspent},
	{StepLogout, "sweep: rename", WhenAfterCrash, leavesAdrift, Unspent},
	{StepLogout, "sweep: remove", WhenAfterCrash, leavesSaid, Unspent},
	{StepLogout, "sweep: sync folder", WhenAfterCrash, leavesSaid, Unspent},
	{StepLogout, "delete: remove", "", leavesSaid, Unspent},
	{StepLogout, "delete: truncate", WhenLinked, leavesSaid, Unspent},
	{StepLogout, "delete: write in place", WhenLinked, leavesNone, SignedOut},
	{StepLogout, "delete: sync in place", WhenLinked, leavesNone, SignedOut},
	{StepLogout, "delete: sync folder", "", leavesNone, SignedOut},
	{StepRevoke, "", "", leavesUntold, SignedOut},
	{StepRevoke, "append: write", "", leavesTold, SignedOut},
}
