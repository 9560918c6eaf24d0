package fronts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/store/memory"
)

// What a line of a session is: said by one end, or sent to it.
const (
	ofClient = "client"
	toClient = "to client"
	toChild  = "to child"
	ofChild  = "child"
	revokes  = "the issuer revokes" // no line
)

// entry is one of a session: who says what.
type entry struct{ who, line string }

// session is a recorded one, in testdata/sessions/VERSION.NAME.json: what a real codex said
// and was sent, with what varies made stable.
type session []entry

func (s session) encode() []byte {
	var b bytes.Buffer
	for n, each := range s {
		fmt.Fprintf(&b, "%s[%q,%s]", map[bool]string{true: "[\n", false: ",\n"}[n == 0], each.who, each.line)
	}
	b.WriteString("\n]\n")
	return b.Bytes()
}

func decodeSession(text []byte) (s session, err error) {
	var all [][2]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	for _, each := range all {
		var who string
		if err := json.Unmarshal(each[0], &who); err != nil {
			return nil, err
		}
		s = append(s, entry{who, string(each[1])})
	}
	return s, nil
}

// stable replaces what differs from one run to the next. The same token or id has the same
// replacement each time.
type stable struct{ tokens, ids map[string]string }

func newStable() *stable { return &stable{map[string]string{}, map[string]string{}} }

var (
	jwtText      = regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]*`)
	uuidText     = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	timeText     = regexp.MustCompile(`"(\w*(?:At|AtMs|Ms|At_ms|resetsAt))":[0-9]{2,}`)
	dateText     = regexp.MustCompile(`20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z?|20[0-9]{2}/[0-9]{2}/[0-9]{2}`)
	dayText      = regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}-[0-9]{2}-[0-9]{2}`)
	hashText     = regexp.MustCompile(`"fingerprint":"[0-9a-f]+"`)
	hostText     = regexp.MustCompile(`"serverName":"[^"]*"`)
	osText       = regexp.MustCompile(`\([^()"]*; (?:x86_64|arm64|aarch64)\) [^ "(]+`)
	platformText = regexp.MustCompile(`"platformFamily":"\w+","platformOs":"\w+"`)
)

func (s *stable) line(line string) string {
	line = jwtText.ReplaceAllStringFunc(line, func(t string) string { return numbered(s.tokens, t, "TOKEN-%d") })
	line = uuidText.ReplaceAllStringFunc(line, func(t string) string { return numbered(s.ids, t, "00000000-0000-0000-0000-%012d") })
	line = timeText.ReplaceAllString(line, `"$1":10`)
	line = dayText.ReplaceAllString(line, "2030-01-01T00-00-00")
	line = dateText.ReplaceAllString(line, "2030-01-01T00:00:00Z")
	line = hashText.ReplaceAllString(line, `"fingerprint":"f"`)
	line = hostText.ReplaceAllString(line, `"serverName":"host"`)
	line = platformText.ReplaceAllString(line, `"platformFamily":"unix","platformOs":"linux"`)
	return osText.ReplaceAllString(line, "(System 1; x86_64) terminal")
}

func numbered(known map[string]string, text, format string) string {
	if known[text] == "" {
		known[text] = fmt.Sprintf(format, len(known)+1)
	}
	return known[text]
}

// TestRecordedSessionsOfCodexGoOn replays what a real codex said in whole sessions. What
// the client hears and what the child is sent must be what it was then: so a checkout
// without a codex is tested against the words of a real one.
func TestRecordedSessionsOfCodexGoOn(t *testing.T) {
	files, err := filepath.Glob("testdata/sessions/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			recorded, err := decodeSession(text)
			require.NoError(t, err)
			synctest.Test(t, func(t *testing.T) { replay(t, recorded) })
		})
	}
}

func replay(t *testing.T, recorded session) {
	i := issuer.New(issuer.Options{AccessLifetime: time.Hour})
	p, _ := sessionParts(t, i.Login(issuer.Ada, time.Now()), oauth.New(oauth.Options{Transport: i.Transport()}), "https://issuer.example/oauth/token")
	a := assemble(p)
	heard, all := map[string]*heard{toClient: new(heard), toChild: new(heard)}, new(sync.WaitGroup)
	all.Go(func() { eachLine(a.output, heard[toClient].add) })
	all.Go(func() { eachLine(a.toChild, heard[toChild].add) })
	a.serve()
	same := newStable()
	for _, each := range recorded {
		switch each.who {
		case ofClient, ofChild:
			to := map[string]io.Writer{ofClient: a.input, ofChild: a.ofChild}[each.who]
			_, err := io.WriteString(to, each.line+"\n")
			require.NoError(t, err)
		case revokes:
			i.RevokeAll()
		default:
			require.Equal(t, each.line, same.line(heard[each.who].next(t, each.line)), each.who)
		}
		synctest.Wait()
	}
	a.end(synctest.Wait, func() {
		a.ofChild.Close()
		a.toChild.CloseWithError(io.ErrClosedPipe)
	})
	all.Wait()
	for who, each := range heard {
		require.Empty(t, each.lines, "%s: more than was recorded", who)
	}
}

// sessionParts are those of a session that begins with a login.
func sessionParts(t testing.TB, grant endpoint.TokenResponse, authority *oauth.Client, address string) (parts, machine.Credential) {
	policy := machine.Policy{
		Claims: chatgpt.Claims, RefreshFloor: 5 * time.Second, Issuer: machine.Issuer{TokenEndpoint: address, ClientID: oauth.DefaultClientID},
	}
	store := memory.NewStore()
	login := machinetest.Login(issuer.Ada.ID, grant, time.Now())
	require.NoError(t, store.Replace(t.Context(), login))
	return parts{store: store, ledger: memory.NewLedger(policy.Issuer).Process(1), issuer: authority, policy: &policy}, login
}

// heard are lines that came and were not looked at.
type heard struct {
	mu    sync.Mutex
	lines []string
}

func (h *heard) add(line string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, line)
}

// next is the next line, which may take a while.
func (h *heard) next(t *testing.T, wanted string) string {
	for range 100 {
		synctest.Wait()
		h.mu.Lock()
		if len(h.lines) > 0 {
			defer h.mu.Unlock()
			next := h.lines[0]
			h.lines = h.lines[1:]
			return next
		}
		h.mu.Unlock()
		time.Sleep(100 * time.Millisecond)
	}
	require.FailNow(t, "nothing comes", "wanted: %s", wanted)
	return ""
}
