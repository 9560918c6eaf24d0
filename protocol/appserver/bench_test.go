package appserver

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/engine/enginetest"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
	"github.com/bezoar-auth/bezoar/store/memory"
)

const pollLine = `{"id":17,"method":"getAuthStatus","params":{"includeToken":true,"refreshToken":false}}` + "\n"

// BenchmarkPoll is a poll through the whole server, without the pipes: a line in, a line
// out.
func BenchmarkPoll(b *testing.B) {
	for name, held := range map[string]*machine.Credential{"key": apiKey("sk-test-key"), "tokens": longTokens()} {
		b.Run(name, func(b *testing.B) { benchmarkPoll(b, *held) })
	}
}

func benchmarkPoll(b *testing.B, held machine.Credential) {
	conn, server := polled(b, held, b.N)
	b.ReportAllocs()
	b.ResetTimer()
	require.NoError(b, conn.Serve(server))
	require.NoError(b, conn.Close(context.Background()))
	b.StopTimer()
	require.False(b, server.options.Engine.Snapshot().Token().Equal(secret.Token{}))
}

// polled is a server whose client initializes and polls.
func polled(b testing.TB, held machine.Credential, times int) (*jsonrpc.Conn, *Server) {
	input := io.MultiReader(strings.NewReader(hello+"\n"), &repeated{line: []byte(pollLine), times: times})
	conn := jsonrpc.New(input, io.Discard, jsonrpc.Options{})
	return conn, New(conn, benchOptions(b, held))
}

// TestPollAllocatesItsParametersOnly: a second allocation each would double it.
func TestPollAllocatesItsParametersOnly(t *testing.T) {
	const polls = 10_000
	conn, server := polled(t, *apiKey("sk-test-key"), polls)
	before := mallocs()
	require.NoError(t, conn.Serve(server))
	require.NoError(t, conn.Close(t.Context()))
	require.Less(t, mallocs()-before, uint64(polls*7/4)) // under -race a sync.Pool forgets a quarter
}

func mallocs() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.Mallocs
}

func benchOptions(b testing.TB, held machine.Credential) Options {
	kept := memory.NewStore()
	require.NoError(b, kept.Replace(b.Context(), held))
	auth := enginetest.Start(engine.Options{Store: kept, Ledger: memory.NewLedger(machine.Issuer{}).Process(1), AuthorizationServer: hasty{}})
	b.Cleanup(func() { auth.Close(context.Background()) })
	<-auth.Ready()
	return offline(auth, Options{Terminal: "xterm", RequiresAuth: true, Introduce: func(string, string) {}})
}

// BenchmarkLoop is the whole loop of a client: a poll and its answer over pipes
// of the system, one after the other, and 64 in flight.
func BenchmarkLoop(b *testing.B) {
	for _, window := range []int{1, 64} {
		b.Run(fmt.Sprintf("window=%d", window), func(b *testing.B) { benchmarkLoop(b, window) })
	}
}

func benchmarkLoop(b *testing.B, window int) {
	r, in, err := os.Pipe()
	require.NoError(b, err)
	out, w, err := os.Pipe()
	require.NoError(b, err)
	conn := jsonrpc.New(r, w, jsonrpc.Options{})
	served := make(chan error, 1)
	server := New(conn, benchOptions(b, *longTokens()))
	go func() { served <- conn.Serve(server) }()
	answers := bufio.NewReaderSize(out, 256<<10)
	send := func(lines []byte, answered int) {
		if _, err := in.Write(lines); err != nil {
			b.Fatal(err)
		}
		for range answered {
			if _, err := answers.ReadSlice('\n'); err != nil {
				b.Fatal(err)
			}
		}
	}
	send([]byte(hello+"\n"), 1)
	batch := bytes.Repeat([]byte(pollLine), window)
	b.ReportAllocs()
	for b.Loop() {
		send(batch, window)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*window), "ns/poll")
	in.Close()
	require.NoError(b, <-served)
	require.NoError(b, conn.Close(context.Background()))
	for _, end := range []*os.File{r, out, w} {
		end.Close()
	}
}

// BenchmarkDecodeParams and BenchmarkEncodeStatus are the two ends of a poll: its
// parameters, and the answer with a token of the usual length.
func BenchmarkDecodeParams(b *testing.B) {
	request := jsonrpc.Request{Params: []byte(`{"includeToken":true,"refreshToken":false}`)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := getAuthStatusParams.params(request); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeStatus(b *testing.B) {
	held := longTokens()
	var encoder statusEncoder
	var line []byte
	b.ReportAllocs()
	for b.Loop() {
		line = encoder.append(line[:0], held.Method, held.AccessToken, true)
	}
}

// longTokens are as long as those of Codex's issuer.
func longTokens() *machine.Credential {
	held := tokens("access", "refresh")
	held.AccessToken = machinetest.JWT(`{"exp":32503680000,"pad":"` + strings.Repeat("x", 900) + `"}`)
	return held
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
