package properties

// mutant is one wrong thought in the program: a place, what stands there, what
// would stand there instead, and the promise that this breaks.
type mutant struct {
	name   string
	file   string
	old    string // occurs once in the file
	new    string
	breaks string
	tests  string // the arguments of go test; one of these, with a ; between, has to fail
	quick  bool   // in every run of the tests, not only when asked for
}

const (
	unit       = "./machine"
	engineUnit = "./machine/engine"
	story      = "./properties -run=^(TestSimulation|TestStoriesThatBrokeAPromiseDoSoNoMore)$"
	naive      = "./properties -run=^TestMachineAgreesWithTheModel$ -rapid.checks=3000"
	clients    = "./properties -run=^TestManyClientsSeeWhatOneAfterAnotherWould$ -rapid.checks=3000"
	table      = "./properties -run=^(TestEveryEventInEveryState|TestALateVerdict|TestMachineAgrees).*$"
)

// mutants are written by hand: each is a fault that somebody could make.
var mutants = []mutant{
	// The table and its guards.
	{"poison leads back to Stale", "machine/table.go",
		`row(WasRefused, []Label{Stale}, Poisoned,`, `row(WasRefused, []Label{Stale}, Stale,`,
		"a refused token is never sent again", unit, true},
	{"a transient failure poisons", "machine/table.go",
		`row(WasDeferred, []Label{Stale}, Stale,`, `row(WasDeferred, []Label{Stale}, Poisoned,`,
		"a transient failure never poisons", unit, false},
	{"two refreshes in flight", "machine/state.go",
		`return s.Label == Stale && s.Attempt == 0 && (wait`, `return s.Label == Stale && (wait`,
		"at most one refresh is in flight", table, true},
	{"the backoff is not waited for", "machine/state.go",
		`s.Attempt == 0 && (wait <= 0 || wait > maxDeferral)`, `s.Attempt == 0 && wait != 1`,
		"politeness in an outage", unit, false},
	{"a clock that went back stops refreshes for good", "machine/state.go",
		`(wait <= 0 || wait > maxDeferral)`, `wait <= 0`,
		"liveness: a deadline too far away does not hold", unit, false},
	{"Poisoned hands out its token", "machine/state.go",
		`case !s.Credential.isUsable(), s.Label == Poisoned, s.Rejected:`, `case !s.Credential.isUsable(), s.Rejected:`,
		"Poisoned hands out no token", unit, true},
	{"a rejected token is handed out", "machine/state.go",
		`case !s.Credential.isUsable(), s.Label == Poisoned, s.Rejected:`, `case !s.Credential.isUsable(), s.Label == Poisoned:`,
		"a token that a resource server refused is withheld", unit, false},
	{"Poisoned hides its method", "machine/state.go",
		"	if !s.Credential.isUsable() {\n		return \"\"", "	if !s.Credential.isUsable() || s.Label == Poisoned {\n		return \"\"",
		"Poisoned keeps the method visible", unit, true},
	{"the floor is ignored", "machine/state.go",
		`age >= 0 && age < s.Policy.RefreshFloor`, `age >= 0 && age < 0`,
		"a refresh right after a success is that success", unit, false},
	{"external tokens are refreshed on an ask", "machine/state.go",
		`func (s State) refreshesItself() bool { return s.Credential.Method != MethodExternal }`, `func (s State) refreshesItself() bool { return true }`,
		"the client refreshes its own tokens", table, false},
	{"who demands a refresh does not wait for it", "machine/state.go",
		"	if ask.Refresh {\n		return true", "	if ask.Refresh {\n		return false",
		"everybody who waits shares one refresh", engineUnit, false},
	{"an aged condemned login is refreshed", "machine/trigger.go",
		"	if _, condemned := s.Verdict(); condemned {\n		return AgedOut", "	if _, condemned := s.Verdict(); condemned && false {\n		return AgedOut",
		"poison is terminal for its bytes", unit, true},
	{"a late outcome counts", "machine/trigger.go",
		`return attempt != 0 && attempt != s.Attempt && !s.isRefusedBy(e)`, `return attempt != 0 && false`,
		"a login is never undone by a refresh in flight", unit, true},
	{"a late verdict on the login in use is filed and forgotten", "machine/trigger.go",
		`attempt != s.Attempt && !s.isRefusedBy(e)`, `attempt != s.Attempt`,
		"poison is terminal for its bytes", table, false},
	{"another account's login is taken while one is in use", "machine/trigger.go",
		`return s.Credential.SharesAccount(e.Credential) && (weAre`, `return (weAre`,
		"a reload of another account changes nothing", table, false},
	{"a dead file takes the place of a good login", "machine/trigger.go",
		`(weAre || !isDead && e.Verdict == nil)`, `(weAre || isDead || !isDead)`,
		"a file from a backup does not cost a login", unit + ";" + naive, false},
	{"what an unsaved login was made from displaces it", "machine/trigger.go",
		`if s.IsUnsaved() && e.Credential.Equal(*s.Base) {`, `if false {`,
		"no rotation is lost while the process lives", table, false},
	{"a condemned login is loaded as a good one", "machine/trigger.go",
		"	if e.Verdict != nil {\n		s.Verdicts = s.Verdicts.with(*e.Verdict)\n	}\n	return s.takenAs", "	return s.takenAs",
		"a verdict outlives the process", engineUnit + ";" + story, false},
	{"poison is keyed by the account", "machine/trigger.go",
		`if s.IsUnsaved() && e.Credential.Equal(*s.Base) {`, `if s.Label == Poisoned && s.Credential.SharesAccount(e.Credential) || s.IsUnsaved() && e.Credential.Equal(*s.Base) {`,
		"poison clears for another credential", unit, true},
	{"verdicts are forgotten at a login", "machine/step.go",
		`LastAttempt: s.LastAttempt, Verdicts: s.Verdicts}`, `LastAttempt: s.LastAttempt}`,
		"the dead token may be put back", unit, false},
	{"a spent token counts as good", "machine/step.go",
		`if !spent.RefreshToken.Equal(e.Credential.RefreshToken) && spent.Method`, `if false && spent.Method`,
		"spend once", unit + ";./properties -run=^(TestMachineAgrees|TestSimulation).*$", false},
	{"an unsaved login forgets what it was made from", "machine/step.go",
		`e.Credential.bornDueAt(e.at()), e.at(), e.Base`, `e.Credential.bornDueAt(e.at()), e.at(), nil`,
		"no rotation is lost while the process lives", engineUnit, false},
	{"the lead before the expiry has the wrong sign", "machine/credential.go",
		`return expiry.Add(-ExpiryLead)`, `return expiry.Add(ExpiryLead)`,
		"a token is refreshed before it expires", unit, true},
	{"the account guards nothing", "machine/credential.go",
		`return c.Method == d.Method && c.AccountID != "" && c.AccountID == d.AccountID`, `return c.Method == d.Method`,
		"no two accounts are mixed", unit, false},
	{"Retry-After is ignored by the backoff", "machine/backoff.go",
		`return at.Add(max(wait, min(retryAfter, BackoffCeiling)))`, `return at.Add(wait)`,
		"politeness in an outage", unit + " " + engineUnit, false},
	{"a login whose family is in use is revoked", "machine/revoke.go",
		`ended.Method != MethodChatGPT || next.Credential.SharesAccount(*ended)`, `ended.Method != MethodChatGPT`,
		"a revocation ends no login in use", table, false},

	// The second look before a post.
	{"the reload before the post is forgotten", "machine/reconsider.go",
		"	case s.isSuperseded(*found, stored.Lineage):\n		return s.adopting(*found, stored.Lineage, at)\n", "",
		"what somebody else refreshed is adopted", unit, true},
	{"the ledger's verdict is not asked for", "machine/reconsider.go",
		`verdict := stored.Lineage.VerdictOn(held); verdict != nil {`, `verdict := stored.Lineage.VerdictOn(held); false {`,
		"poison is terminal over processes and restarts", unit, true},
	{"the shared backoff is not asked for", "machine/reconsider.go",
		`wait > 0 && wait <= maxDeferral && !s.Policy.BackoffOff`, `wait > maxDeferral && false`,
		"all processes share one backoff", unit, false},
	{"a lost answer is retried at once", "machine/reconsider.go",
		"	case s.serves(at):", "	case false:",
		"a token in doubt is tried again only when nothing is left to lose", unit, true},
	{"a second post without an outcome is not final", "machine/reconsider.go",
		`case doubt.Times > 1:`, `case doubt.Times > 9:`,
		"a token in doubt is tried once more and not twice", unit, false},
	{"a sister's post in flight is not waited for", "machine/reconsider.go",
		`case doubt.Times > 0 && !doubt.HolderGone:`, `case false:`,
		"spend once, over processes", unit, false},

	// The transaction.
	{"no look at the store under the lock", "machine/engine/transaction.go",
		"	{\"reread\", (*transaction).reread},   // somebody may have done it already\n", "",
		"what somebody else refreshed is adopted", engineUnit, true},
	{"no room is reserved", "machine/engine/transaction.go",
		"	{\"reserve\", (*transaction).reserve}, // no place for the successor, no post\n", "",
		"no post whose answer could not be kept", engineUnit, false},
	{"no intent is made", "machine/engine/transaction.go",
		`switch err := t.Ledger.Intend(ctx, intent, t.doubt); {`, `switch err := error(nil); {`,
		"a crash between post and save is noticed", engineUnit + ";" + story, false},
	{"a conflict is swallowed", "machine/engine/settle.go",
		"		err := t.Store.Swap(ctx, t.record.Revision, t.next)\n", "		err := t.Store.Replace(ctx, t.next)\n",
		"a login made meanwhile stays", engineUnit, true},
	{"who was displaced answers with its own grant", "machine/engine/settle.go",
		"		if t.outcome = t.displaced(ctx, &t.next); t.outcome != nil {\n			return\n		}\n", "",
		"whoever asked is answered with the login that is stored", clients, false},
	{"a later login whose successor is unsaved is overwritten", "machine/reconsider.go",
		`return !hasSuccessor && !lineage`, `return (hasSuccessor || !hasSuccessor) && !lineage`,
		"a login is never undone by a refresh in flight", unit, false},
	{"a login that somebody ended comes back in place of a dead one", "machine/reconsider.go",
		`!hasSuccessor && !lineage.IsEnded(s.Policy.Issuer.Key(s.Credential.RefreshToken))`, `!hasSuccessor`,
		"a logout is never undone by a refresh in flight", story, false},
	{"what a failing disk still holds is not kept", "machine/engine/settle.go",
		"		success.Base = &t.record.Credential\n", "",
		"no rotation is lost while the process lives", engineUnit, false},
	{"a verdict is not written to the ledger", "machine/engine/settle.go",
		`t.entry.Kind, t.entry.Reason = store.Refused, reason`, `t.entry.Kind = store.Refused`,
		"a verdict outlives the process", engineUnit + ";" + story, false},
	{"a lost answer is not written to the ledger", "machine/engine/settle.go",
		"	t.entry.Lost = answer.Lost\n", "",
		"a token whose answer was lost is not posted again at once", engineUnit + ";" + story, false},
	{"Retry-After does not reach the backoff", "machine/engine/settle.go",
		`t.entry.Failures, answer.RetryAfter, t.Random())`, `t.entry.Failures, 0, t.Random())`,
		"politeness in an outage", engineUnit, false},
	{"a login is used before it is stored", "machine/engine/owner.go",
		"	if c.Method != machine.MethodExternal {\n		if err := o.Store.Replace",
		"	o.step(machine.LoggedIn{At: o.at(), Credential: c})\n	if c.Method != machine.MethodExternal {\n		if err := o.Store.Replace",
		"a login that cannot be stored changes nothing", engineUnit, false},
	{"callers are answered before the effects", "machine/engine/owner.go",
		"	for _, effect := range effects {\n		o.perform(effect, event, &before)\n	}\n	if len(o.waiters) > 0 && o.waiters[0].attempt != o.state.Attempt { // all wait for the same one\n		o.answerAll()\n	}\n",
		"	if len(o.waiters) > 0 && o.waiters[0].attempt != o.state.Attempt { // all wait for the same one\n		o.answerAll()\n	}\n	for _, effect := range effects {\n		o.perform(effect, event, &before)\n	}\n",
		"who waited sees what came of it", engineUnit, true},

	// The ledger.
	{"the fold forgets a logout", "store/fold.go",
		`loggedOut: true, ended: e.Key}`, `ended: e.Key}`,
		"a logout ends every login, in every process", "./store", true},
	{"the fold forgets that a token was spent", "store/fold.go",
		`said.verdict = e.verdict(machine.ReasonSpent)`, `_ = e.verdict(machine.ReasonSpent)`,
		"spend once, over processes", "./store", false},
	{"an unexplained refusal binds everybody", "store/fold.go",
		`if e.Reason.IsExplained() {`, `if e.Reason != "" {`,
		"what no code explains is no evidence for others", "./store", false},
	{"the fold forgets a lost answer", "store/fold.go",
		"		if e.Lost {\n			said.inDoubt = e.Key", "		if false {\n			said.inDoubt = e.Key",
		"a token whose answer was lost is not posted again at once", "./store", false},
	{"a compaction drops verdicts", "store/fold.go",
		`said.verdict.Key != "" && verdicts.isFirst(said.verdict.Key),`, `verdicts.isFirst("") && false,`,
		"a verdict outlives every compaction", "./store", true},
	{"the journal is read backwards", "store/fold.go",
		`list = append(slices.DeleteFunc(list, isReplaced), last)`, `list = append([]T{last}, slices.DeleteFunc(list, isReplaced)...)`,
		"the position of an entry decides", "./store", false},

	// What an answer means.
	{"a 500 is permanent", "protocol/oauth/classify.go",
		`{http.StatusUnauthorized, anyCode, machine.ReasonUnexplained},`, `{http.StatusUnauthorized, anyCode, machine.ReasonUnexplained}, {500, anyCode, machine.ReasonUnexplained},`,
		"an outage never poisons", "./protocol/oauth", true},
	{"400 invalid_grant is transient", "protocol/oauth/classify.go",
		`{http.StatusBadRequest, "invalid_grant", machine.ReasonInvalidGrant},`, ``,
		"the standard refusal is a verdict", "./protocol/oauth", true},
	{"a grant that cannot be read is not in doubt", "protocol/oauth/classify.go",
		`return status/100 == 2 || status == http.StatusBadGateway`, `return status == http.StatusBadGateway`,
		"a lost answer is known to be one", "./protocol/oauth", false},
	{"Retry-After is read in minutes", "protocol/oauth/classify.go",
		`return time.Duration(min(seconds, longest)) * time.Second`, `return time.Duration(min(seconds, longest)) * time.Minute`,
		"politeness, and no more of it than asked for", "./protocol/oauth", false},
}

// survivors are faults that no test notices, with the reason why none need.
var survivors = []struct {
	mutant
	because string
}{
	{mutant{"the outcome is recorded after the unlock", "machine/engine/transaction.go",
		"	{\"record\", (*transaction).close},   // the ledger knows, and the intent is closed\n	{\"unlock\", (*transaction).release}, // the next process may look\n",
		"	{\"unlock\", (*transaction).release}, // the next process may look\n	{\"record\", (*transaction).close},   // the ledger knows, and the intent is closed\n",
		"who gets the lock knows how the last refresh ended", engineUnit + ";" + story, false},
		"the lock is politeness: until the outcome is recorded the intent is open and its maker lives, so whoever gets the lock waits for the sister"},
}
