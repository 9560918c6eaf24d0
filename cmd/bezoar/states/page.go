package states

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/diagram"
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
// orders there, what a death in a refresh leaves, and the invariants with the
// tests that hold them.
func Page() (string, error) {
	transitions, err := Transitions()
	if err != nil {
		return "", err
	}
	var out strings.Builder
	out.WriteString(preamble)
	out.WriteString("```mermaid\n" + diagram.Mermaid() + "```\n\n")
	out.WriteString("Rows that lead back to their own state are left out of the picture, but for those of a refresh.\n\n")
	out.WriteString("## The transitions\n\nEffects were obtained by running `Step`; they are carried out in this order. In brackets: the words of the picture.\n\n")
	out.WriteString("| event | from | to | effects | why |\n|---|---|---|---|---|\n")
	for _, row := range merged(transitions) {
		effects := strings.Join(row.Effects, ", ")
		if effects == "" {
			effects = "–"
		}
		name := string(row.Trigger)
		if words, ok := diagram.Words(row.Trigger); ok {
			name += " (" + words + ")"
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s |\n", name, row.From, row.To, effects, row.Why)
	}
	out.WriteString(deathsPreamble)
	for _, row := range slices.Concat(RefreshFailpoints(), AccountFailpoints()) {
		place := row.Step
		if row.Call != "" {
			place += " – " + row.Call
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", place, row.When, row.Leaves, row.Outcome)
	}
	out.WriteString("\n## The invariants\n\n| # | promise | held by |\n|---|---|---|\n")
	for i, invariant := range Invariants() {
		fmt.Fprintf(&out, "| %d | %s | %s |\n", i+1, invariant.Promise, strings.Join(invariant.Tests, ", "))
	}
	return out.String(), nil
}

const deathsPreamble = `
## A death in a refresh, a login or a logout

A process may be killed before any step of these, and before any system call within one that leaves a trace. What the
next process finds is one of these, and a test kills a process at each place. **Unspent**: the old login; it may be refreshed.
**InDoubt**: the token may be spent; it is served while its access token serves, then posted once more, and the end of the login
is named if it was spent. **Committed**: the new login, at once or when the next one has put it in place. **Displaced**: the
login that somebody made meanwhile. **SignedOut**: no login, and each process knows that it was on purpose. A login or a logout
that died can be repeated.

| killed before | when | leaves | outcome |
|---|---|---|---|
`

// Invariant is a promise with the names of the tests that hold it.
type Invariant struct {
	Promise string
	Tests   []string
}
