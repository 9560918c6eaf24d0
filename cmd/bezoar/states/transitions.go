package states

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/bezoar-auth/bezoar/machine"
)

// Transition is one row of the page: a trigger in one state.
type Transition struct {
	Trigger  machine.Trigger
	From, To machine.Phase
	Effects  []string // what Step ordered when it was run
	Why      string
}

// Transitions are all rows of the page, with effects obtained by running the
// machine. It returns an error for a row that no sample leads into: then the
// table promises something that cannot happen, or a sample is missing.
func Transitions() ([]Transition, error) {
	ways := samples()
	var all []Transition
	for _, row := range machine.Table() {
		for _, from := range row.Src {
			transition := Transition{
				Trigger: machine.Trigger(row.Name), From: machine.Phase(from), To: machine.Phase(row.Dst), Why: row.Why,
			}
			way, found := ways[cell{transition.Trigger, transition.From}]
			if !found {
				return nil, fmt.Errorf("no sample for %s in %s", transition.Trigger, transition.From)
			}
			next, effects, err := machine.Step(way.state, way.event)
			if err != nil || next.Phase != transition.To {
				return nil, fmt.Errorf("%s in %s leads to %s and not to %s: %w", transition.Trigger, from, next.Phase, transition.To, err)
			}
			for _, effect := range effects {
				transition.Effects = append(transition.Effects, reflect.TypeOf(effect).Name())
			}
			all = append(all, transition)
		}
	}
	return all, nil
}

// merged puts rows that differ only in where they come from into one.
func merged(all []Transition) []Transition {
	var rows []Transition
	for _, each := range all {
		last := len(rows) - 1
		stays := each.From == each.To
		if last >= 0 && rows[last].Trigger == each.Trigger && slices.Equal(rows[last].Effects, each.Effects) &&
			(rows[last].To == each.To || rows[last].To == same && stays) {
			rows[last].From += ", " + each.From
			continue
		}
		if stays && isQuiet(each.Trigger) {
			each.To = same
		}
		rows = append(rows, each)
	}
	return rows
}

// same stands for the state a quiet row came from.
const same = "(same)"

func isQuiet(trigger machine.Trigger) bool {
	return slices.ContainsFunc(machine.Table(), func(row machine.Row) bool {
		return row.Quiet && row.Name == string(trigger)
	})
}

// refreshing are the states in which the machine was seen to order a refresh.
func refreshing(transitions []Transition) []machine.Phase {
	var found []machine.Phase
	for _, each := range transitions {
		if slices.Contains(each.Effects, "StartRefresh") && !slices.Contains(found, each.To) {
			found = append(found, each.To)
		}
	}
	return found
}
