package properties_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/properties/programtest"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/store/memory"
)

// The same sentence of the whole server: a client asks over a pipe, an issuer counts
// what is posted to it, and the server may end and start again in between. Time is
// virtual, so that hours pass at once.
func TestPoisonedServerPostsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(t *rapid.T) {
			authority, store, ledger := issuer.New(issuer.Options{}), memory.NewStore(), memory.NewLedger(programtest.Issuer)
			logIn := func() {
				login := machinetest.Login(issuer.Ada.ID, authority.Login(issuer.Ada, time.Now()), time.Now())
				require.NoError(t, store.Replace(context.Background(), login))
			}
			process := 0
			newServer := func() *client {
				process++
				return start(t, programtest.Parts{Store: store, Ledger: ledger.Process(process), Transport: authority.Transport()})
			}
			logIn()
			server := newServer()
			defer func() { server.end() }()

			authority.RevokeAll()
			require.Contains(t, server.ask("getAuthStatus", true), `"authToken":null`)
			require.Equal(t, 1, authority.Counts().Posts, "the issuer refuses the refresh token")

			for range rapid.IntRange(1, 20).Draw(t, "how much happens") {
				time.Sleep(rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour, 9 * 24 * time.Hour}).Draw(t, "time passes"))
				switch what := rapid.SampledFrom([]string{"getAuthStatus", "account/read", "account/rateLimits/read", "restart"}).Draw(t, "what happens"); what {
				case "restart":
					server.end()
					server = newServer()
				default:
					require.NotContains(t, server.ask(what, rapid.Bool().Draw(t, "demands a refresh")), "eyJ", "a poisoned login hands out a token")
				}
				require.Equal(t, 1, authority.Counts().Posts, "the refused token is posted again")
			}

			logIn() // with another program
			require.Contains(t, server.ask("getAuthStatus", false), `"authToken":"eyJ`)
			require.Contains(t, server.ask("getAuthStatus", true), `"authToken":"eyJ`)
			require.Equal(t, 2, authority.Counts().Posts, "another login is refreshed again")
		})
	})
}

// client is the other end of a server's pipes.
type client struct {
	t     *rapid.T
	serve *programtest.Assembly
	lines *bufio.Scanner
	asked int
}

func start(t *rapid.T, parts programtest.Parts) *client {
	serve := programtest.Assemble(parts)
	c := &client{t: t, serve: serve, lines: bufio.NewScanner(serve.Output)}
	c.say(`{"id":0,"method":"initialize","params":{"clientInfo":{"name":"editor","version":"1"}}}`)
	c.hear(0)
	return c
}

// ask asks a question and returns the answer.
func (c *client) ask(method string, refresh bool) string {
	c.asked++
	c.say(fmt.Sprintf(`{"id":%d,"method":%q,"params":{"includeToken":true,"refreshToken":%v}}`, c.asked, method, refresh))
	return c.hear(c.asked)
}

func (c *client) say(line string) {
	_, err := io.WriteString(c.serve.Input, line+"\n")
	require.NoError(c.t, err)
}

// hear is the answer to a request. Notifications before it are passed over.
func (c *client) hear(id int) string {
	for c.lines.Scan() {
		if programtest.IDOf(c.lines.Text()) == strconv.Itoa(id) {
			return c.lines.Text()
		}
	}
	require.Fail(c.t, "the server says nothing more")
	return ""
}

func (c *client) end() { require.NoError(c.t, c.serve.Close(context.Background())) }
