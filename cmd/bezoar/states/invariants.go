package states

// Invariants are the promises of the program. A test demands that each of the
// named tests exists.
func Invariants() []Invariant {
	return []Invariant{
		{"Only Stale spends: no refresh token is posted in any other state.", []string{"TestOnlyRowsIntoStaleOrderARefresh", "TestMachineAgreesWithTheModel", "TestSimulation"}},
		{"A refresh token that was refused for good is never posted again, by anybody, over all asks.", []string{"TestPoisonedCredentialIsNeverSentAgain", "TestSimulation"}},
		{"Poisoned hands out no token and keeps the method visible.", []string{"TestPoisonedLoginKeepsItsMethodAndLosesItsToken", "TestMachineAgreesWithTheModel", "TestSimulation"}},
		{"Poison clears if and only if the credential differs.", []string{"TestPoisonClearsOnlyForAnotherCredential", "TestMachineAgreesWithTheModel"}},
		{"At most one refresh is in flight.", []string{"TestAllWhoWaitShareOnePost", "TestMachineAgreesWithTheModel", "TestSimulation", "TestEngineKeepsItsPromises"}},
		{"A transient failure never poisons, and never withholds a token.", []string{"TestATransientFailureKeepsTheTokenAndWaitsBeforeTheNextPost", "TestMachineAgreesWithTheModel", "TestSimulation"}},
		{"What the issuer granted is in memory or on the disk, or somebody else's login is.", []string{"TestAnUnsavedTokenSetIsSavedAtTheLatestWhenTheProgramEnds", "TestALookDoesNotCostAnUnsavedTokenSet", "TestSimulation"}},
		{"A login or a logout is never undone by a refresh that was in flight.", []string{"TestALoginOrALogoutIsNotUndoneByTheRefreshInFlight", "TestSimulation"}},
		{"A key is never refreshed, and never ages.", []string{"TestAKeyIsNeverRefreshedAndNeverAges", "TestMachineAgreesWithTheModel"}},
		{"Everybody who asks is answered exactly once.", []string{"TestSimulation", "TestEngineKeepsItsPromises"}},
		{"No secret is printed, logged or shown.", []string{"TestTokenIsNeverPrintedWhateverTheVerbAndWhereverItSits", "TestNoSecretLeavesThroughAConversation"}},
	}
}
