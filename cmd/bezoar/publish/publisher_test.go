package publish

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/engine/enginetest"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/authjson"
	"github.com/bezoar-auth/bezoar/store/memory"
)

// issuer grants a login of an hour to each refresh, or refuses it for good.
type issuer struct {
	posts   atomic.Int32
	refuses atomic.Bool
}

func (i *issuer) Refresh(context.Context, machine.Issuer, secret.Token, endpoint.Cause) endpoint.Answer {
	i.posts.Add(1)
	if i.refuses.Load() {
		return endpoint.Refused{Reason: history.ReasonReused}
	}
	next := login(time.Hour)
	return endpoint.Issued{Response: endpoint.TokenResponse{IDToken: next.IDToken, AccessToken: next.AccessToken, RefreshToken: next.RefreshToken}}
}

func (i *issuer) Revoke(context.Context, machine.Issuer, machine.Credential) error { return nil }

var logins atomic.Int32

// login is a login of one account that expires in so long from now.
func login(expires time.Duration) machine.Credential {
	name := strings.Repeat("x", int(logins.Add(1)))
	return machine.Credential{
		Method: machine.MethodTokens, IDToken: machinetest.Expiring("id", time.Now().Add(time.Hour)),
		AccessToken: machinetest.Expiring(name, time.Now().Add(expires)), RefreshToken: secret.New("refresh-" + name),
		AccountID: "account", LastRefresh: time.Now().UTC(),
	}
}

// scene is a publisher that runs, in virtual time.
type scene struct {
	*publisher
	t      *testing.T
	store  *memory.Store
	issuer *issuer
	said   said
	ended  chan error // what run has returned
	stop   context.CancelFunc
}

// said is what a publisher has told its user.
type said struct {
	mu    sync.Mutex
	lines []string
}

func (s *said) add(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, text)
}

func (s *said) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lines)
}

func inBubble(t *testing.T, test func(t *testing.T, s *scene)) {
	home := filepath.Join(t.TempDir(), "home")
	require.NoError(t, os.Mkdir(home, 0o700))
	synctest.Test(t, func(t *testing.T) {
		s := &scene{t: t, store: memory.NewStore(), issuer: &issuer{}, ended: make(chan error, 1)}
		require.NoError(t, s.store.Replace(t.Context(), login(time.Hour)))
		auth := enginetest.Start(engine.Options{
			Store: s.store, Ledger: memory.NewLedger(machine.Issuer{}).Process(1), AuthorizationServer: s.issuer,
		})
		<-auth.Ready()
		s.publisher = &publisher{
			engine: auth, target: target{home}, from: "/from", now: time.Now,
			say: s.said.add,
			obstacle: func(held machine.Snapshot) string {
				if held.Assess(time.Now()).Action == machine.ActionLogin {
					return "log in"
				}
				return ""
			},
		}
		var ctx context.Context
		ctx, s.stop = context.WithCancel(context.Background())
		go func() { s.ended <- s.run(ctx) }()
		s.passing(0)
		test(t, s)
		s.stop()
		synctest.Wait()
		auth.Close(context.Background())
	})
}

func (s *scene) passing(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// holds demands that the token of the engine is what programs read.
func (s *scene) holds() {
	s.t.Helper()
	c, err := authjson.Decode(s.content())
	require.NoError(s.t, err)
	require.Equal(s.t, s.engine.Snapshot().Access(), c.AccessToken.Fingerprint())
	require.True(s.t, c.RefreshToken.IsEmpty())
	info, err := os.Stat(s.target.path())
	require.NoError(s.t, err)
	if runtime.GOOS != "windows" { // which has no modes
		require.Equal(s.t, os.FileMode(0o600), info.Mode().Perm())
	}
}

func (s *scene) content() []byte {
	s.t.Helper()
	content, err := os.ReadFile(s.target.path())
	require.NoError(s.t, err)
	return content
}

func (s *scene) endsWith(problem string) {
	s.t.Helper()
	s.passing(3 * time.Second)
	select {
	case err := <-s.ended:
		require.ErrorContains(s.t, err, problem)
	default:
		require.Fail(s.t, "it runs on")
	}
}

func TestPublisherPublishesEachRotation(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scene) {
		for posts := range 3 { // it looks at the file each two seconds, which takes its time under Wine
			require.EqualValues(t, posts, s.issuer.posts.Load())
			s.holds()
			s.passing(56 * time.Minute)
		}
	})
}

