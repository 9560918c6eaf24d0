package doctor

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/backend"
	"github.com/bezoar-auth/bezoar/protocol/legible"
)

// talkLimit is for all that a backend is asked. A codex takes a quarter of a second.
const talkLimit = 10 * time.Second

// conversation is one with a backend.
type conversation struct {
	child *backend.Child
	lines chan []byte // what it writes, closed at its end
	limit context.Context
	begun time.Time
	asked int
}

// errSilent says that the backend has ended, or does not answer.
var errSilent = errors.New("no answer")

func converse(ctx context.Context, child *backend.Child) *conversation {
	limit, cancel := context.WithTimeout(ctx, talkLimit)
	c := &conversation{child: child, lines: make(chan []byte), limit: limit, begun: time.Now()}
	go func() {
		defer cancel()
		defer close(c.lines)
		const lineBytesMax = 1 << 20
		output := bufio.NewScanner(child)
		output.Buffer(nil, lineBytesMax)
		for output.Scan() {
			select {
			case c.lines <- bytes.Clone(output.Bytes()):
			case <-limit.Done():
			}
		}
		_, _ = io.Copy(io.Discard, child) // an endless line
	}()
	return c
}

// try goes through what an app-server does before a client's first request.
func (c *conversation) try() (trial, error) {
	var hello struct{ UserAgent string }
	if err := c.ask("initialize", `{"clientInfo":{"name":"bezoar_doctor","version":"1"},"capabilities":{"experimentalApi":true}}`, &hello); err != nil {
		return trial{}, err
	}
	known := trial{version: versionIn(hello.UserAgent), took: time.Since(c.begun)}
	if err := c.tell("initialized"); err != nil {
		return known, err
	}
	var signedIn struct{ Account *struct{ Type string } }
	if err := c.ask("account/read", `{}`, &signedIn); err != nil {
		return known, err
	}
	if signedIn.Account != nil {
		return known, &trialError{"reads auth.json although it was started with cli_auth_credentials_store=\"ephemeral\": it would spend the refresh token by itself",
			"take another version of Codex; 0.117.0, 0.169.0 and 0.171.0 were tried"}
	}
	params, _ := json.Marshal(map[string]string{"type": "chatgptAuthTokens", "accessToken": unknownToken(), "chatgptAccountId": "bezoar-doctor", "chatgptPlanType": "plus"})
	return known, c.ask("account/login/start", string(params), nil)
}

// unknownToken is a well-formed access token that no issuer has made.
func unknownToken() string {
	claims := fmt.Sprintf(`{"exp":%d,"https://api.openai.com/auth":{"chatgpt_account_id":"bezoar-doctor","chatgpt_plan_type":"plus"}}`, time.Now().Add(time.Hour).Unix())
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"none"}`)) + "." + part([]byte(claims)) + "." + part([]byte("unsigned"))
}

// versionIn is the version of Codex in a user agent: what follows the client's name.
func versionIn(userAgent string) string {
	_, after, _ := strings.Cut(userAgent, "/")
	version, _, _ := strings.Cut(after, " ")
	if version == "" {
		return "of an unknown version"
	}
	return version
}

func (c *conversation) tell(method string) error {
	_, err := fmt.Fprintf(c.child, "{\"method\":%q}\n", method)
	if err != nil {
		return errSilent
	}
	return nil
}

// ask sends a request and decodes its result, unless result is nil.
func (c *conversation) ask(method, params string, result any) error {
	c.asked++
	if _, err := fmt.Fprintf(c.child, "{\"id\":%d,\"method\":%q,\"params\":%s}\n", c.asked, method, params); err != nil {
		return errSilent
	}
	for {
		var message struct {
			ID     json.RawMessage
			Result json.RawMessage
			Error  *struct{ Message string }
		}
		select {
		case line, ok := <-c.lines:
			if !ok {
				return errSilent
			}
			if json.Unmarshal(line, &message) != nil || string(message.ID) != fmt.Sprint(c.asked) {
				continue
			}
		case <-c.limit.Done():
			return &trialError{fmt.Sprintf("does not answer %s within %v", method, talkLimit), "run it at a shell; a codex answers lines of JSON on its standard input"}
		}
		switch {
		case message.Error != nil:
			return &trialError{fmt.Sprintf("refuses %s: %s", method, message.Error.Message), "take another version of Codex; 0.117.0, 0.169.0 and 0.171.0 were tried"}
		case result == nil:
			return nil
		}
		return json.Unmarshal(message.Result, result)
	}
}

// refuseAll listens as a proxy that lets nothing pass.
func refuseAll() (net.Listener, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	refuse := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	go func() { _ = (&http.Server{Handler: refuse, ReadHeaderTimeout: talkLimit}).Serve(listener) }() // it ends with the listener
	return listener, nil
}

// throughProxy is an environment in which all requests go through a proxy.
func throughProxy(environ []string, proxy string) []string {
	proxies := []string{"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"}
	kept := slices.DeleteFunc(slices.Clone(environ), func(each string) bool {
		name, _, _ := strings.Cut(each, "=")
		return slices.Contains(append(proxies, "NO_PROXY"), strings.ToUpper(name))
	})
	for _, each := range proxies {
		kept = append(kept, each+"=http://"+proxy, strings.ToLower(each)+"=http://"+proxy)
	}
	return kept
}

// lastLine keeps the last line that is written to it, if it is not too long.
type lastLine struct {
	mu   sync.Mutex
	text []byte
}

func (l *lastLine) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	const kept = 4096
	l.text = append(l.text, p...)
	l.text = l.text[max(0, len(l.text)-kept):]
	return len(p), nil
}

func (l *lastLine) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := bytes.TrimSpace(l.text)
	return legible.Line(string(text[bytes.LastIndexByte(text, '\n')+1:]))
}
