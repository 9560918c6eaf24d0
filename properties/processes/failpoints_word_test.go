package processes

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/states"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/properties/programtest"
	"github.com/bezoar-auth/bezoar/store/file"
	"github.com/bezoar-auth/bezoar/store/system"
)

// words are what a person says of a login.
var words = []string{states.StepLogin, states.StepLogout}

// wordCircumstances are those in which a login or a logout makes its own system
// calls. That the stored login was refused changes none, and what may be posted.
func wordCircumstances() (all []circumstance) {
	for _, each := range circumstances {
		if slices.Contains([]string{"", states.WhenAfterCrash, states.WhenLinked}, each.when) {
			all = append(all, each)
		}
	}
	refuse := func(t *testing.T, s *scene, _ *mortal) {
		s.issuer.Revoke(s.old.RefreshToken)
		s.engineAt(t, 0).demand(t)
		s.isRefused = true
	}
	return append(all, circumstance{"", refuse})
}

// TestEveryAccountFailpointHasItsOutcome kills a process before each system call
// of a login and of a logout. A sister that was there all the time, and the next
// process, make of it what the table says; and what died half-way can be repeated.
// It does so on each kind of system.
func TestEveryAccountFailpointHasItsOutcome(t *testing.T) {
	for kindAt, kind := range kinds() {
		roll := newRoll(states.AccountFailpoints(kind))
		stride := strideOn(kindAt)
		for _, word := range words {
			for n, each := range wordCircumstances() {
				t.Run(cmp.Or(kind.GOOS, "weakest")+" "+word+" "+cmp.Or(each.when, "as usual"), func(t *testing.T) {
					besideOthers(t)
					for dies := 1 + n%stride; dieInAWord(t, word, kind, each, dies, roll); dies += stride {
					}
				})
			}
		}
		roll.isEmpty(t, stride)
	}
}

// dieInAWord is [dieInARefresh] for a login or a logout.
func dieInAWord(t *testing.T, word string, kind system.Kind, in circumstance, dies int, roll *roll) bool {
	w := newWordScene(t, word, kind)
	w.order.DiesAt, w.when = dies, in.when
	in.prepare(t, w.scene, &w.order)
	w.sister = w.engineAt(t, 0)
	place, died := lastWordsIn(w.speak(t))
	if !died {
		return false // it has come to its end
	}
	w.point = roll.strike(t, place, in.when)
	w.name = "died before " + place + " (" + in.when + ", " + kind.Name + ")"
	w.laterBy = w.order.LaterBy
	if w.point.KnownAfter(kind) > 0 {
		w.laterBy += unlooked(kind)
	}
	w.comesTo(t)
	return true
}

// wordScene is a home at which a process makes a login or a logout.
type wordScene struct {
	*scene
	order  mortal
	sister onlooker // who was there before
	point  states.Failpoint
	when   string
	name   string
}

func newWordScene(t *testing.T, word string, kind system.Kind) *wordScene {
	w := &wordScene{scene: newSceneOn(t, kind), order: mortal{Word: word}}
	w.grant()
	return w
}

// grant lets the issuer make the login that is to be stored.
func (w *wordScene) grant() {
	w.other = w.issuer.Login(w.account, time.Now())
	w.order.Login = authJSON(w.account.ID, w.other)
}

// speak lets a process make it, until it dies or has done so.
func (w *wordScene) speak(t *testing.T) (said string) {
	t.Helper()
	child := w.starts(t)
	child.Input.Close()
	<-child.Gone
	return child.Stderr.String()
}

func (w *wordScene) starts(t *testing.T) *programtest.Server {
	t.Helper()
	child, err := programtest.Start("mortal", os.Args[0], w.environmentOf(w.order))
	require.NoError(t, err)
	t.Cleanup(child.Kill)
	return child
}

// comesTo demands the outcome of a death, and that it can be repeated.
func (w *wordScene) comesTo(t *testing.T) {
	t.Helper()
	w.isSeen(t, w.point.Outcome)
	before := w.issuer.Counts().Posts
	next := w.engineAt(t, time.Minute)
	switch {
	case w.point.Outcome == states.SignedOut, w.point.Outcome == states.Unspent && w.isRefused:
		next.demand(t)
		require.Equal(t, before, w.issuer.Counts().Posts, "%s: a token is posted that is refused or was taken away", w.name)
	default:
		if w.when == states.WhenAfterCrash && w.point.Outcome == states.Unspent {
			next.demand(t) // it puts the login of the first that died in place
		}
		w.goesOn(t, w.name)
	}
	next.Close(background)
	w.order.DiesAt, w.order.LaterBy = 0, w.laterBy+unlooked(w.kind)
	w.grant()
	_, died := lastWordsIn(w.speak(t))
	require.False(t, died)
	w.isSeen(t, map[string]states.Outcome{states.StepLogin: states.Committed, states.StepLogout: states.SignedOut}[w.order.Word])
	require.Zero(t, w.issuer.Counts().Replays, w.name)
	litter, err := filepath.Glob(filepath.Join(w.home, "auth.json.*.tmp"))
	require.NoError(t, err)
	require.Empty(t, litter, w.name)
}

// isSeen demands that the home, the sister and a new process agree on the outcome.
func (w *wordScene) isSeen(t *testing.T, outcome states.Outcome) {
	t.Helper()
	held := w.held(t)
	switch outcome {
	case states.Unspent:
		require.NotEqual(t, w.other.RefreshToken.Fingerprint(), held.Fingerprint(), w.name)
		require.False(t, held.IsAbsent(), w.name)
	case states.Committed:
		require.Equal(t, w.other.RefreshToken.Fingerprint(), held.Fingerprint(), w.name)
	case states.SignedOut:
		require.True(t, held.IsAbsent(), w.name)
		lineage, err := w.ledger().History(t.Context())
		require.NoError(t, err)
		require.True(t, lineage.LoggedOut, "%s: the ledger does not know that it was on purpose", w.name)
	}
	for who, each := range map[string]onlooker{"a sister": w.sister, "a new process": w.engineAt(t, 0)} {
		require.NoError(t, each.Reload(t.Context()))
		state, err := each.Status(t.Context(), machine.Ask{Token: true})
		require.NoError(t, err)
		require.Equal(t, w.names.TokenID(held), state.TokenID(), "%s: %s holds another login than the home\n%s", w.name, who, w.log.String())
		require.Equal(t, w.isRefused && outcome == states.Unspent, state.Phase() == machine.Poisoned, "%s: %s is %s", w.name, who, state.Phase())
	}
}

// held is the refresh token that is stored, absent for none.
func (s *scene) held(t *testing.T) secret.Token {
	t.Helper()
	record, err := file.Open(s.home, file.Options{Disk: s.disk()}).Load(t.Context())
	if errors.Is(err, persist.ErrNotFound) {
		return secret.Token{}
	}
	require.NoError(t, err)
	return record.Credential.RefreshToken
}
