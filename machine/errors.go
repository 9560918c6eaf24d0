package machine

import "fmt"

// IllegalTransitionError reports an event that the table has no row for in
// this state. It is a bug where the event was made: the state stays as it
// was, and the engine logs it and goes on.
type IllegalTransitionError struct {
	From    Phase
	Trigger Trigger
}

func (e *IllegalTransitionError) Error() string {
	return fmt.Sprintf("no transition for %s in state %s", e.Trigger, e.From)
}
