package diagram

import (
	"fmt"
	"strings"
)

const preamble = `# The states

Generated from the machine by ` + "`bezoar states`" + `; do not edit. A test compares.

| state | meaning | hands out a token? | may post a refresh? |
|---|---|---|---|
| NoAuth | no credential | no | never |
| ApiKey | a static key | yes | never |
| Fresh | a token set the issuer gave, not aged | yes | never |
| Stale | a token set that should be refreshed | yes, while nothing says it is refused | **the only state that may** |
| Poisoned | the issuer refused this very refresh token for good | **no**; the method stays visible | **never** |

`

// Page is STATES.md: the picture, every row of the table with what the machine
// orders there, and the invariants with the tests that hold them.
func Page() (string, error) {
	transitions, err := Transitions()
	if err != nil {
		return "", err
	}
	var out strings.Builder
	out.WriteString(preamble)
	out.WriteString("```mermaid\n" + Mermaid() + "```\n\n")
	out.WriteString("Rows that lead back to their own state are left out of the picture, but for those of a refresh.\n\n")
	out.WriteString("## The transitions\n\nEffects were obtained by running `Step`; they are carried out in this order.\n\n")
	out.WriteString("| event | from | to | effects | why |\n|---|---|---|---|---|\n")
	for _, row := range merged(transitions) {
		effects := strings.Join(row.Effects, ", ")
		if effects == "" {
			effects = "–"
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s |\n", row.Trigger, row.From, row.To, effects, row.Why)
	}
	out.WriteString("\n## The invariants\n\n| # | promise | held by |\n|---|---|---|\n")
	for i, invariant := range Invariants() {
		fmt.Fprintf(&out, "| %d | %s | %s |\n", i+1, invariant.Promise, strings.Join(invariant.Tests, ", "))
	}
	return out.String(), nil
}

// Invariant is a promise with the names of the tests that hold it.
type Invariant struct {
	Promise string
	Tests   []string
}
