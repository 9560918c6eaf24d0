package file

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/journal"
)

// The homes in testdata/home-82ef7bc were left by the program of commit 82ef7bc, which
// ran against an issuer on loopback. README.md beside them says what happened in each.
const earlierHomes = "testdata/home-82ef7bc"

// earlierHome is a copy of one of these homes, and what the build of today makes of it
// two hours later on another machine.
func earlierHome(t *testing.T, name, issuer string) (s *Store, ledger *Ledger, names machine.Issuer) {
	t.Helper()
	home := machinetest.Dir(t)
	require.NoError(t, os.CopyFS(home, os.DirFS(filepath.Join(earlierHomes, name))))
	names = machine.Issuer{TokenEndpoint: issuer + "/oauth/token", ClientID: "app_EMoamEEZ73f0CkXaXp7hrann"}
	later := func() time.Time { return time.Now().Add(2 * time.Hour) }
	s = quiet(home)
	s.now = later
	ofProcess := machine.Issuer{TokenEndpoint: "https://auth.openai.com/oauth/token"} // for which its backoff counts
	return s, OpenLedger(home, ofProcess, LedgerOptions{Now: later}), names
}

// loadEarlier returns the login of an earlier home, whose fields are all there.
func loadEarlier(t *testing.T, s *Store) machine.Credential {
	t.Helper()
	record, err := s.Load(background)
	require.NoError(t, err)
	c := record.Credential
	require.Equal(t, machine.MethodTokens, c.Method)
	require.False(t, c.AccessToken.IsAbsent() || c.RefreshToken.IsAbsent() || c.IDToken.IsAbsent())
	require.False(t, c.LastRefresh.IsZero())
	require.Equal(t, machine.Provenance{Issuer: c.Provenance.Issuer, ClientID: "app_EMoamEEZ73f0CkXaXp7hrann"}, c.Provenance)
	return c
}

func at(t *testing.T, clock string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339Nano, "2026-11-30T"+clock+"Z")
	require.NoError(t, err)
	return parsed
}

const (
	lifeFirst   = secret.Fingerprint("979ec1c3ba494882df97843f85b2a966") // rotated
	lifeRefused = secret.Fingerprint("7476ad21c5bffc9371710ae70faf7c6c")
	lifeEnded   = secret.Fingerprint("bd8f83ec355bf2e971f01d3f5bfcb4f0") // by a logout
	lifeThird   = secret.Fingerprint("36ef8c28e21f9e995fd7b68d26b97344") // rotated
	lifeCurrent = secret.Fingerprint("64e0ee65b7e72ba89d26f90354b1d859") // an answer lost, then an open intent
)

func TestEarlierHomeKeepsItsLoginAndHistory(t *testing.T) {
	s, ledger, names := earlierHome(t, "life", "http://127.0.0.1:37259")
	c := loadEarlier(t, s)
	require.Equal(t, lifeCurrent, names.TokenID(c.RefreshToken))
	require.Equal(t, "http://127.0.0.1:37259", c.Provenance.Issuer)

	known, err := ledger.History(background)
	require.NoError(t, err)
	reasons := map[secret.Fingerprint]history.Reason{}
	for _, id := range []secret.Fingerprint{lifeFirst, lifeRefused, lifeThird} {
		require.NotNil(t, known.VerdictOn(id), id)
		reasons[id] = known.VerdictOn(id).Reason
	}
	require.Equal(t, map[secret.Fingerprint]history.Reason{
		lifeFirst: history.ReasonSpent, lifeRefused: history.ReasonRevoked, lifeThird: history.ReasonSpent,
	}, reasons)
	require.Nil(t, known.VerdictOn(lifeCurrent))
	require.Equal(t, []history.Ending{{TokenID: lifeEnded}}, slices.DeleteFunc(slices.Clone(known.Ended), func(e history.Ending) bool { return e.Undone }))
	require.False(t, known.LoggedOut, "there was a login after the logout")
	require.Equal(t, lifeThird, known.LastLogin.TokenID)
	require.True(t, known.IsOfLastLogin(lifeCurrent, "", ""), "it came out of a refresh")
	require.False(t, known.IsOfLastLogin(lifeRefused, "", ""))
	require.Equal(t, 1, known.Losses(lifeCurrent))
	require.Equal(t, []history.Rotation{
		{TokenID: lifeRefused, At: at(t, "21:23:48.056494852"), SentAt: at(t, "21:23:48.054359924")},
		{TokenID: lifeCurrent, At: at(t, "21:23:48.160982296"), SentAt: at(t, "21:23:48.158584263")},
	}, known.Rotations)
	require.Len(t, known.Origins, 3)
	require.Equal(t, "http://127.0.0.1:37259", known.Origins[2].Issuer)

	entries, err := ledger.Newest(100)
	require.NoError(t, err)
	require.Len(t, entries, 16, "each line is an entry")
	overload := slices.IndexFunc(entries, func(e persist.Entry) bool { return e.Kind == persist.Deferred })
	require.Equal(t, evidence.Repeated{Evidence: evidence.Evidence{Status: 503, Code: "server_is_overloaded"}, Times: 1}, entries[overload].Repeated)
}

