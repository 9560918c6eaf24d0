package processes

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/states"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/properties/programtest"
	"github.com/bezoar-auth/bezoar/protocol/appserver"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
	"github.com/bezoar-auth/bezoar/protocol/login"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/profile"
	"github.com/bezoar-auth/bezoar/store/authjson"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/file"
	"github.com/bezoar-auth/bezoar/store/system"
)

// mortal is what this test binary does in place of its tests when it is ordered
// to: it serves as bezoar does, of the same parts, and kills itself before a
// place in a refresh. The program itself has no such back door.
type mortal struct {
	Kind        system.Kind   // of the system that it is on
	LaterBy     time.Duration // see scene
	Home        string
	Profile     string        // by which it asks the issuer, with the standard's answers; "" for Codex's
	URL         string        // of the issuer
	Deadline    time.Duration // of a post; 0 for the default
	DiesAt      int           // places before its death, counted from 1 over all refreshes; 0 for never
	DiesBefore  string        // a place by its name, the first time; "" for none
	StopsBefore string        // likewise, but there it only stands still until it may go on
	LedgerBytes int64         // see file.LedgerOptions
	Intrudes    string        // auth.json of a login before the first exchange of a save
	IntrudesAt  string        // "" for there; else after the last comparison before a rename
	Word        string        // a login or a logout, which it makes and then ends; "" serves
	Login       string        // auth.json that a login stores
}

const mortalVariable = "BEZOAR_TEST_MORTAL"

func init() {
	order, ok := os.LookupEnv(mortalVariable)
	if !ok {
		return
	}
	var m mortal
	if err := json.Unmarshal([]byte(order), &m); err != nil {
		panic(err)
	}
	m.serve()
	os.Exit(0)
}

// environment makes a process of this binary a mortal one.
func (m mortal) environment() []string {
	order, _ := json.Marshal(m) // strings and numbers
	return append(os.Environ(), mortalVariable+"="+string(order))
}

func (m mortal) serve() {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	names := machine.Issuer{TokenEndpoint: m.URL + "/oauth/token", ClientID: oauth.DefaultClientID}
	asks := profile.CodexAt(m.URL)
	if m.Profile != "" {
		asks.Answers = profile.Answers{Standard: true, Bare401: profile.Misconfigured}
	}
	issuer := oauth.New(oauth.Options{Profile: asks, Log: log})
	fate := &fate{mortal: m}
	on := disk.Disk{On: intruding{systemOf(m.Kind), fate}, Before: fate.calls}
	later := func() time.Time { return time.Now().Add(m.LaterBy) }
	auth, err := engine.Start(engine.Options{
		Policy:              machine.Policy{Issuer: names, Claims: chatgpt.Claims, Profile: m.Profile},
		Store:               file.Open(m.Home, file.Options{Log: log, Disk: on, Now: later}),
		Ledger:              file.OpenLedger(m.Home, names, file.LedgerOptions{Log: log, Disk: on, LimitBytes: m.LedgerBytes, PostDeadline: m.Deadline}),
		AuthorizationServer: revoker{issuer, fate}, Deadline: m.Deadline, Log: log, ProcessID: os.Getpid(), Before: fate.begins,
	})
	if err != nil {
		panic(err)
	}
	if m.Word != "" {
		m.speak(auth, fate)
		return
	}
	conn := jsonrpc.New(os.Stdin, os.Stdout, jsonrpc.Options{Log: log})
	server := appserver.New(conn, appserver.Options{
		Engine: auth, Home: m.Home, Version: "1", Terminal: "test", RequiresAuth: true,
		Logins:    login.New(login.Options{Issuer: issuer, Save: auth.Login, Log: log}),
		Backend:   chatgpt.New(chatgpt.Options{BaseURL: m.URL, Transport: issuer.Transport()}),
		Introduce: issuer.Introduce,
	})
	_ = conn.Serve(server) // the end of input is its end
	drain, cancel := context.WithTimeout(context.Background(), 4*time.Second)
	defer cancel()
	auth.Close(drain)
	_ = server.Close(drain)
	_ = conn.Close(drain)
}

