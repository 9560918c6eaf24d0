package front

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/engine/enginetest"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/appserver"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt"
	"github.com/bezoar-auth/bezoar/protocol/front/fronttest"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
	"github.com/bezoar-auth/bezoar/protocol/login"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/profile"
	"github.com/bezoar-auth/bezoar/store/memory"
)

// issuer gives the answers of a test, takes after each request. Without one it is
// unavailable.
type issuer struct {
	takes time.Duration

	mu      sync.Mutex
	answers []endpoint.Answer
	posts   int
}

func (i *issuer) Refresh(ctx context.Context, _ machine.Issuer, _ secret.Token, _ endpoint.Cause) endpoint.Answer {
	i.mu.Lock()
	i.posts++
	var answer endpoint.Answer = endpoint.Unavailable{}
	if len(i.answers) > 0 {
		answer, i.answers = i.answers[0], i.answers[1:]
	}
	i.mu.Unlock()
	select {
	case <-time.After(i.takes):
		return answer
	case <-ctx.Done():
		return endpoint.Unavailable{}
	}
}

func (i *issuer) Revoke(context.Context, machine.Issuer, machine.Credential) error { return nil }

func (i *issuer) posted() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.posts
}

func (i *issuer) give(answers ...endpoint.Answer) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answers = append(i.answers, answers...)
}

var errNoNetwork = errors.New("there is no network")

type noNetwork struct{}

func (noNetwork) RoundTrip(*http.Request) (*http.Response, error) { return nil, errNoNetwork }

// site is a front with an engine behind it, a client before it and a scripted child.
type site struct {
	t      testing.TB
	front  *Front
	child  *fronttest.Child
	client *jsonrpc.Conn // the front's end
	engine *engine.Engine
	store  *memory.Store
	issuer *issuer
	server *appserver.Server
	input  *io.PipeWriter
	output *io.PipeReader
	lines  chan string
	served chan error

	mu     sync.Mutex
	events []Event
}

// open starts a front in a synctest bubble. The client reads all that comes, unless it is
// to read itself.
func open(t testing.TB, stored *machine.Credential, adjust func(*site, *Options)) *site {
	read, input := io.Pipe()
	output, write := io.Pipe()
	s := openOver(t, stored, read, write, adjust)
	s.input, s.output = input, output
	return s
}

func openOver(t testing.TB, stored *machine.Credential, r io.Reader, w io.Writer, adjust func(*site, *Options)) *site {
	s := &site{t: t, store: memory.NewStore(), issuer: &issuer{takes: time.Second}, child: fronttest.New(), lines: make(chan string, 1<<16), served: make(chan error, 1)}
	if stored != nil {
		require.NoError(t, s.store.Replace(context.Background(), *stored))
	}
	policy := machine.Policy{Claims: chatgpt.Claims, RefreshFloor: 5 * time.Second, Issuer: machine.Issuer{TokenEndpoint: "https://issuer.example/token", ClientID: "client"}}
	renewer := new(appserver.Renewer)
	s.engine = enginetest.Start(engine.Options{
		Policy: policy, Store: s.store, Ledger: memory.NewLedger(policy.Issuer).Process(1), AuthorizationServer: s.issuer, Renewer: renewer,
	})
	s.client = jsonrpc.New(r, w, jsonrpc.Options{CallPrefix: ClientPrefix})
	logins := login.New(login.Options{
		Issuer: oauth.New(oauth.Options{Profile: profile.CodexAt("https://issuer.example"), Transport: noNetwork{}}), Save: s.engine.Login,
		Listen: func(string) (net.Listener, error) { return nil, errNoNetwork },
		Dial:   func(context.Context, string) (net.Conn, error) { return nil, errNoNetwork },
	})
	s.server = appserver.New(s.client, appserver.Options{
		Home: "/home/ada/.codex", Version: "1.2.3", Terminal: "xterm", RequiresAuth: true, Introduce: func(string, string) {},
		Engine: s.engine, Renewer: renewer, Logins: logins,
		Backend: chatgpt.New(chatgpt.Options{BaseURL: "https://backend.example", Transport: noNetwork{}}),
	})
	o := Options{
		Client: s.client,
		Child:  jsonrpc.New(s.child.Out, s.child.In, jsonrpc.Options{CallPrefix: ChildPrefix, ReadsOn: true}), CloseChild: s.child.In,
		Server: s.server, Engine: s.engine,
		Words: func(s machine.Snapshot, isRefused bool) string {
			if isRefused {
				return "bezoar says: refused"
			}
			return "bezoar says: " + string(s.Phase())
		},
		Observe: func(e Event) { s.mu.Lock(); s.events = append(s.events, e); s.mu.Unlock() },
	}
	if adjust != nil {
		adjust(s, &o)
	}
	s.front = New(o)
	go func() { s.served <- s.front.Serve() }()
	return s
}

