package fronts

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
	"github.com/bezoar-auth/bezoar/protocol/front"
	"github.com/bezoar-auth/bezoar/store/memory"
)

// wires is an assembly whose ends only note what comes, with a child that is ready and
// answers the front; it answers the client if it is to.
type wires struct {
	*assembly
	answers bool
	says    *writer
	all     sync.WaitGroup

	mu       sync.Mutex
	atClient []string
	atChild  []string // of the client
}

const wiresHello = `{"id":"hello","method":"initialize","params":{"clientInfo":{"name":"editor","version":"9"},"capabilities":{"experimentalApi":true}}}`

func openWires(t testing.TB, answers bool) *wires { return openWiresOf(t, answers, 0) }

func openWiresOf(t testing.TB, answers bool, lineLimit int) *wires {
	store := memory.NewStore()
	require.NoError(t, store.Replace(t.Context(), machinetest.Key("sk-1")))
	ledger := memory.NewLedger(propertytest.Policy.Issuer)
	w := &wires{answers: answers, assembly: assemble(parts{store: store, ledger: ledger.Process(1), issuer: new(moodyIssuer), lineLimit: lineLimit})}
	w.says = newWriter(w.ofChild, nil)
	w.serve()
	w.all.Go(w.says.run)
	w.all.Go(func() {
		eachLine(w.output, func(line string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.atClient = append(w.atClient, line)
		})
	})
	w.all.Go(func() { eachLine(w.toChild, w.take) })
	w.send(w.input, wiresHello+"\n")
	synctest.Wait()
	require.Len(t, w.clientHeard(), 1)
	return w
}

// clientHeard are the lines that the client has heard since the last call.
func (w *wires) clientHeard() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	heard := w.atClient
	w.atClient = nil
	return heard
}

// childHeard are the lines of the client that the child has heard, of those that are wanted.
func (w *wires) childHeard(isWanted func(meaning) bool) (lines []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, each := range w.atChild {
		if isWanted(meaningOf([]byte(each))) {
			lines = append(lines, each)
		}
	}
	return lines
}

func eachLine(r io.Reader, do func(line string)) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		do(strings.TrimSuffix(line, "\n"))
	}
}

// take is a line that comes to the child.
func (w *wires) take(text string) {
	m := meaningOf([]byte(text))
	isOurs := m.kind == "request" && strings.HasPrefix(m.name, front.ChildPrefix)
	answer := ""
	switch {
	case isOurs && m.method == "account/read":
		answer = fmt.Sprintf(`{"id":%s,"result":{"account":null}}`, m.id)
	case isOurs:
		answer = fmt.Sprintf(`{"id":%s,"result":{}}`, m.id)
	case m.kind == "request" && w.answers:
		answer = fmt.Sprintf(`{"id":%s, "result":{}}`, m.id)
	}
	w.mu.Lock()
	if !isOurs {
		w.atChild = append(w.atChild, text)
	}
	w.mu.Unlock()
	if answer != "" {
		w.says.add(line{text: answer})
	}
}

func (w *wires) send(to io.Writer, text string) { _, _ = io.WriteString(to, text) } // the front may be over

// close ends all. The bubble fails on a goroutine that stays.
func (w *wires) close() {
	w.end(synctest.Wait, func() {
		w.says.stop()
		w.ofChild.Close()
		w.toChild.CloseWithError(io.ErrClosedPipe)
	})
	w.all.Wait()
}
