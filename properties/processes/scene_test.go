package processes

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/engine/enginetest"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/properties/programtest"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/file"
	"github.com/bezoar-auth/bezoar/store/system"
	"github.com/bezoar-auth/bezoar/store/system/systemtest"
)

func TestMain(m *testing.M) { programtest.Main(m) }

// scene is one home with a login in it, and the issuer of that login.
type scene struct {
	kind      system.Kind   // of the system that its processes are on
	laterBy   time.Duration // by which the clock of its stores is ahead of all others
	home      string
	issuer    *issuer.Issuer
	url       string
	names     machine.Issuer
	account   issuer.Account
	old       endpoint.TokenResponse // the login at first
	other     endpoint.TokenResponse // of a login that comes in between
	log       *programtest.Buffer
	deadline  time.Duration // of a post, 0 for the default
	settings  func(*engine.Options)
	isRefused bool   // the login at first, and the ledger knows
	profile   string // of its engines, "" for Codex's
}

func newScene(t *testing.T) *scene {
	i := issuer.New(issuer.Options{})
	return sceneOf(t, i, i)
}

// newSceneOn is a scene on a kind of system, which is this one without what that lacks.
func newSceneOn(t *testing.T, kind system.Kind) *scene {
	s := newScene(t)
	s.kind = kind
	return s
}

// sceneOf is a scene whose issuer is reached through a handler.
func sceneOf(t *testing.T, i *issuer.Issuer, handler http.Handler) *scene {
	listener := httptest.NewServer(handler)
	t.Cleanup(listener.Close)
	s := &scene{
		kind: system.KindHere(), home: machinetest.Dir(t), issuer: i, url: listener.URL, account: issuer.Ada, log: &programtest.Buffer{},
		names:    machine.Issuer{TokenEndpoint: listener.URL + "/oauth/token", ClientID: oauth.DefaultClientID},
		settings: func(*engine.Options) {},
	}
	s.old = i.Login(s.account, time.Now())
	require.NoError(t, replaceLogin(s.home, authJSON(s.account.ID, s.old)))
	return s
}

// authJSON is a login as another program writes it.
func authJSON(account string, g endpoint.TokenResponse) string {
	return fmt.Sprintf(
		`{"auth_mode":"chatgpt","OPENAI_API_KEY":null,"tokens":{"id_token":%q,"access_token":%q,"refresh_token":%q,"account_id":%q},"last_refresh":%q}`,
		g.IDToken.Reveal(), g.AccessToken.Reveal(), g.RefreshToken.Reveal(), account, time.Now().UTC().Format(time.RFC3339Nano))
}

// environmentOf is that of a process which is on the scene.
func (s *scene) environmentOf(m mortal) []string {
	m.Home, m.URL, m.Kind = s.home, s.url, s.kind
	return m.environment()
}

// kill lets a process refresh until it dies, or is done, and returns what it
// wrote to stderr.
func (s *scene) kill(t *testing.T, m mortal) string {
	t.Helper()
	child, err := programtest.Start("mortal", os.Args[0], s.environmentOf(m))
	require.NoError(t, err)
	require.NoError(t, child.Write(
		`{"id":1,"method":"initialize","params":{"clientInfo":{"name":"editor","version":"1"}}}`+"\n"+
			`{"id":2,"method":"getAuthStatus","params":{"includeToken":true,"refreshToken":true}}`+"\n"))
	_, err = child.AnswerTo(2)
	child.Input.Close() // what it does behind an answer is done by its end
	<-child.Gone
	said := child.Stderr.String()
	_, died := lastWordsIn(said)
	require.True(t, died || err == nil, "%v\n%s", err, said)
	return said
}

// onlooker is an engine in this process, on a scene.
type onlooker struct{ *engine.Engine }

// engineAt is an engine whose clock is so far ahead.
func (s *scene) engineAt(t *testing.T, ahead time.Duration) onlooker {
	now := func() time.Time { return time.Now().Add(ahead) }
	log := slog.New(slog.NewTextHandler(s.log, nil))
	options := engine.Options{
		Policy: machine.Policy{Issuer: s.names, Profile: s.profile}, Now: now, ProcessID: os.Getpid(), Log: log,
		Store:               file.Open(s.home, file.Options{Log: log, Disk: s.disk(), Now: func() time.Time { return now().Add(s.laterBy) }}),
		Ledger:              file.OpenLedger(s.home, s.names, file.LedgerOptions{Log: log, Disk: s.disk(), Now: now}),
		AuthorizationServer: oauth.New(oauth.Options{Transport: s.issuer.Transport()}),
	}
	s.settings(&options)
	e := enginetest.Start(options)
	t.Cleanup(func() { e.Close(background) })
	<-e.Ready()
	return onlooker{e}
}

// demand asks for a refresh and waits for what comes of it.
func (o onlooker) demand(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), programtest.Patience)
	defer cancel()
	_, err := o.Status(ctx, machine.Ask{Refresh: true, Token: true})
	require.NoError(t, err)
}

func (s *scene) disk() disk.Disk { return disk.Disk{On: systemOf(s.kind)} }

// systemOf is a system of a kind that is no stronger than this one.
func systemOf(kind system.Kind) system.System {
	switch kind.GOOS {
	case "":
		return systemtest.Weakest()
	case system.KindHere().GOOS:
		return system.Here
	}
	return systemtest.Without(kind.Lacks...)
}

// kinds are this system, and those that lack something which it has, each once.
func kinds() (all []system.Kind) {
	here := system.KindHere()
	all = append(all, here)
	for _, kind := range system.Kinds() {
		isWeaker := slices.ContainsFunc(kind.Lacks, here.Keeps)
		isKnown := slices.ContainsFunc(all, func(k system.Kind) bool { return slices.Equal(k.Lacks, kind.Lacks) })
		if isWeaker && !isKnown {
			all = append(all, kind)
		}
	}
	return all
}

// stored is what the home holds for a program that only reads.
func (s *scene) stored(t *testing.T) machine.Credential {
	t.Helper()
	record, err := file.Open(s.home, file.Options{Disk: s.disk()}).Load(t.Context())
	require.NoError(t, err)
	return record.Credential
}

func (s *scene) ledger() *file.Ledger {
	return file.OpenLedger(s.home, s.names, file.LedgerOptions{Disk: s.disk(), PostDeadline: s.deadline, Log: slog.New(slog.DiscardHandler)})
}

func (s *scene) hasEntry(t *testing.T, kind persist.Kind, key secret.Fingerprint) bool {
	for each, err := range s.ledger().Entries() {
		require.NoError(t, err)
		if each.Kind == kind && each.TokenID == key {
			return true
		}
	}
	return false
}
