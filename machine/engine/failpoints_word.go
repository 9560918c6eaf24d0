package engine

// The steps of a login and of a logout.
const (
	StepLogin  = "login"
	StepLogout = "logout"
	StepRevoke = "revoke" // the issuer is told of a logout
)

// WordSteps lists the steps of a login and of a logout.
func WordSteps() []string { return []string{StepLogin, StepLogout, StepRevoke} }

// The texts that several rows share.
const (
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

// WordFailpoints lists the places of a login and of a logout, in their order.
func WordFailpoints() []Failpoint {
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
