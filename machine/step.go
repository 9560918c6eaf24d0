package machine

import "slices"

// Step is the machine: what happened, in which state, gives the next state and
// the orders to carry out. It is pure; the same arguments give the same result.
//
// It returns an [*IllegalTransitionError], and the state unchanged, for an
// event that the table has no row for. Nothing that the engine, a client, a
// store or an issuer does can lead there: it is a bug where the event was made.
func Step(s State, e Event) (State, []Effect, error) {
	m, at := e.move(s), e.at()
	phase, err := advance(s.Phase, m.trigger)
	if err != nil {
		return s, nil, err
	}
	next, effects := m.next, m.effects
	next.Phase = phase
	if phase != s.Phase || s.Since.IsZero() {
		next.Since = at
	}
	if publishes(effects) {
		if next.told = next.Assess(at).news(); next.told != s.told || !next.Credential.Equal(s.Credential) {
			effects = slices.Insert(effects, 1, Effect(Notify{Trigger: m.trigger}))
		}
	}
	if m.ended != nil {
		effects = append(effects, next.revoking(*m.ended)...)
	}
	return next, effects, nil
}

// transition is what an event leads to in a state. The table has the last word on it.
type transition struct {
	trigger Trigger     // what the table calls the event
	next    State       // but for its phase, which the table gives
	effects []Effect    // begin with Publish if readers may see a difference
	ended   *Credential // a login that no process uses any more, nil for none
}

// publishing is a transition that readers may see.
func publishing(trigger Trigger, next State) transition {
	return transition{trigger: trigger, next: next, effects: []Effect{Publish{}}}
}

// publishes reports whether effects begin with the Publish that every change begins
// with.
func publishes(effects []Effect) bool {
	return len(effects) > 0 && effects[0] == Effect(Publish{})
}

// TriggerOf says what the table calls an event in this state.
func TriggerOf(s State, e Event) Trigger { return e.move(s).trigger }
