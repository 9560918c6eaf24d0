// Package diagram turns the machine's table into pictures and pages. It is
// pure: the same table gives the same bytes.
package diagram

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/bezoar-auth/bezoar/machine"
)

// Edge is an arrow of the picture with all its labels.
type Edge struct {
	From, To machine.Phase // From is "" for an arrow from every state
	Triggers []string
}

// Edges are the arrows of the picture, in the order of the table. Rows that
// lead from everywhere become one arrow, quiet rows none.
func Edges() []Edge {
	var edges []Edge
	add := func(from, to machine.Phase, trigger string) {
		for i := range edges {
			if edges[i].From == from && edges[i].To == to {
				edges[i].Triggers = append(edges[i].Triggers, trigger)
				return
			}
		}
		edges = append(edges, Edge{from, to, []string{trigger}})
	}
	for _, row := range machine.Table() {
		switch {
		case row.Quiet:
		case len(row.Src) == len(machine.Phases()):
			add("", machine.Phase(row.Dst), row.Name)
		default:
			for _, from := range row.Src {
				add(machine.Phase(from), machine.Phase(row.Dst), row.Name)
			}
		}
	}
	return edges
}

// anyState is the box from which the arrows from every state start.
const anyState = "AnyState"

// Mermaid is the picture in the language that code hosts draw.
func Mermaid() string {
	var out strings.Builder
	out.WriteString("stateDiagram-v2\n    direction LR\n    [*] --> NoAuth\n")
	fmt.Fprintf(&out, "    state \"any state\" as %s\n", anyState)
	for _, edge := range Edges() {
		from := string(edge.From)
		if from == "" {
			from = anyState
		}
		fmt.Fprintf(&out, "    %s --> %s : %s\n", from, edge.To, strings.Join(edge.Words(), ", "))
	}
	return out.String()
}

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
