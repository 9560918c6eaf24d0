package fronts

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/properties/codextest"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt/scripted"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

var record = flag.Bool("fronts.record", false, "record the sessions anew, with the codexes that BEZOAR_TEST_CODEX… name")

// recordings are the sessions. Each begins with a login whose tokens are good.
var recordings = []struct {
	name     string
	versions []string
	play     func(r *recorder)
}{
	{"turn", []string{codextest.Newest}, func(r *recorder) { r.turn(r.thread()) }},
	{"refused", codextest.Versions, func(r *recorder) {
		thread := r.thread()
		r.site.Reject(r.login.AccessToken.Fingerprint())
		r.turn(thread)
	}},
	{"dead", []string{codextest.Newest}, func(r *recorder) {
		thread := r.thread()
		r.note(revokes, "null")
		r.site.Issuer.RevokeAll()
		r.turn(thread)
		r.call("turn/start", turnOf(thread)) // is refused
	}},
	{"approval", []string{codextest.Newest}, func(r *recorder) {
		r.site.Script(scripted.Step{Command: "echo approved"})
		r.turn(r.thread())
	}},
	{"logins", codextest.Versions, func(r *recorder) {
		r.call("getAuthStatus", `{}`)
		r.call("account/logout", "null")
		r.call("account/login/start", `{"type":"apiKey","apiKey":"sk-of-this-test"}`)
		r.turn(r.thread())
	}},
}

func turnOf(thread string) string {
	return fmt.Sprintf(`{"threadId":%q,"input":[{"type":"text","text":"hello","text_elements":[]}]}`, thread)
}

// TestRecordSessions writes testdata/sessions anew, with -fronts.record.
func TestRecordSessions(t *testing.T) {
	if !*record {
		t.Skip("it writes: only with -fronts.record")
	}
	for _, each := range recordings {
		for _, version := range each.versions {
			t.Run(version+"."+each.name, func(t *testing.T) {
				recorded := newRecorder(t, codextest.Find(t, version)).run(each.play)
				require.NoError(t, os.WriteFile(filepath.Join("testdata/sessions", version+"."+each.name+".json"), recorded.encode(), 0o644))
			})
		}
	}
}

// recorder is a front in this process before a real codex, and its client.
type recorder struct {
	*assembly
	t     *testing.T
	site  *codextest.Site
	login machine.Credential
	asked int

	mu      sync.Mutex
	changed sync.Cond
	entries session
}

func newRecorder(t *testing.T, codex string) *recorder {
	r := &recorder{t: t, site: codextest.NewSite(t, issuer.Options{})}
	r.changed.L = &r.mu
	var p parts
	p, r.login = sessionParts(t, r.site.Issuer.Login(issuer.Ada, time.Now()), oauth.New(oauth.Options{}), r.site.TokenURL())
	r.assembly = assemble(p)
	child := r.site.Command(codex, "app-server", "-c", `cli_auth_credentials_store="ephemeral"`)
	in, err := child.StdinPipe()
	require.NoError(t, err)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	t.Cleanup(func() { _ = child.Wait() }) // however it ended
	go func() {
		eachLine(r.toChild, func(line string) {
			r.note(toChild, line)
			_, _ = io.WriteString(in, line+"\n") // it may have ended
		})
		in.Close()
	}()
	go func() {
		eachLine(bufio.NewReader(out), func(line string) {
			r.note(ofChild, line)
			_, _ = io.WriteString(r.ofChild, line+"\n") // the front may be over
		})
		r.ofChild.Close()
	}()
	go eachLine(r.output, r.hear)
	r.serve()
	return r
}

func (r *recorder) note(who, line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(r.entries, entry{who, line})
	r.changed.Broadcast()
}

// hear allows what the codex asks.
func (r *recorder) hear(line string) {
	r.note(toClient, line)
	if m := meaningOf([]byte(line)); m.kind == "request" {
		r.say(fmt.Sprintf(`{"id":%s,"result":{"decision":"accept"}}`, m.id))
	}
}

func (r *recorder) say(line string) {
	r.note(ofClient, line)
	_, err := io.WriteString(r.input, line+"\n")
	require.NoError(r.t, err)
}

// await waits until the client hears a line that is wanted.
func (r *recorder) await(isWanted func(m meaning) bool) string {
	late := time.AfterFunc(codextest.Patience, func() { panic("a recorded session stands still") })
	defer late.Stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	for at := 0; ; at++ {
		for at >= len(r.entries) {
			r.changed.Wait()
		}
		if each := r.entries[at]; each.who == toClient && isWanted(meaningOf([]byte(each.line))) {
			return each.line
		}
	}
}

func (r *recorder) call(method, params string) (answer string) {
	r.asked++
	id := fmt.Sprint(r.asked)
	r.say(fmt.Sprintf(`{"id":%s,"method":%q,"params":%s}`, id, method, params))
	return r.await(func(m meaning) bool { return m.kind == "answer" && m.id == id })
}

func (r *recorder) thread() (id string) {
	var started struct {
		Result struct{ Thread struct{ ID string } }
	}
	require.NoError(r.t, json.Unmarshal([]byte(r.call("thread/start", `{}`)), &started))
	return started.Result.Thread.ID
}

func (r *recorder) turn(thread string) {
	var begun struct {
		Result struct{ Turn struct{ ID string } }
	}
	require.NoError(r.t, json.Unmarshal([]byte(r.call("turn/start", turnOf(thread))), &begun))
	r.await(func(m meaning) bool {
		return m.method == "turn/completed" && strings.Contains(string(m.params), begun.Result.Turn.ID)
	})
}

// run plays a session, and makes what varies stable.
func (r *recorder) run(play func(r *recorder)) session {
	r.call("initialize", `{"clientInfo":{"name":"editor","version":"1.0"},"capabilities":{"experimentalApi":true}}`)
	r.say(`{"method":"initialized"}`)
	play(r)
	r.mu.Lock()
	recorded := append(session(nil), r.entries...)
	r.mu.Unlock()
	r.end(func() {}, func() {})
	same := newStable()
	for n, each := range recorded {
		line := strings.NewReplacer(r.site.Home, "/home/ada/.codex", r.site.Work, "/work").Replace(each.line)
		recorded[n].line = same.line(line)
	}
	return recorded
}
