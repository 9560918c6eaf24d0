package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"golang.org/x/oauth2"

	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

// editor is a client like an editor: it starts a server and talks to it over its standard
// input and output.
type editor struct {
	server *exec.Cmd
	input  io.Closer
	conn   *jsonrpc.Conn
	log    *bytes.Buffer // the server's standard error, whole when the server has ended
}

// newEditor starts this program as the server of a home, with further variables, and gives
// what the server says unasked to a handler.
func newEditor(home string, environment []string, hears jsonrpc.Handler, flags ...string) (*editor, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	server := exec.Command(self, append([]string{"app-server", "--home", home}, flags...)...)
	server.Env = append(os.Environ(), environment...)
	log := new(bytes.Buffer)
	server.Stderr = log
	input, err := server.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := server.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := server.Start(); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	e := &editor{server, input, jsonrpc.New(output, input, jsonrpc.Options{}), log}
	go e.conn.Serve(hears)
	return e, nil
}

// discard ignores the requests and notifications of the server.
type discard struct{}

func (discard) Request(jsonrpc.Request)           {}
func (discard) Notification(jsonrpc.Notification) {}

// poll asks for the token again and again and counts the tokens. It calls polled after
// each poll. It is an error if the server shows no login.
func (e *editor) poll(ctx context.Context, times int, polled func()) (tokens int, err error) {
	for range times {
		var status protocol.GetAuthStatusResponse
		if err := e.call(ctx, protocol.GetAuthStatus, map[string]bool{"includeToken": true}, &status); err != nil {
			return tokens, err
		}
		if status.AuthMethod == nil {
			return tokens, fmt.Errorf("the server shows no login")
		}
		if status.AuthToken != nil {
			tokens++
		}
		polled()
	}
	return tokens, nil
}

// initialize opens the conversation.
func (e *editor) initialize(ctx context.Context, client protocol.ClientInfo) error {
	var answer protocol.InitializeResponse
	return e.call(ctx, protocol.Initialize, map[string]any{
		"clientInfo": map[string]string{"name": client.Name, "version": client.Version},
	}, &answer)
}

func (e *editor) call(ctx context.Context, method string, params, result any) error {
	answer, err := e.conn.Call(ctx, method, params)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	return json.Unmarshal(answer, result)
}

// close ends the conversation, waits for the server to end, and returns its log.
func (e *editor) close() *bytes.Buffer {
	e.input.Close()
	e.server.Wait() // the log says how it ended
	return e.log
}

// plainClient is what most programs in Go refresh with. It forgets each refusal, and it
// reads no file, so it does not notice a new login. Its authentication style is given,
// because guessing it would double its posts.
func plainClient(ctx context.Context, tokenURL string, dead secret.Token) oauth2.TokenSource {
	config := oauth2.Config{
		ClientID: oauth.DefaultClientID,
		Endpoint: oauth2.Endpoint{TokenURL: tokenURL, AuthStyle: oauth2.AuthStyleInParams},
	}
	return config.TokenSource(ctx, &oauth2.Token{RefreshToken: dead.Reveal(), Expiry: time.Unix(1, 0)})
}

// pollPlainClient asks the plain client again and again. It counts its posts at the
// issuer, and those among them with a spent refresh token.
func (s *show) pollPlainClient(client oauth2.TokenSource, times int) (tokens, posts, replays int) {
	before := s.issuer.Counts()
	bar := newProgress(s.env, times)
	defer bar.end()
	for range times {
		if _, err := client.Token(); err == nil {
			tokens++
		}
		bar.step()
	}
	after := s.issuer.Counts()
	return tokens, after.Posts - before.Posts, after.Replays - before.Replays
}
