// Package diagram turns the machine's table into pictures and pages. It is
// pure: the same table gives the same bytes.
package diagram

import (
	"fmt"
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