// listen reads what the client is sent.
func (s *site) listen() {
	lines := bufio.NewScanner(s.output)
	lines.Buffer(nil, 128<<20)
	for lines.Scan() {
		s.lines <- lines.Text()
	}
	close(s.lines)
}

// close ends the front as a program does.
func (s *site) close() error {
	s.input.Close()
	err := <-s.served
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
	defer cancel()
	_ = s.front.End(ctx)
	s.child.Die()
	_ = s.server.Close(ctx)
	_ = s.client.Close(ctx)
	s.output.Close()
	return err
}

// inBubble runs a test whose client has said hello.
func inBubble(t *testing.T, stored *machine.Credential, adjust func(*site, *Options), test func(t *testing.T, s *site)) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, stored, adjust)
		go s.listen()
		defer s.close()
		said := s.ask(hello)
		require.Len(t, said, 1)
		require.Contains(t, said[0], `"id":"hello","result"`)
		test(t, s)
	})
}

const hello = `{"id":"hello","method":"initialize","params":{"clientInfo":{"name":"editor","version":"9"},"capabilities":{"experimentalApi":true,"optOutNotificationMethods":["account/health/updated"]}}}`

// plainHello is that of a client without experimentalApi.
const plainHello = `{"id":"hello","method":"initialize","params":{"clientInfo":{"name":"editor","version":"9"}}}`

func (s *site) send(lines ...string) {
	_, err := io.WriteString(s.input, strings.Join(lines, "\n")+"\n")
	require.NoError(s.t, err)
}

// said is what the client was sent up to the moment when everything waits.
func (s *site) said() (lines []string) {
	synctest.Wait()
	for {
		select {
		case line, ok := <-s.lines:
			if !ok {
				return lines
			}
			lines = append(lines, line)
		default:
			return lines
		}
	}
}

func (s *site) ask(lines ...string) []string {
	s.send(lines...)
	return s.said()
}

func (s *site) happened(kind Kind) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

func request(id any, method, params string) string {
	if params == "" {
		params = "{}"
	}
	return fmt.Sprintf(`{"id":%v,"method":%q,"params":%s}`, id, method, params)
}

// tokens are a ChatGPT login of the present with tokens that say when they expire.
func tokens(access, refresh string) *machine.Credential {
	return &machine.Credential{
		Method: machine.MethodTokens, AccessToken: jwtOf(access), RefreshToken: secret.New(refresh),
		IDToken:   machinetest.JWT(`{"email":"ada@example.com","https://api.openai.com/auth":{"chatgpt_plan_type":"plus","chatgpt_user_id":"user-ada"}}`),
		AccountID: "account-ada", LastRefresh: bubbleBegins,
	}
}

var bubbleBegins = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func jwtOf(subject string) secret.Token {
	return machinetest.Expiring(subject, bubbleBegins.Add(time.Hour))
}

func has(subject string) string { return "tokens " + jwtOf(subject).Reveal() + " account-ada" }

func apiKey(key string) *machine.Credential {
	return &machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New(key)}
}

func grants(access, refresh string) endpoint.Answer {
	return endpoint.Issued{Response: endpoint.TokenResponse{AccessToken: jwtOf(access), RefreshToken: secret.New(refresh)}}
}

type fronttestChild = fronttest.Child

var fronttestOpen = fronttest.Open

func expiredJWT() secret.Token { return machinetest.Expiring("old", bubbleBegins.Add(-time.Hour)) }
