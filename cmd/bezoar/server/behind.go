package server

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/backend"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/protocol/front/surface"
)

// behind is the codex behind all connections of an app-server: one child for each.
type behind struct {
	command  backend.Command
	handedOn []string // flags of the command line that are for it
	memory   backend.Memory
	known    atomic.Pointer[backend.Known] // never nil

	home   string
	stderr io.Writer
	log    *slog.Logger
	first  chan started // the child that was started before the rest of the server

	asking context.Context // ends with the server
	leave  context.CancelFunc
	asks   sync.WaitGroup
}

// started is a child, or why there is none.
type started struct {
	child *backend.Child
	err   error
}

// findBackend is the backend that the command line or the environment names, nil for none.
func findBackend(getenv func(string) string, line string, d division) (*behind, error) {
	if line == "" && d.words == nil {
		line = getenv(backend.Variable)
	}
	if line == "" && d.words == nil {
		return nil, nil
	}
	if line != "" && d.words != nil {
		return nil, cli.Misuse("--backend and the words behind -- both name a backend: leave one of them out")
	}
	if err := backend.Guard(getenv); err != nil {
		return nil, err
	}
	find := func() (backend.Command, error) { return backend.Parse(line, getenv) }
	if d.words != nil {
		find = func() (backend.Command, error) { return backend.Of(d.words, getenv) }
	}
	command, err := find()
	if err != nil {
		return nil, err
	}
	b := &behind{command: command, handedOn: d.handedOn, memory: backend.OpenMemory(getenv), first: make(chan started, 1)}
	b.asking, b.leave = context.WithCancel(context.Background())
	known := b.memory.Recall(command)
	b.known.Store(&known)
	return b, nil
}

// begin prepares the start of children. If there is a client from the start, it starts
// that one's, which is then as far as the rest of the server.
func (b *behind) begin(home string, stderr io.Writer, log *slog.Logger, hasClient bool) {
	b.home, b.stderr, b.log = home, stderr, log
	if hasClient {
		b.first <- b.start()
	}
}

func (b *behind) start() started {
	child, err := b.command.Start(backend.Options{Home: b.home, Flags: b.handedOn, Stderr: b.stderr})
	return started{child, err}
}

// next is a child for a new connection.
func (b *behind) next() (*backend.Child, error) {
	select {
	case first := <-b.first:
		return first.child, first.err
	default:
		another := b.start()
		return another.child, another.err
	}
}

// surface is what a client without experimentalApi may not use.
func (b *behind) surface() *surface.Table {
	if table := b.known.Load().Surface; table != nil {
		return table
	}
	return surface.BuiltIn()
}

// learn is called with the version that a child has said. It asks the program what is
// experimental in that version, unless it is known.
func (b *behind) learn(version string) {
	known := *b.known.Load()
	if known.Version == version && known.Surface != nil {
		return
	}
	if known.Version != version {
		b.remember(backend.Known{Version: version})
	}
	b.asks.Go(func() {
		table, err := b.command.Surface(b.asking)
		if err != nil {
			b.log.Debug("the backend does not say what is experimental: a built-in table is used", "problem", err)
			return
		}
		b.remember(backend.Known{Version: version, Surface: table})
	})
}

func (b *behind) remember(known backend.Known) {
	b.known.Store(&known)
	if err := b.memory.Remember(b.command, known); err != nil {
		b.log.Debug("the backend's version is not remembered", "problem", err)
	}
}

// close ends what is still asked, and a first child that no connection came for.
func (b *behind) close() {
	b.leave()
	b.asks.Wait()
	select {
	case first := <-b.first:
		if first.err == nil {
			first.child.End(b.asking)
		}
	default:
	}
}

// howEnded says how a child has ended whose output has. It waits for a second at the most:
// a program may close its output and live on.
func (b *behind) howEnded(child *backend.Child) func() string {
	return func() string {
		select {
		case <-child.Ended():
		case <-time.After(time.Second):
			return ""
		}
		return child.Status().String() + "; what it says of that is on the standard error of bezoar"
	}
}

// outcome is the error for a child that has ended by itself: its exit code is handed on.
func (b *behind) outcome(status backend.Status) error {
	return cli.Exit(status.Code, fmt.Errorf("the backend %s has ended: %s", b.command.Path, status))
}

// program is the path of the backend, without its other words, which may be secret. It is
// "" for none.
func (b *behind) program() string {
	if b == nil {
		return ""
	}
	return b.command.Path
}
