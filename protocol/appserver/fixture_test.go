package appserver

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
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
	"github.com/bezoar-auth/bezoar/protocol/chatgpt"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
	"github.com/bezoar-auth/bezoar/protocol/login"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/profile"
	"github.com/bezoar-auth/bezoar/protocol/schema/schematest"
	"github.com/bezoar-auth/bezoar/store/memory"
)

// issuer gives the answers of a test, a second after each request. Without one it is
// unavailable.
type issuer struct {
	answers []endpoint.Answer
	posts   int
	revokes time.Duration
}

const issuerTakes = time.Second

func (i *issuer) Refresh(ctx context.Context, _ machine.Issuer, _ secret.Token, _ endpoint.Cause) endpoint.Answer {
	i.posts++ // one call at a time
	timer := time.NewTimer(issuerTakes)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return endpoint.Unavailable{}
	}
	if len(i.answers) == 0 {
		return endpoint.Unavailable{}
	}
	answer := i.answers[0]
	i.answers = i.answers[1:]
	return answer
}

// Revoke takes the time that a test sets.
func (i *issuer) Revoke(ctx context.Context, _ machine.Issuer, _ machine.Credential) error {
	select {
	case <-time.After(i.revokes):
	case <-ctx.Done():
	}
	return ctx.Err()
}

// offline adds the options that a server needs besides, on a machine without a network.
func offline(auth *engine.Engine, options Options) Options {
	options.Engine = auth
	if options.Backend == nil {
		options.Backend = chatgpt.New(chatgpt.Options{BaseURL: "https://backend.example", Transport: noNetwork{}})
	}
	options.Logins = login.New(login.Options{
		Issuer: oauth.New(oauth.Options{Profile: profile.CodexAt("https://issuer.example"), Transport: noNetwork{}}), Save: auth.Login,
		Listen: func(string) (net.Listener, error) { return nil, errNoNetwork },
		Dial:   func(context.Context, string) (net.Conn, error) { return nil, errNoNetwork },
	})
	return options
}

var errNoNetwork = errors.New("there is no network")

type noNetwork struct{}

func (noNetwork) RoundTrip(*http.Request) (*http.Response, error) { return nil, errNoNetwork }

// testingT is a test or a property's.
type testingT interface {
	require.TestingT
	schematest.T
}

// site is a server with an engine behind it and a client before it. Every line of the
// server is checked against the schemas.
type site struct {
	t      testingT
	schema *schematest.Conversation
	server *Server
	store  *memory.Store
	issuer *issuer
	input  *io.PipeWriter
	lines  chan string
}

// open starts a server in a synctest bubble. close ends it.
func open(t testingT, stored *machine.Credential, adjust func(*Options, *engine.Options)) (s *site, close func()) {
	s = &site{t: t, schema: schematest.New(t), store: memory.NewStore(), issuer: &issuer{}, lines: make(chan string, 4096)}
	if stored != nil {
		require.NoError(t, s.store.Replace(context.Background(), *stored))
	}
	policy := machine.Policy{Claims: chatgpt.Claims, BackoffOff: true, Issuer: machine.Issuer{TokenEndpoint: "https://issuer.example/token", ClientID: "client"}}
	parts := engine.Options{
		Policy: policy, Store: s.store, Ledger: memory.NewLedger(policy.Issuer).Process(1), AuthorizationServer: s.issuer,
	}
	options := Options{
		Home: "/home/ada/.codex", Version: "1.2.3", Terminal: "xterm", RequiresAuth: true,
		Introduce: func(string, string) {},
	}
	if adjust != nil {
		adjust(&options, &parts)
	}
	read, input := io.Pipe()
	output, write := io.Pipe()
	conn := jsonrpc.New(read, write, jsonrpc.Options{})
	options.Renewer = new(Renewer)
	parts.Renewer = options.Renewer
	options = offline(enginetest.Start(parts), options)
	s.input, s.server = input, New(conn, options)
	served := make(chan error, 1)
	go func() { served <- conn.Serve(s.server) }()
	go s.listen(output)
	return s, func() {
		input.Close()
		require.NoError(t, <-served)
		require.NoError(t, s.server.Close(context.Background()))
		require.NoError(t, conn.Close(context.Background()))
		write.Close()
	}
}

// inBubble runs a test with a server that is initialized.
func inBubble(t *testing.T, stored *machine.Credential, test func(t *testing.T, s *site)) {
	synctest.Test(t, func(t *testing.T) {
		s, close := open(t, stored, nil)
		defer close()
		s.shakeHands()
		test(t, s)
	})
}

func (s *site) listen(output io.Reader) {
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		s.schema.Server(lines.Bytes())
		s.lines <- lines.Text()
	}
	close(s.lines)
}

// experimental is a bubble whose client has the experimentalApi capability.
func experimental(t *testing.T, stored *machine.Credential, adjust func(*Options, *engine.Options), test func(t *testing.T, s *site)) {
	synctest.Test(t, func(t *testing.T) {
		s, close := open(t, stored, adjust)
		defer close()
		s.send(strings.Replace(hello, `"version":"9"}`, `"version":"9"},"capabilities":{"experimentalApi":true}`, 1))
		require.Len(t, s.said(), 1)
		test(t, s)
	})
}

const hello = `{"id":"hello","method":"initialize","params":{"clientInfo":{"name":"editor","version":"9"}}}`

func (s *site) shakeHands() {
	s.send(hello)
	said := s.said()
	require.Len(s.t, said, 1)
	require.Contains(s.t, said[0], `"result"`)
}

func (s *site) send(lines ...string) {
	text := strings.Join(lines, "\n") + "\n"
	for line := range strings.Lines(text) {
		s.schema.Client([]byte(line))
	}
	_, err := io.WriteString(s.input, text)
	require.NoError(s.t, err)
}

// said is the output of the server up to the moment when everything in the bubble waits
// for the clock or the client.
func (s *site) said() (lines []string) {
	synctest.Wait()
	for {
		select {
		case line := <-s.lines:
			lines = append(lines, line)
		default:
			return lines
		}
	}
}

// ask sends lines and returns the output of the server without any time passing.
func (s *site) ask(lines ...string) []string {
	s.send(lines...)
	return s.said()
}

// answer sends one request and requires one line of output.
func (s *site) answer(method, params string) string {
	line := `{"id":1,"method":"` + method + `"`
	if params != "" {
		line += `,"params":` + params
	}
	said := s.ask(line + "}")
	require.Len(s.t, said, 1)
	return said[0]
}

// errorOf is the text of an error for a request.
func errorOf(t require.TestingT, line string) (code int, message string) {
	var answer struct{ Error *jsonrpc.Error }
	require.NoError(t, json.Unmarshal([]byte(line), &answer))
	require.NotNil(t, answer.Error, line)
	return answer.Error.Code, answer.Error.Message
}

// tokens are a ChatGPT login of the present with opaque tokens.
func tokens(access, refresh string) *machine.Credential {
	return &machine.Credential{
		Method: machine.MethodTokens, AccessToken: secret.New(access), RefreshToken: secret.New(refresh),
		IDToken:   machinetest.JWT(`{"email":"ada@example.com","https://api.openai.com/auth":{"chatgpt_plan_type":"plus","chatgpt_user_id":"user-ada"}}`),
		AccountID: "account-ada", LastRefresh: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), // when a bubble begins
	}
}

func apiKey(key string) *machine.Credential {
	return &machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New(key)}
}

func grants(access, refresh string) endpoint.Answer {
	return endpoint.Issued{Response: endpoint.TokenResponse{AccessToken: secret.New(access), RefreshToken: secret.New(refresh)}}
}
