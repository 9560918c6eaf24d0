package front

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// pair is a front between two pipes of the system, as it runs. The child side is the
// benchmark's own.
type pair struct {
	*site
	toFront, fromFront     *os.File // the client's
	childWrites, childGets *os.File
}

func newPair(b *testing.B) *pair {
	p := &pair{}
	pipe := func() (*os.File, *os.File) {
		r, w, err := os.Pipe()
		require.NoError(b, err)
		b.Cleanup(func() { r.Close(); w.Close() })
		return r, w
	}
	clientIn, toFront := pipe()
	fromFront, clientOut := pipe()
	childOut, childWrites := pipe()
	childGets, childIn := pipe()
	p.childWrites, p.childGets = childWrites, childGets
	p.toFront, p.fromFront = toFront, fromFront
	login := tokens("a", "r")
	login.AccessToken, login.LastRefresh = machinetest.Expiring("a", time.Now().Add(time.Hour)), time.Now()
	p.site = openOver(b, login, clientIn, clientOut, func(_ *site, o *Options) {
		o.Child = jsonrpc.New(childOut, childIn, jsonrpc.Options{CallPrefix: ChildPrefix, ReadsOn: true})
		o.CloseChild = childIn
	})
	return p
}

func kilobyte() []byte {
	return []byte(`{"method":"item/agentMessage/delta","params":{"threadId":"01a22f6e-8092-7652-9daa-1765bd14e61f","delta":"` + strings.Repeat("some text of a model ", 42) + "\"}}\n")
}

// pump writes n lines to w and reads them from r, and reports the processor time of each.
func pump(b *testing.B, w, r *os.File, line []byte) {
	const burst = 32
	lines := bytes.Repeat(line, burst)
	read := make(chan int64)
	total := int64(b.N/burst+1) * int64(len(lines))
	b.ResetTimer()
	before := cpu()
	go func() {
		n, _ := io.CopyN(io.Discard, r, total)
		read <- n
	}()
	for range b.N/burst + 1 {
		if _, err := w.Write(lines); err != nil {
			b.Fatal(err)
		}
	}
	require.Equal(b, total, <-read)
	b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op")
}

func BenchmarkPassed(b *testing.B) {
	b.Run("nothing between", func(b *testing.B) {
		r, w, err := os.Pipe()
		require.NoError(b, err)
		pump(b, w, r, kilobyte())
	})
	b.Run("to the client", func(b *testing.B) {
		p := newPair(b)
		pump(b, p.childWrites, p.fromFront, kilobyte())
	})
	b.Run("to the child", func(b *testing.B) {
		p := newPair(b)
		pump(b, p.toFront, p.childGets, kilobyte())
	})
}

// BenchmarkRequest is a request and its answer, one after the other.
func BenchmarkRequest(b *testing.B) {
	echo := func(r, w *os.File) {
		lines := make([]byte, 1<<16)
		for {
			n, err := r.Read(lines)
			if err != nil {
				return
			}
			_ = n
			if _, err := w.Write([]byte("{\"id\":1,\"result\":{}}\n")); err != nil {
				return
			}
		}
	}
	ask := func(b *testing.B, w, r *os.File, line string) {
		answer := make([]byte, 1<<16)
		b.ReportAllocs()
		b.ResetTimer()
		for range b.N {
			if _, err := w.WriteString(line); err != nil {
				b.Fatal(err)
			}
			if _, err := r.Read(answer); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("nothing between", func(b *testing.B) {
		r1, w1, _ := os.Pipe()
		r2, w2, _ := os.Pipe()
		go echo(r1, w2)
		ask(b, w1, r2, request(1, "thread/list", "")+"\n")
	})
	for name, line := range map[string]string{"passed": request(1, "thread/list", ""), "about login": request(1, "model/list", ""), "getAuthStatus": request(1, "getAuthStatus", `{"includeToken":true}`)} {
		b.Run(name, func(b *testing.B) {
			p := newPair(b)
			p.shake(b)
			go echo(p.childGets, p.childWrites)
			ask(b, p.toFront, p.fromFront, line+"\n")
		})
	}
}

// shake does the handshake, in the child's place.
func (p *pair) shake(b *testing.B) {
	lines := make([]byte, 1<<16)
	answer := func(id, result string) {
		if _, err := p.childGets.Read(lines); err != nil {
			b.Fatal(err)
		}
		_, _ = p.childWrites.WriteString(`{"id":"` + id + `","result":` + result + "}\n")
	}
	_, _ = p.toFront.WriteString(hello + "\n")
	answer("front/0", `{}`)
	_, err := p.fromFront.Read(lines)
	require.NoError(b, err)
	answer("front/1", `{"account":null}`)
	answer("front/2", `{"type":"chatgptAuthTokens"}`)
	for !p.front.queue.takesRequests() {
		time.Sleep(time.Millisecond)
	}
}
