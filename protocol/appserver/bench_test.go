package appserver

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
	"github.com/bezoar-auth/bezoar/store/memory"
)

const pollLine = `{"id":17,"method":"getAuthStatus","params":{"includeToken":true,"refreshToken":false}}` + "\n"

// BenchmarkPoll is the whole way of a poll through the server, without the
// pipes: a line in, a line out.
func BenchmarkPoll(b *testing.B) {
	key := *apiKey("sk-test-key")
	set := *tokens("access", "refresh")
	set.AccessToken = jwt(`{"exp":32503680000,"pad":"` + strings.Repeat("x", 900) + `"}`)
	for name, held := range map[string]machine.Credential{"key": key, "tokens": set} {
		b.Run(name, func(b *testing.B) { benchmarkPoll(b, held) })
	}
}

func benchmarkPoll(b *testing.B, held machine.Credential) {
	kept := memory.NewStore()
	require.NoError(b, kept.Replace(b.Context(), held))
	auth := engine.Start(engine.Options{Store: kept, Ledger: memory.NewLedger(machine.Issuer{}).Process(1), Issuer: hasty{}})
	defer auth.Close(context.Background())
	<-auth.Ready()
	input := io.MultiReader(strings.NewReader(hello+"\n"), &repeated{line: []byte(pollLine), times: b.N})
	conn := jsonrpc.New(input, io.Discard, jsonrpc.Options{})
	server := New(conn, offline(auth, Options{Terminal: "xterm", RequiresAuth: true, Introduce: func(string, string) {}}))
	b.ReportAllocs()
	b.ResetTimer()
	require.NoError(b, conn.Serve(server))
	require.NoError(b, conn.Close(context.Background()))
	b.StopTimer()
	require.False(b, auth.Snapshot().Token().Equal(secret.Token{}))
}

// repeated reads one line after the other, as a client that waits for each
// answer would send them.
type repeated struct {
	line  []byte
	times int
}

func (r *repeated) Read(into []byte) (int, error) {
	if r.times == 0 {
		return 0, io.EOF
	}
	r.times--
	return copy(into, r.line), nil
}
