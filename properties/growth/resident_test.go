package growth

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/properties/programtest"
)

// resident is what stays under an editor for days: all of the program but its
// process, with the editor's end of its pipes.
type resident struct {
	*engine.Engine
	t      testing.TB
	store  persist.Store
	issuer *frugalIssuer
	input  io.Writer
	lines  *bufio.Reader
	close  func()
}

const (
	greeting = `{"id":0,"method":"initialize","params":{"clientInfo":{"name":"editor","version":"1"}}}` + "\n"
	pollLine = `{"id":1,"method":"getAuthStatus","params":{"includeToken":true,"refreshToken":false}}` + "\n"
	noToken  = `"authToken":null`
)

func newResident(t testing.TB, kept persist.Store, ledger persist.Ledger) *resident {
	r := &resident{t: t, store: kept, issuer: &frugalIssuer{}}
	require.NoError(t, kept.Replace(t.Context(), r.issuer.login()))
	a := programtest.Assemble(programtest.Parts{
		Store: kept, Ledger: ledger, Transport: r.issuer, Random: func() float64 { return 0.5 },
	})
	r.Engine, r.input, r.lines = a.Engine, a.Input, bufio.NewReader(a.Output)
	r.close = sync.OnceFunc(func() { require.NoError(t, a.Close(context.Background())) })
	<-r.Ready()
	r.send(greeting)
	return r
}

// send asks, and returns the answer, which is valid until the next one.
func (r *resident) send(line string) []byte {
	if _, err := io.WriteString(r.input, line); err != nil {
		r.t.Fatal(err)
	}
	answer, err := r.lines.ReadSlice('\n')
	if err != nil {
		r.t.Fatal(err)
	}
	return answer
}

// poll reports whether the editor got a token.
func (r *resident) poll() bool { return !bytes.Contains(r.send(pollLine), []byte(noToken)) }

// refresh demands one.
func (r *resident) refresh() {
	_, err := r.Status(r.t.Context(), machine.Ask{Refresh: true, Token: true})
	require.NoError(r.t, err)
}

// poison lets the issuer end the login, and the program hear of it.
func (r *resident) poison() {
	r.issuer.become(func(i *frugalIssuer) { i.live = "" })
	r.refresh()
	require.Equal(r.t, machine.Poisoned, r.Snapshot().Phase())
}
