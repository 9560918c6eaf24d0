package machine

// Trouble is what stood in the way of a refresh that ended without a verdict, or of
// a look at the store: a closed set of words for programs, which hold no more.
type Trouble string

// The troubles.
const (
	TroubleIssuer      Trouble = "issuer_unavailable" // it is away, out of order, or wants to be left alone
	TroubleDoubt       Trouble = "in_doubt"           // the refresh token may be spent: an answer was lost, or a process
	TroubleSister      Trouble = "refresh_elsewhere"  // another process holds the lock or the intent
	TroubleOtherLogin  Trouble = "other_login_stored" // what the store holds is not the login in use
	TroubleUnreadable  Trouble = "store_unavailable"  // nobody can tell what it holds
	TroubleUnwriteable Trouble = "store_not_durable"  // it could not keep what the issuer would grant
)

// isOfStore reports whether the store held something else than the login in use, or
// something that nobody could read.
func (t Trouble) isOfStore() bool { return t == TroubleOtherLogin || t == TroubleUnreadable }

// NeedsOperator reports whether waiting does not help: somebody has to look after
// this machine.
func (t Trouble) NeedsOperator() bool { return t == TroubleUnreadable || t == TroubleUnwriteable }
