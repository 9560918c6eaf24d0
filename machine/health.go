package machine

// Health is how a login fares, in words of closed sets. It is comparable: while
// it is equal there is nothing new to tell.
type Health struct {
	Label   Label
	Reason  string // why it is in this state; "" if that needs no reason
	Unsaved bool   // the tokens are in memory alone
	InDoubt bool   // the refresh token may be spent, and its successor lost
	Action  Action
}

// Action is what somebody has to do about a login.
type Action string

// The actions.
const (
	ActionNone     Action = "none"
	ActionWait     Action = "wait"     // the engine tries again by itself
	ActionLogin    Action = "login"    // the user has to log in
	ActionOperator Action = "operator" // this machine needs somebody: its disk, its keyring
)

// reasonRejected says that a resource server refused the access token.
const reasonRejected = "token_rejected"

// Health is how the login fares.
func (s State) Health() Health {
	return Health{
		Label: s.Label, Reason: s.reason(), Action: s.action(),
		Unsaved: s.IsUnsaved(), InDoubt: s.InDoubt,
	}
}

func (s State) reason() string {
	if s.Label == Poisoned {
		verdict, _ := s.Verdict()
		return string(verdict.Reason)
	}
	switch {
	case s.IsUnsaved():
		return string(TroubleUnwriteable)
	case s.Trouble != "":
		return string(s.Trouble)
	case s.Rejected:
		return reasonRejected
	}
	return ""
}

func (s State) action() Action {
	switch {
	case s.Label == NoAuth && s.Trouble == "", s.Label == Poisoned:
		return ActionLogin
	case s.IsUnsaved(), s.Trouble.NeedsOperator():
		return ActionOperator
	case s.Label == Stale && (s.Trouble != "" || s.Attempt != 0 || s.Rejected):
		return ActionWait
	}
	return ActionNone
}
