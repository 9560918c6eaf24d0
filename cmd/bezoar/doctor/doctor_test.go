package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/file"
	"github.com/bezoar-auth/bezoar/store/keyring"
	"github.com/bezoar-auth/bezoar/store/memory"
)

func TestDoctorNoticesLocksThatDoNotLock(t *testing.T) {
	p := &probe{config: config.Config{Home: t.TempDir()}}
	p.lock = func(context.Context, string, time.Duration) (func(), error) { return func() {}, nil }
	found := lockCheck(context.Background(), p)
	require.Equal(t, resultWarn, found.Result)
	require.Equal(t, "two handles have the same lock at once", found.Found)

	p.lock = func(context.Context, string, time.Duration) (func(), error) {
		return nil, errors.New("not on this disk")
	}
	found = lockCheck(context.Background(), p)
	require.Equal(t, resultWarn, found.Result)
	require.Equal(t, "this disk cannot lock: not on this disk", found.Found)

	left, err := os.ReadDir(p.config.Home)
	require.NoError(t, err)
	require.Empty(t, left)

	p.config.Home = filepath.Join(p.config.Home, "gone")
	require.Equal(t, resultFail, lockCheck(context.Background(), p).Result)
}

func TestDoctorQuotesPathsForAShell(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("it has no modes")
	}
	home := filepath.Join(t.TempDir(), "it's my home")
	require.NoError(t, os.Mkdir(home, 0o700))
	require.NoError(t, os.Chmod(home, 0o755))
	found := permissionCheck(context.Background(), &probe{config: config.Config{Home: home}})
	require.NotNil(t, found.Remedy)
	require.Equal(t, "chmod 700 '"+filepath.Dir(home)+`/it'\''s my home'`, *found.Remedy)
}

// lockedKeyring is a store that only says why it cannot be asked.
type lockedKeyring struct {
	persist.Store
	err error
}

func (k lockedKeyring) Load(context.Context) (persist.Record, error) { return persist.Record{}, k.err }

func TestDoctorAsksTheKeyringThatIsInUse(t *testing.T) {
	locked := &persist.UnavailableError{Err: errors.New("it is locked")}
	for name, each := range map[string]struct {
		kept config.CredentialStore
		err  error
		want result
	}{
		"file":                    {config.File, locked, resultSkip},
		"keyring, locked":         {config.Keyring, locked, resultFail},
		"auto, locked":            {config.Auto, locked, resultFail},
		"keyring, no login":       {config.Keyring, persist.ErrNotFound, resultOK},
		"keyring, something else": {config.Keyring, &persist.UnreadableError{Problem: "no login"}, resultOK},
	} {
		t.Run(name, func(t *testing.T) {
			p := &probe{config: config.Config{CredentialStore: each.kept}, store: lockedKeyring{err: each.err}}
			found := keyringCheck(context.Background(), p)
			require.Equal(t, each.want, found.Result)
			require.Equal(t, each.want == resultFail, found.Remedy != nil, "what fails has a remedy")
		})
	}
}

func TestDoctorSaysWhatTheKeyringSaysIsToBeDone(t *testing.T) {
	problem := &keyring.Problem{Cause: "the keychain is locked", Remedy: "run security unlock-keychain"}
	store := lockedKeyring{err: &persist.UnavailableError{Err: fmt.Errorf("read from the keyring: %w", problem)}}
	found := keyringCheck(context.Background(), &probe{config: config.Config{CredentialStore: config.Keyring}, store: store})
	require.Equal(t, problem.Cause, found.Found)
	require.Contains(t, *found.Remedy, problem.Remedy+", or set cli_auth_credentials_store")
}

func TestDoctorHasARemedyForEachIssuerProblem(t *testing.T) {
	for _, problem := range []evidence.Problem{
		evidence.ProblemTimedOut, evidence.ProblemConnectionRefused, evidence.ProblemConnectionBroken, evidence.ProblemNameUnknown, evidence.ProblemProxyUnreachable,
		evidence.ProblemProxyRefused, evidence.ProblemCertificate, evidence.ProblemCAFileUnreadable, evidence.ProblemAddress,
	} {
		require.NotEmpty(t, remedies[problem], problem)
	}
}

// TestDoctorFindsACauseOnce breaks one thing after another, of those that break others.
func TestDoctorFindsACauseOnce(t *testing.T) {
	was := checks
	defer func() { checks = was }()
	for broken, skips := range map[string][]string{
		"home":    {"permissions", "settings", "keyring", "login", "ledger", "disk", "lock", "others", "socket"},
		"keyring": {"login", "disk", "others"},
		"login":   {"disk", "others"},
		"disk":    {"lock"},
		"ledger":  nil,
	} {
		checks = slices.Clone(was)
		for i := range checks {
			checks[i].look = func(context.Context, *probe) finding { return passed("well") }
			if checks[i].name == broken {
				checks[i].look = func(context.Context, *probe) finding { return blocking("broken", "mend it") }
			}
		}
		var found []string
		for _, each := range (&probe{now: time.Now}).examine(t.Context()) {
			if each.Result == resultSkip {
				require.Equal(t, "see "+broken, each.Found)
				found = append(found, each.Check)
			}
		}
		require.Equal(t, skips, found, broken)
	}
}

