// Package storetest is the contract of a store and of a ledger as a suite, for
// every backend to run.
package storetest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// shortChecks is how many cases rapid tries of each property in the short form of the
// tests, unless the command line or RAPID_CHECKS says another number.
const shortChecks = 20

// affordable is a quarter of n on Windows in the short form of the tests: a file costs ten
// times as much there.
func affordable(n int) int {
	if runtime.GOOS == "windows" && !machinetest.Long() {
		return n / 4
	}
	return n
}

func init() {
	if !machinetest.Long() && os.Getenv("RAPID_CHECKS") == "" {
		_ = flag.Set("rapid.checks", strconv.Itoa(affordable(shortChecks)))
	}
}

// StoreSite is a place with one store, without a login at first.
type StoreSite interface {
	// Open is the store as one more process opens it.
	Open() persist.Store
}

// Documents is a [StoreSite] whose record is a document that other programs
// read and write.
type Documents interface {
	StoreSite
	// Write puts a document there, as another program does.
	Write(document []byte)
	// Read is the document that is there.
	Read() []byte
}

// Unstamped is a [StoreSite] whose stores cannot always stamp their record. The
// stamps that they do give have to tell of every change.
type Unstamped interface {
	StoreSite
	MayNotStamp()
}

// Accounts is a [StoreSite] whose records are logins of accounts: tokens that say where
// they are refreshed, and no keys.
type Accounts interface {
	StoreSite
	KeepsAccounts()
}

// RunStore checks that the stores of a backend keep the contract of
// [persist.Store]. open makes a new site. The tests that cannot are those of the promises
// that the site's system does not let a store keep.
func RunStore(t *testing.T, open func(t *testing.T) StoreSite, cannot ...string) {
	run := func(name string, test func(t *testing.T)) {
		if !slices.Contains(cannot, name) {
			t.Run(name, test)
		}
	}
	run("NoLoginAtFirst", func(t *testing.T) { noLoginAtFirst(t, open(t)) })
	run("WhatIsStoredIsLoaded", func(t *testing.T) { storedIsLoaded(t, open(t)) })
	run("ASwapReplacesTheRecordOfItsBaseAndNoOther", func(t *testing.T) { swapsTheRecordOfItsBase(t, open(t)) })
	run("ASwapDoesNotBringBackADeletedLogin", func(t *testing.T) { swapAfterDelete(t, open(t)) })
	run("DeletingTwiceIsNoError", func(t *testing.T) { deleteTwice(t, open(t)) })
	run("AStampTellsOfEveryChange", func(t *testing.T) { stampTells(t, open(t)) })
	run("AReservationChangesNothing", func(t *testing.T) { reserveChangesNothing(t, open(t)) })
	run("ASwapUsesTheRoomThatIsHeld", func(t *testing.T) { swapsIntoTheRoom(t, open(t)) })
	run("TheLockExcludes", func(t *testing.T) { lockExcludes(t, open(t)) })
	run("WaitingForTheLockEndsWithItsContext", func(t *testing.T) { lockHonoursContext(t, open(t)) })
	run("ALoginDoesNotWaitForTheLock", func(t *testing.T) { loginDoesNotWait(t, open(t)) })
	run("OneOfManySwapsFromOneBaseWins", func(t *testing.T) { oneSwapWins(t, open(t)) })
	run("ALoginIsNeverUndoneByALateRefresh", func(t *testing.T) { loginIsNeverUndone(t, open(t)) })
	run("AReaderSeesWholeRecordsOnly", func(t *testing.T) { readersSeeWholeRecords(t, open(t)) })
	run("UnknownMembersSurviveASwapAndNoLogin", func(t *testing.T) { unknownMembers(t, open(t)) })
	run("WhatIsNoLoginIsReplacedByOne", func(t *testing.T) { unreadable(t, open(t)) })
	run("RandomStoresAgreeWithTheModel", func(t *testing.T) {
		rapid.Check(t, func(r *rapid.T) { randomStore(r, open(t)) })
	})
}