// speak makes a login or a logout.
func (m mortal) speak(auth *engine.Engine, fate *fate) {
	<-auth.Ready()
	fate.begins(m.Word)
	var err error
	switch m.Word {
	case states.StepLogin:
		var c machine.Credential
		if c, err = authjson.Decode([]byte(m.Login)); err == nil {
			err = auth.Login(background, c)
		}
	case states.StepLogout:
		var revoked <-chan engine.Revocation
		if revoked, err = auth.Logout(background); err == nil {
			<-revoked
		}
	}
	if err != nil {
		panic(err)
	}
	fate.begins("") // what follows is no part of it
	auth.Close(background)
}

// revoker is an issuer for a logout, of which the revocation is the last step.
type revoker struct {
	*oauth.Client
	fate *fate
}

func (r revoker) Revoke(ctx context.Context, issuer machine.Issuer, login machine.Credential) error {
	r.fate.begins(states.StepRevoke)
	return r.Client.Revoke(ctx, issuer, login)
}

// fate counts the places of refreshes, or of a login or a logout, that a mortal comes
// to.
type fate struct {
	mortal

	mu    sync.Mutex // guards what follows
	step  string     // of the refresh, "" before the first one
	seen  int
	stood bool // still, once
}

// begins is called before each step of a refresh.
func (f *fate) begins(step string) {
	f.mu.Lock()
	f.step = step
	f.mu.Unlock()
	f.reach("")
}

// calls is called before each system call of the store and the ledger.
func (f *fate) calls(call string) {
	if f.reach(call); call == "swap: exchange" && f.IntrudesAt == "" {
		f.intrude()
	}
}

func (f *fate) intrude() {
	if f.Intrudes == "" {
		return
	}
	if err := replaceLogin(f.Home, f.Intrudes); err != nil {
		panic(err)
	}
	f.Intrudes = "" // for the exchange back is another call
}

// atTheRename is where a login may intrude that no comparison sees any more.
const atTheRename = "rename"

// intruding is a system on which it does.
type intruding struct {
	system.System
	fate *fate
}

func (s intruding) RenameIf(from, to string, holds func() bool) error {
	return s.System.RenameIf(from, to, func() bool {
		isHolding := holds()
		if s.fate.IntrudesAt == atTheRename {
			s.fate.intrude()
		}
		return isHolding
	})
}

func (f *fate) reach(call string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.step == "" {
		return // a look at the start is no refresh
	}
	f.seen++
	here := place(f.step, call)
	if here == f.StopsBefore && !f.stood {
		f.stood = true
		os.Stderr.WriteString(standsBefore + here + "\n")
		stand()
	}
	if f.seen == f.DiesAt || here == f.DiesBefore {
		os.Stderr.WriteString(lastWords + here + "\n" + dies + time.Now().Format(time.RFC3339Nano) + "\n")
		self, _ := os.FindProcess(os.Getpid())
		_ = self.Kill()
		select {} // the signal may take a moment
	}
}

// What a mortal says before it dies, or stands still.
const (
	lastWords    = "dies before "
	dies         = "it dies at "
	standsBefore = "stands before "
)

// diedAt is when a mortal died by its own hand.
func diedAt(said string) time.Time {
	_, rest, _ := strings.Cut(said, dies)
	at, _, _ := strings.Cut(rest, "\n")
	when, _ := time.Parse(time.RFC3339Nano, at)
	return when
}

// place names a failpoint.
func place(step, call string) string {
	if call == "" {
		return step
	}
	return step + ", " + call
}

// replaceLogin puts an auth.json in place as a careful program does.
func replaceLogin(home, content string) error {
	return programtest.Replace(filepath.Join(home, "auth.json"), content)
}
