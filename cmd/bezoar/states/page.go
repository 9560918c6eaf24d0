package states

import (
	"fmt"
	"strings"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/diagram"
)

// page is STATES.md: the picture, each row of the table with the orders of the machine,
// what a killed process leaves, and the invariants with the tests that hold them.
func page(transitions []transition) string {
	var out strings.Builder
	out.WriteString(statesPart + "```mermaid\n" + diagram.Mermaid() + "```\n\n")
	out.WriteString(transitionsPart)
	for _, row := range merged(transitions) {
		name := string(row.trigger)
		if words, ok := diagram.Words(row.trigger); ok {
			name += " (" + words + ")"
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s |\n", name, row.from, row.to, row.orders(), row.why)
	}
	out.WriteString(failpointsPart)
	out.WriteString(deaths())
	out.WriteString(invariantsPart)
	for i, invariant := range Invariants() {
		fmt.Fprintf(&out, "| %d | %s | %s |\n", i+1, invariant.Promise, strings.Join(invariant.Tests, ", "))
	}
	return out.String()
}

const statesPart = `# The states

Generated from the machine by ` + "`bezoar states`" + `; do not edit. A test compares.

| state | meaning | hands out a token? | may post a refresh? |
|---|---|---|---|
| NoAuth | no credential | no | never |
| ApiKey | a static key | yes | never |
| Fresh | a token set the issuer gave, not aged | yes | never |
| Stale | a token set that should be refreshed | yes, while nothing says it is refused | **the only state that may**, unless the issuer objects: misconfigured, login needed |
| Poisoned | the refresh token must not be posted: refused for good, already spent, in doubt twice, or missing | **no**; the method stays visible | **never** |

A poisoned state never issues another network refresh: [properties/poisoned_test.go](properties/poisoned_test.go) is that
sentence as a test to read.

`

const transitionsPart = `The picture leaves out the rows that lead back to their own state, but for those of a refresh.

## The transitions

The effects are what ` + "`machine.Step`" + ` ordered when this page was made; the engine carries them out in this order. After
"also" stand those that only some states or events of the row bring. In brackets: the words of the picture.

| event | from | to | effects | why |
|---|---|---|---|---|
`

const failpointsPart = `
## A death in a refresh, a login or a logout

A process may be killed before any of these steps, and before any system call within one that leaves a trace. A test kills a
process at each of these places. The outcome is what the next process makes of it. **Unspent**: the login that was there when this
process began (or that it found and put in place); it may be refreshed. **InDoubt**: the refresh token may be spent; the access
token is handed out while it is good, then the refresh token is posted once more, and if it was spent, the login ends and says so.
**Committed**: the new login, at once or when the next process has put it in place. **Displaced**: the other login that was stored
meanwhile. **Withheld**: the login that was there; nothing is posted until the profile or the login is another. **SignedOut**: no login, and each process knows that the user ended it. A login or a logout that was cut short can be
repeated.

The outcome has a column for each kind of system; an empty cell says what the first one does. **–**: no process comes there. A time: what the
killed process left must be as old before the next one takes it for dead, which it knows at once otherwise. A test kills processes on
each kind; the weakest lacks all that a system may lack.

`

const invariantsPart = `
## The invariants

| # | promise | held by |
|---|---|---|
`

// Invariant is a promise with the names of the tests that hold it.
type Invariant struct {
	Promise string
	Tests   []string
}

// Invariants are the promises of the program. A test demands that each of the named
// tests exists.
func Invariants() []Invariant {
	return []Invariant{
		{"Only Stale spends: no refresh token is posted in any other state.", []string{"TestStaleAloneOrdersARefresh", "TestMachineAgreesWithTheModel", "TestSimulation"}},
		{"A refresh token that was refused for good is never posted again, by any process, however often clients ask.", []string{"TestPoisonedNeverIssuesAnotherRefresh", "TestPoisonedServerPostsNothing", "TestPoisonedCredentialIsNeverSentAgain", "TestSimulation"}},
		{"A misconfiguration never condemns a refresh token, and is posted at most once for each token and profile, by all processes together; so is a demand for a login.", []string{"TestMisconfiguredIsPostedOnceForEachTokenAndProfile", "TestAnObjectionIsPostedOnceForAllProcesses", "TestEveryInterleavingKeepsThePromises", "TestSimulation"}},
		{"Poisoned hands out no token and keeps the method visible.", []string{"TestPoisonedLoginKeepsItsMethodAndLosesItsToken", "TestMachineAgreesWithTheModel", "TestSimulation"}},
		{"Poison clears if and only if the credential differs.", []string{"TestPoisonClearsOnlyForAnotherCredential", "TestMachineAgreesWithTheModel"}},
		{"At most one refresh is in flight.", []string{"TestCallersThatWaitShareOnePost", "TestMachineAgreesWithTheModel", "TestSimulation", "TestEngineKeepsItsPromises"}},
		{"A transient failure never poisons, and never withholds a token.", []string{"TestTransientFailureKeepsTheTokenAndWaits", "TestMachineAgreesWithTheModel", "TestSimulation"}},
		{"What the issuer granted is in memory or on the disk, unless another login has taken its place.", []string{"TestUnsavedTokenSetIsSavedByClose", "TestALookDoesNotCostAnUnsavedTokenSet", "TestSimulation"}},
		{"A refresh in flight never undoes a login or a logout.", []string{"TestALoginOrALogoutIsNotUndoneByTheRefreshInFlight", "TestSimulation"}},
		{"An API key never ages and is never refreshed.", []string{"TestAKeyIsNeverRefreshedAndNeverAges", "TestMachineAgreesWithTheModel"}},
		{"Each client that asks is answered exactly once.", []string{"TestSimulation", "TestEngineKeepsItsPromises"}},
		{"No secret is printed, logged or shown.", []string{"TestTokenIsNeverPrintedWhateverTheVerbAndWhereverItSits", "TestConversationsKeepSecrets"}},
	}
}