// TokenSet is the n-th of logins that differ in every member. Those with as
// many digits are equally long.
func TokenSet(n int) machine.Credential {
	payload := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"email":"%d@example.com"}`, n))
	return machine.Credential{
		Method:       machine.MethodTokens,
		IDToken:      secret.New("e30." + payload + ".signature"),
		AccessToken:  secret.New(fmt.Sprintf("access-%d", n)),
		RefreshToken: secret.New(fmt.Sprintf("refresh-%d", n)),
		AccountID:    fmt.Sprintf("account-%d", n),
		LastRefresh:  tick(0).Add(time.Duration(n) * time.Second),
	}
}

// AccountTokens is TokenSet as the login of an account.
func AccountTokens(n int) machine.Credential {
	c := TokenSet(n)
	c.Provenance = machine.Provenance{Issuer: "https://id.example/", ClientID: "native", TokenEndpoint: "https://id.example/token"}
	c.OwnerID = fmt.Sprintf("login-%d", n)
	return c
}

// loginOf is the n-th token set that a site has a place for.
func loginOf(site StoreSite, n int) machine.Credential {
	if _, ok := site.(Accounts); ok {
		return AccountTokens(n)
	}
	return TokenSet(n)
}

// Key is the n-th login with an API key.
func Key(n int) machine.Credential {
	return machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New(fmt.Sprintf("sk-%d", n))}
}

// requireStored checks that c is the record, and returns its revision. It does
// not compare with testify, which would print the tokens.
func requireStored(t require.TestingT, s persist.Store, c machine.Credential) persist.Revision {
	record, err := s.Load(background)
	require.NoError(t, err)
	require.True(t, record.Credential.Equal(c), "another login is stored: its account is %q", record.Credential.AccountID)
	return record.Revision
}

func requireNoLogin(t require.TestingT, s persist.Store) {
	_, err := s.Load(background)
	require.ErrorIs(t, err, persist.ErrNotFound)
}

func requireConflict(t require.TestingT, err error) {
	require.ErrorIs(t, err, persist.ErrConflict)
}

// sighting is what a look at the stamp tells.
type sighting struct {
	stamp persist.Stamp
	known bool
}

func stampOf(t require.TestingT, site StoreSite, s persist.Store) sighting {
	stamp, known := s.Stamp(background)
	if _, mayNot := site.(Unstamped); !mayNot {
		require.True(t, known)
	}
	return sighting{stamp, known}
}

// requireUnchanged checks that a stamp is still the one that was seen, if the
// store gives one.
func requireUnchanged(t require.TestingT, was, is sighting, why string) {
	if was.known && is.known {
		require.Equal(t, was.stamp, is.stamp, why)
	}
}

func noLoginAtFirst(t *testing.T, site StoreSite) {
	s := site.Open()
	requireNoLogin(t, s)
	require.NoError(t, s.Delete(background))
	requireConflict(t, s.Swap(background, "", loginOf(site, 1)))
	requireNoLogin(t, s)
}

func storedIsLoaded(t *testing.T, site StoreSite) {
	writer, reader := site.Open(), site.Open()
	all := loginsOf(site)
	seen := map[persist.Revision]bool{}
	for _, c := range all {
		require.NoError(t, writer.Replace(background, c))
		seen[requireStored(t, reader, c)] = true
		requireStored(t, writer, c)
	}
	require.Len(t, seen, len(all), "each has a revision of its own")
}

// loginsOf are logins of every kind that a site has a place for.
func loginsOf(site StoreSite) []machine.Credential {
	noAccount := loginOf(site, 4)
	noAccount.AccountID = ""
	if _, ok := site.(Accounts); ok {
		bare := loginOf(site, 5)
		bare.RefreshToken, bare.IDToken = secret.Token{}, secret.Token{}
		return []machine.Credential{loginOf(site, 1), noAccount, bare}
	}
	noAccount.LastRefresh = time.Time{}
	withKey := TokenSet(3)
	withKey.APIKey = secret.New("sk-3")
	external := TokenSet(5)
	external.Method = machine.MethodExternal
	return []machine.Credential{TokenSet(1), Key(2), withKey, noAccount, external, Key(6)}
}

func swapsTheRecordOfItsBase(t *testing.T, site StoreSite) {
	s, other := site.Open(), site.Open()
	require.NoError(t, s.Replace(background, loginOf(site, 1)))
	first := requireStored(t, s, loginOf(site, 1))
	require.NoError(t, s.Swap(background, first, loginOf(site, 2)))
	second := requireStored(t, other, loginOf(site, 2))
	require.NotEqual(t, first, second)

	requireConflict(t, s.Swap(background, first, loginOf(site, 3)))
	requireConflict(t, other.Swap(background, "", loginOf(site, 3)))
	requireStored(t, s, loginOf(site, 2))
	require.NoError(t, other.Swap(background, second, loginOf(site, 3)))
	requireStored(t, s, loginOf(site, 3))
}

func swapAfterDelete(t *testing.T, site StoreSite) {
	s := site.Open()
	require.NoError(t, s.Replace(background, loginOf(site, 1)))
	base := requireStored(t, s, loginOf(site, 1))
	require.NoError(t, site.Open().Delete(background))
	requireConflict(t, s.Swap(background, base, loginOf(site, 2)))
	requireNoLogin(t, s)
}

func deleteTwice(t *testing.T, site StoreSite) {
	s := site.Open()
	require.NoError(t, s.Replace(background, loginOf(site, 1)))
	for range 2 {
		require.NoError(t, s.Delete(background))
		requireNoLogin(t, s)
	}
	require.NoError(t, s.Replace(background, loginOf(site, 2)))
	requireStored(t, s, loginOf(site, 2))
}

// stampTells writes as fast as it can what is equally long: a mark made of
// coarse times and a reused inode would repeat.
func stampTells(t *testing.T, site StoreSite) {
	writer, reader := site.Open(), site.Open()
	seen := map[persist.Stamp]int{}
	requireNew := func(n int) sighting {
		is := stampOf(t, site, reader)
		if is.known {
			_, again := seen[is.stamp]
			require.False(t, again, "login %d has the stamp of login %d", n, seen[is.stamp])
			seen[is.stamp] = n
		}
		return is
	}
	requireNew(0)
	for n := 100; n < 100+rounds(100); n++ {
		if n%2 == 0 {
			require.NoError(t, writer.Replace(background, loginOf(site, n)))
		} else {
			require.NoError(t, writer.Swap(background, requireStored(t, writer, loginOf(site, n-1)), loginOf(site, n)))
		}
		stamp := requireNew(n)
		requireStored(t, reader, loginOf(site, n))
		requireUnchanged(t, stamp, stampOf(t, site, reader), "to read is no change")
	}
	last := stampOf(t, site, writer)
	require.NoError(t, writer.Delete(background))
	if is := stampOf(t, site, reader); last.known && is.known {
		require.NotEqual(t, last.stamp, is.stamp)
	}
}

func unknownMembers(t *testing.T, site StoreSite) {
	documents, ok := site.(Documents)
	if !ok {
		return // a backend that keeps credentials has no members to lose
	}
	s, c := site.Open(), loginOf(site, 1)
	documents.Write(strange(site, c))
	base := requireStored(t, s, c)
	require.NoError(t, s.Swap(background, base, loginOf(site, 2)))
	requireStored(t, s, loginOf(site, 2))
	require.Contains(t, compact(t, documents.Read()), `"theirs":{"a":[1,1.50]}`)
	require.Contains(t, compact(t, documents.Read()), `"x\u0079z":null`)

	require.NoError(t, s.Replace(background, loginOf(site, 3)))
	require.NotContains(t, string(documents.Read()), "theirs")
	require.NotContains(t, string(documents.Read()), "u0079z")
}

// strange is the document of a login, with members that no bezoar writes.
func strange(site StoreSite, c machine.Credential) []byte {
	const theirs = `{"theirs": {"a" : [1, 1.50]}, `
	tokens := fmt.Sprintf(`"x\u0079z": null, "id_token": %q, "access_token": %q, "refresh_token": %q`, c.IDToken.Reveal(), c.AccessToken.Reveal(), c.RefreshToken.Reveal())
	dated := fmt.Sprintf(`"last_refresh": %q}`, c.LastRefresh.Format(time.RFC3339))
	if _, ok := site.(Accounts); ok {
		return fmt.Appendf(nil, `%s%s, "version": 1, "issuer": %q, "client_id": %q, "token_endpoint": %q, "subject": %q, "login_id": %q, %s`,
			theirs, tokens, c.Provenance.Issuer, c.Provenance.ClientID, c.Provenance.TokenEndpoint, c.AccountID, c.OwnerID, dated)
	}
	return fmt.Appendf(nil, `%s"tokens": {%s, "account_id": %q}, %s`, theirs, tokens, c.AccountID, dated)
}

// compact leaves out what backends may lay out in their own way.
func compact(t *testing.T, document []byte) string {
	var out bytes.Buffer
	require.NoError(t, json.Compact(&out, document))
	return out.String()
}

func unreadable(t *testing.T, site StoreSite) {
	documents, ok := site.(Documents)
	if !ok {
		return // nothing but a login can be there
	}
	s, problem := site.Open(), new(persist.UnreadableError)
	documents.Write([]byte(`{"tokens": {"access_token": "S3NT1NEL`))
	_, err := s.Load(background)
	require.ErrorAs(t, err, &problem)
	require.NotContains(t, err.Error(), "S3NT1NEL")
	requireConflict(t, s.Swap(background, "", loginOf(site, 1)))
	reserve(t, s, loginOf(site, 1))()
	require.NoError(t, s.Replace(background, loginOf(site, 1)))
	requireStored(t, s, loginOf(site, 1))
	documents.Write([]byte(`{}`))
	require.NoError(t, s.Delete(background))
	requireNoLogin(t, s)
}

// limited is a context for what must not wait, and does not in a test that passes.
func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}