func TestDoctorSaysThatADiskIsSlowOrHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &probe{now: time.Now}
		slow := func(d time.Duration) check {
			return check{files: true, look: func(ctx context.Context, _ *probe) finding {
				time.Sleep(d) // as a file system does, whatever the context says
				return passed("stored")
			}}
		}
		require.Equal(t, resultOK, p.look(t.Context(), slow(time.Second)).Result)
		found := p.look(t.Context(), slow(3*time.Second))
		require.Equal(t, resultWarn, found.Result)
		require.Equal(t, "stored, but it took 3s: the disk is slow", found.Found)
		found = p.look(t.Context(), slow(time.Minute))
		require.Equal(t, resultFail, found.Result)
		require.Equal(t, "no answer within 15s", found.Found)
		time.Sleep(time.Minute) // until nothing is left
	})
}

func TestDoctorHasARemedyForEachDiskProblem(t *testing.T) {
	p := &probe{config: config.Config{Home: "/home/ada/.codex"}}
	problems := map[error]string{errors.New("?"): "free space", fs.ErrPermission: "may write to", file.ErrReplaced: "mount the folder"}
	maps.Copy(problems, diskProblems)
	for errno, want := range problems {
		err := &persist.NotDurableError{Err: &fs.PathError{Op: "open", Path: "auth.json", Err: errno}}
		require.Contains(t, p.diskRemedy(err), want, errno)
	}
	for err, want := range map[error]string{
		fs.ErrNotExist:          "make the folder",
		fs.ErrPermission:        "for access",
		errors.New("no folder"): "set CODEX_HOME",
	} {
		found := homeUnusable(&config.HomeError{Path: "/x", Source: "CODEX_HOME", Err: err})
		require.Contains(t, *found[0].Remedy, want)
	}
}

// A login that was made elsewhere is refreshed there, so that it is there that doctor
// has to look.
func TestDoctorAsksTheIssuerOfTheLogin(t *testing.T) {
	c := machine.Credential{
		Method: machine.MethodTokens, IDToken: secret.New("e30.e30.c2ln"), AccessToken: secret.New("a"), RefreshToken: secret.New("r"),
		Provenance: machine.Provenance{Issuer: "https://auth.example.com", ClientID: "app_other"}, OwnerID: "owner",
	}
	kept, ledger := memory.NewStore(), memory.NewLedger(machine.Issuer{}).Process(1)
	p := &probe{config: config.Config{TokenURL: "https://auth.openai.com/oauth/token"}, store: kept, ledger: ledger}
	require.Equal(t, "https://auth.openai.com/oauth/token", p.tokenEndpoint(t.Context()), "not logged in")
	require.NoError(t, kept.Replace(t.Context(), c))
	require.Equal(t, "https://auth.example.com/oauth/token", p.tokenEndpoint(t.Context()))
	p.config.TokenURLOverridden = true
	require.Equal(t, "https://auth.openai.com/oauth/token", p.tokenEndpoint(t.Context()))
}

func TestDoctorSaysThatAnotherProgramRefreshes(t *testing.T) {
	c := machine.Credential{
		Method: machine.MethodTokens, IDToken: secret.New("e30.e30.c2ln"), AccessToken: secret.New("a"), RefreshToken: secret.New("r"), LastRefresh: time.Now(),
		Provenance: machine.Provenance{Issuer: "https://auth.example.com", ClientID: "app_other"}, OwnerID: "owner",
	}
	kept, home := memory.NewStore(), t.TempDir()
	ledger := file.OpenLedger(home, machine.Issuer{}, file.LedgerOptions{})
	p := &probe{config: config.Config{Home: home, TokenURL: "https://auth.openai.com/oauth/token", RequiresOpenAIAuth: true}, store: kept, ledger: ledger, now: time.Now}
	require.Equal(t, resultSkip, othersCheck(t.Context(), p).Result)
	require.NoError(t, kept.Replace(t.Context(), c))
	require.Contains(t, []result{resultOK, resultSkip}, othersCheck(t.Context(), p).Result)

	login := persist.Entry{Kind: persist.Login, At: time.Now(), TokenID: "one"}.Of(c)
	adopted := persist.Entry{Kind: persist.Adopted, At: time.Now(), TokenID: "two"}.Of(c)
	require.NoError(t, ledger.Append(t.Context(), login))
	require.NoError(t, ledger.Append(t.Context(), adopted))
	found := othersCheck(t.Context(), p)
	require.Equal(t, resultWarn, found.Result)
	require.Contains(t, found.Found, "another program has refreshed this login once")
	require.NotNil(t, found.Remedy)
}
