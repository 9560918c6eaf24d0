package machine

// BlockReason is what stood in the way of a refresh that ended without a verdict, or of
// a look at the store: a closed set of words for programs, which hold no more.
type BlockReason string

// The troubles.
const (
	BlockIssuerUnavailable BlockReason = "issuer_unavailable" // it is away, out of order, or wants to be left alone
	BlockInDoubt           BlockReason = "in_doubt"           // the refresh token may be spent: an answer was lost, or a process
	BlockRefreshElsewhere  BlockReason = "refresh_elsewhere"  // another process holds the lock or the intent
	BlockOtherLoginStored  BlockReason = "other_login_stored" // what the store holds is not the login in use
	BlockStoreUnavailable  BlockReason = "store_unavailable"  // nobody can tell what it holds
	BlockStoreNotDurable   BlockReason = "store_not_durable"  // it could not keep what the issuer would grant
)

// isOfStore reports whether the store held something else than the login in use, or
// something that nobody could read.
func (t BlockReason) isOfStore() bool {
	return t == BlockOtherLoginStored || t == BlockStoreUnavailable
}

// NeedsOperator reports whether waiting does not help: somebody has to look after
// this machine.
func (t BlockReason) NeedsOperator() bool {
	return t == BlockStoreUnavailable || t == BlockStoreNotDurable
}