func TestPublisherLeavesADeadTokenWhereItIs(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scene) {
		s.issuer.refuses.Store(true)
		before := s.content()
		s.passing(70 * time.Minute)
		require.Equal(t, machine.Poisoned, s.engine.Snapshot().Phase())
		require.Equal(t, before, s.content())
		require.EqualValues(t, 1, s.issuer.posts.Load())
		require.Equal(t, []string{"log in"}, s.said.all()[1:])

		require.NoError(t, s.store.Replace(t.Context(), login(time.Hour)))
		s.passing(3 * time.Second)
		s.holds()
	})
}

func TestPublisherRemovesWhatHasEnded(t *testing.T) {
	for name, end := range map[string]func(s *scene) error{
		"a logout": func(s *scene) error { return s.engine.LogoutLocally(context.Background()) },
		"a key": func(s *scene) error {
			return s.engine.Login(context.Background(), machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New("key")})
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *scene) {
				require.NoError(t, end(s))
				s.passing(time.Second)
				require.NoFileExists(t, s.target.path())
				require.NoError(t, s.engine.Login(t.Context(), login(time.Hour)))
				s.passing(time.Second)
				s.holds()
			})
		})
	}
}

func TestPublisherFightsOverNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scene) {
		theirs, err := authjson.Encode(login(time.Hour), nil)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(s.target.path(), theirs, 0o600))
		s.endsWith("is a login with a refresh token of its own")
		require.Equal(t, theirs, s.content())
	})
	inBubble(t, func(t *testing.T, s *scene) {
		require.NoError(t, os.Remove(s.target.path()))
		s.endsWith("was removed by another program")
		require.NoFileExists(t, s.target.path())
	})
}

// A backup may bring back what was published earlier.
func TestPublisherReplacesWhatItPublishedEarlier(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scene) {
		earlier := s.content()
		s.passing(56 * time.Minute)
		require.NoError(t, os.WriteFile(s.target.path(), earlier, 0o600))
		s.passing(3 * time.Second)
		s.holds()
	})
}

func TestPublisherTriesAgainWhatCannotBeWritten(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scene) {
		inTheWay := s.target.path() + ".published"
		require.NoError(t, os.Mkdir(inTheWay, 0o700))
		before, said := s.content(), len(s.said.all())
		s.passing(56 * time.Minute)
		require.Equal(t, before, s.content())
		require.Len(t, s.said.all(), said+1, "it is said once")
		require.Contains(t, s.said.all()[said], "it is tried again")
		require.NoError(t, os.Remove(inTheWay))
		s.passing(3 * time.Second)
		s.holds()
	})
}

func TestPublisherWaitsForAFolderThatIsGone(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scene) {
		require.NoError(t, os.Rename(s.target.home, s.target.home+".away"))
		s.passing(56 * time.Minute)
		require.NoDirExists(t, s.target.home, "it may be gone for good")
		require.NoError(t, os.Mkdir(s.target.home, 0o700))
		s.passing(3 * time.Second)
		s.holds()
	})
}

func TestPutReplacesNothingThatCameInBetween(t *testing.T) {
	place := target{t.TempDir()}
	ours, err := authjson.EncodePublished(machine.Credential{
		Method: machine.MethodExternal, IDToken: machinetest.Expiring("id", time.Now()), AccessToken: secret.New("a"), RefreshToken: secret.New(""),
	}, "/from")
	require.NoError(t, err)
	require.NoError(t, place.put(ours, nil))
	require.ErrorIs(t, place.put(ours, nil), errChanged)
	newer := append([]byte(" "), ours...)
	require.NoError(t, os.WriteFile(place.path()+".published", []byte("of a process that was killed"), 0o600))
	require.NoError(t, place.put(newer, ours))
	require.ErrorIs(t, place.remove(ours), errChanged)
	require.NoError(t, place.remove(newer))
	require.NoFileExists(t, place.path())
	require.NoFileExists(t, place.path()+".published")

	theirs, err := authjson.Encode(login(time.Hour), nil)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(place.path(), theirs, 0o600))
	for _, err := range []error{place.put(ours, nil), place.put(newer, ours), place.remove(ours)} {
		_, isOthers := errors.AsType[*OthersError](err)
		require.True(t, isOthers)
	}
}
