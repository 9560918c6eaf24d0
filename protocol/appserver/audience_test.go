package appserver

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
	"github.com/bezoar-auth/bezoar/protocol/schema/schematest"
)

// neighbour is another client of the same engine, on a connection of its own. leave ends
// that connection; the engine goes on.
func (s *site) neighbour() (other *site, leave func()) {
	other = &site{t: s.t, schema: schematest.New(s.t), store: s.store, issuer: s.issuer, lines: make(chan string, 4096)}
	read, input := io.Pipe()
	output, write := io.Pipe()
	conn := jsonrpc.New(read, write, jsonrpc.Options{})
	other.input, other.server = input, New(conn, s.server.options)
	served := make(chan error, 1)
	go func() { served <- conn.Serve(other.server) }()
	go other.listen(output)
	return other, func() {
		input.Close()
		require.NoError(s.t, <-served)
		require.NoError(s.t, other.server.Finish(context.Background()))
		require.NoError(s.t, conn.Close(context.Background()))
		write.Close()
	}
}

func TestLoginOfOneClientIsAnnouncedToAll(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *site) {
		other, leave := s.neighbour()
		stranger, goAway := s.neighbour()
		defer goAway()
		other.shakeHands()
		inOrder(t, other.ask(loginLine), `{"id":"login","result":{"type":"apiKey"}}`, loginCompleted, updatedToKey)
		inOrder(t, s.said(), loginCompleted, updatedToKey)
		require.Empty(t, stranger.said(), "it has not introduced itself")
		inOrder(t, s.ask(logoutLine), `{"id":"logout","result":{}}`, updatedToNone)
		inOrder(t, other.said(), updatedToNone)

		leave()
		inOrder(t, s.ask(loginLine), `{"id":"login","result":{"type":"apiKey"}}`, loginCompleted, updatedToKey)
		require.Len(t, s.server.options.Audience.servers, 1)
	})
}

func TestLoginsOfSeveralClientsAreReportedInTheirOrder(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *site) {
		other, leave := s.neighbour()
		other.shakeHands()
		started, first, _ := s.server.options.Audience.begin(s.server.options.Logins.Browser)
		require.Nil(t, first)
		_, before, _ := s.server.options.Audience.begin(s.server.options.Logins.Browser)
		require.NotNil(t, before, "the second one waits for the report of the first")
		require.Error(t, started.Wait())
		leave()
	})
}

// A client of the health that has gone hears of nothing, and is let go of.
func TestClientThatLeftHearsNoHealth(t *testing.T) {
	experimental(t, tokens("access-1", "refresh-1"), nil, func(t *testing.T, s *site) {
		other, leave := s.neighbour()
		other.send(`{"id":1,"method":"initialize","params":{"clientInfo":{"name":"n","version":"1"},"capabilities":{"experimentalApi":true}}}`)
		require.Len(t, other.said(), 1)
		s.send(statusDemand)
		time.Sleep(2 * issuerTakes)
		require.Contains(t, other.said()[0], protocol.HealthUpdated)
		leave()
		require.True(t, other.server.isDeaf)
		other.server.beginHealth() // a handshake that was under way
		require.NotContains(t, s.server.options.Audience.servers, other.server)
		other.server.options.Audience.join(other.server)
		require.NotContains(t, s.server.options.Audience.servers, other.server)
	})
}

const statusDemand = `{"id":"demand","method":"getAuthStatus","params":{"refreshToken":true}}`

// The client that gave the tokens is asked for new ones; when it has gone, who asks is
// answered at once, and tokens of another client are used.
func TestTokensOfAClientThatLeftAreRenewedByTheNext(t *testing.T) {
	g := &gate{admits: []string{theirs}}
	experimental(t, nil, guarded(g), func(t *testing.T, s *site) {
		other, leave := s.neighbour()
		other.send(`{"id":1,"method":"initialize","params":{"clientInfo":{"name":"n","version":"1"},"capabilities":{"experimentalApi":true}}}`)
		other.ask(handOver(ours))
		s.said()
		leave()
		said := s.ask(limitsLine)
		require.Contains(t, said[len(said)-1], "401", "without a wait")
		require.Contains(t, s.answer(protocol.AccountRead, `{}`), `"type":"chatgpt"`, "and the login stays")
		s.ask(handOver(theirs))
		said = s.ask(limitsLine)
		require.Contains(t, said[len(said)-1], `"planType":"plus"`)
	})
}

func TestTokensThatCannotBeRenewedSayWhoHasGone(t *testing.T) {
	experimental(t, nil, nil, func(t *testing.T, s *site) {
		other, leave := s.neighbour()
		other.send(`{"id":1,"method":"initialize","params":{"clientInfo":{"name":"n","version":"1"},"capabilities":{"experimentalApi":true}}}`)
		other.ask(handOver(ours))
		leave()
		_, err := s.server.options.Renewer.Renew(t.Context(), *apiKey(""))
		require.ErrorIs(t, err, errGone)
	})
}