func TestEarlierIntentRaisesADoubt(t *testing.T) {
	_, ledger, _ := earlierHome(t, "life", "http://127.0.0.1:37259")
	doubt, err := ledger.Doubt(background, lifeCurrent)
	require.NoError(t, err)
	require.Equal(t, history.Doubt{Since: at(t, "21:23:49.242428651"), Times: 1, HolderGone: true}, doubt)
	again := persist.Entry{Kind: persist.Intended, TokenID: lifeCurrent, At: time.Now()}
	require.ErrorIs(t, ledger.Intend(background, again, history.Doubt{}), persist.ErrIntended)
}

func TestEarlierBackoffIsShared(t *testing.T) {
	s, ledger, names := earlierHome(t, "auto", "http://127.0.0.1:36491")
	c := loadEarlier(t, s)
	require.Equal(t, secret.Fingerprint("1d4935b4f64d59af4b8c780dfe6c4e5b"), names.TokenID(c.RefreshToken))
	known, err := ledger.History(background)
	require.NoError(t, err)
	require.Equal(t, history.Deferral{
		NotBefore: at(t, "21:23:50.607730443"), Failures: 1, Evidence: evidence.Repeated{Evidence: evidence.Evidence{Status: 503}, Times: 1},
	}, known.Deferral)
}

func TestEarlierCallerIsRemembered(t *testing.T) {
	folder := filepath.Join(earlierHomes, "life", "auth.callers")
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, files, 1)
	content, err := os.ReadFile(filepath.Join(folder, files[0].Name()))
	require.NoError(t, err)
	var of struct {
		PID            int
		Realm, Started string
	}
	require.NoError(t, json.Unmarshal(content, &of))

	who := process{PIDNamespace: of.Realm, Started: of.Started} // the process that it was, on its own machine
	require.Equal(t, files[0].Name(), nameOf(of.PID, who))
	given, ok := (&Caller{folder: folder, name: nameOf(of.PID, who), who: who, pid: of.PID}).Last()
	require.True(t, ok)
	require.Equal(t, Handing{At: at(t, "21:23:49.222021547"), Access: "5b739a566d8c9a08fe2fcd99fe35b0ac"}, given)
}

// The room of a killed refresh holds no login, so a sweep removes it.
func TestEarlierRoomIsSweptAway(t *testing.T) {
	s, _, names := earlierHome(t, "life", "http://127.0.0.1:37259")
	sweepNow(t, s)
	requireNoLitter(t, s.home, authFile, "auth.callers", "auth.intents", "auth.json.lock", "auth.ledger", "auth.ledger.lock", "auth.lock")
	require.Equal(t, lifeCurrent, names.TokenID(loadEarlier(t, s).RefreshToken))
}

// TestEarlierSuccessorIsPutInPlace: the process was killed as it exchanged the staged
// login with the old one. The issuer has spent the old one, so only the staged is alive.
func TestEarlierSuccessorIsPutInPlace(t *testing.T) {
	s, ledger, names := earlierHome(t, "killed", "http://127.0.0.1:37899")
	const spent = secret.Fingerprint("9dab3fc13cd5c5534d18a82468274d0f")
	old := loadEarlier(t, s)
	require.Equal(t, spent, names.TokenID(old.RefreshToken))
	doubt, err := ledger.Doubt(background, spent)
	require.NoError(t, err)
	require.Equal(t, 1, doubt.Times, "the post has no outcome")
	require.ErrorIs(t, reserve(s, old), persist.ErrConflict, "a successor is there")

	sweepNow(t, s)
	now := loadEarlier(t, s)
	require.NotEqual(t, spent, names.TokenID(now.RefreshToken))
	require.True(t, now.LastRefresh.After(old.LastRefresh))
	requireNoLitter(t, s.home, authFile, "auth.intents", "auth.json.lock", "auth.ledger", "auth.ledger.lock", "auth.lock")
}

// TestEarlierPastLinesAreRead: after 900 refreshes of one login a compaction had
// replaced the oldest verdicts by a past line.
func TestEarlierPastLinesAreRead(t *testing.T) {
	packed, err := os.Open(filepath.Join(earlierHomes, "long.ledger.gz"))
	require.NoError(t, err)
	defer packed.Close()
	unpacked, err := gzip.NewReader(packed)
	require.NoError(t, err)
	content, err := io.ReadAll(unpacked)
	require.NoError(t, err)
	home := machinetest.Dir(t)
	require.NoError(t, os.WriteFile(filepath.Join(home, LedgerName), content, 0o600))

	ledger := OpenLedger(home, machine.Issuer{}, LedgerOptions{})
	known, err := ledger.History(background)
	require.NoError(t, err)
	require.Equal(t, 900, known.Condemned.Len(), "one for each token that was spent")
	require.Len(t, known.Verdicts, 256)
	require.NoError(t, ledger.compact())
	again, err := OpenLedger(home, machine.Issuer{}, LedgerOptions{}).History(background)
	require.NoError(t, err)
	require.Equal(t, known, again)
	past, err := journal.Newest(ledger.Entries(), 1<<20)
	require.NoError(t, err)
	require.Equal(t, journal.Past, past[0].Kind)
}
