package backend

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/poller"
)

// Options of [Command.Start]. Home and Stderr are required.
type Options struct {
	Home    string   // of the configuration, absolute
	Flags   []string // behind the words of the command
	Environ []string // os.Environ() if nil
	// Stderr gets what the child writes to its standard error. A file is handed to the
	// child itself.
	Stderr io.Writer
}

// Limits of the end of a child.
const (
	// patience is how long a child that is well may take to end after its input: Codex
	// takes a tenth of a second, also in the middle of a turn.
	patience = 3 * time.Second
	// lastWords is how long a child may take to end after SIGTERM.
	lastWords = time.Second
	// orphanPatience is how long the programs that a child has left may take.
	orphanPatience = time.Second
)

// Child is a running backend. Read reads what it writes and Write gives it input, one
// goroutine each. Any goroutine may call the other methods. Call End when it is no longer
// needed, also if it has ended by itself.
type Child struct {
	in, out *os.File
	drained chan struct{} // closed when a Read has met the end of the output
	ended   chan struct{} // closed when the process and what it has left are gone
	hurried chan struct{} // closed when End may wait no longer
	status  Status        // valid after ended is closed
	process process

	closeIn, drain, hurry sync.Once
}

// Start starts the program as a server on the home. It returns at once: the child may
// still fail. The child and all that it starts in its process group end when this process
// ends, however that ends, as far as the system lets that be done (see process_*.go).
func (c Command) Start(o Options) (*Child, error) {
	return c.start(c.arguments(o.Flags), o)
}

func (c Command) start(arguments []string, o Options) (*Child, error) {
	environ := o.Environ
	if environ == nil {
		environ = os.Environ()
	}
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirIn.Close()
	out, theirOut, err := os.Pipe()
	if err != nil {
		in.Close()
		return nil, err
	}
	defer theirOut.Close()
	poller.Widen(out)
	command, err := commandFor(c.Path, c.Words[0], arguments)
	if err != nil {
		in.Close()
		out.Close()
		return nil, c.unstarted(err)
	}
	command.Stdin, command.Stdout, command.Stderr = theirIn, theirOut, o.Stderr
	command.Env = environment(environ, o.Home)
	command.WaitDelay = orphanPatience // of a program that it leaves with its standard error
	child := &Child{in: in, out: out, drained: make(chan struct{}), ended: make(chan struct{}), hurried: make(chan struct{})}
	if err := child.run(command); err != nil {
		in.Close()
		out.Close()
		return nil, c.unstarted(err)
	}
	return child, nil
}

// unstarted is the error for a program that the system did not start.
func (c Command) unstarted(err error) error {
	cause := err
	if problem, ok := errors.AsType[*fs.PathError](err); ok {
		cause = problem.Err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the backend %s cannot be started: the program that its first line names is missing", c.Path)
	}
	return fmt.Errorf("the backend %s cannot be started: %w", c.Path, cause)
}

// run starts the process and waits for its end on a goroutine of its own, which keeps the
// thread that the process was started by.
func (c *Child) run(command *exec.Cmd) error {
	started := make(chan error)
	go func() {
		keepThread()
		var err error
		c.process, err = begin(command)
		started <- err
		if err == nil {
			c.attend(command)
		}
	}()
	return <-started
}

// attend waits for the end of the process, and ends what it leaves behind: a wrapper may
// have been killed above a codex that lives.
func (c *Child) attend(command *exec.Cmd) {
	state := c.process.awaitEnd()
	c.CloseInput()
	if !c.isDrainedWithin(orphanPatience) {
		c.process.terminate()
		c.isDrainedWithin(lastWords)
	}
	c.process.kill()
	_ = command.Wait()
	c.status = statusOf(cmp.Or(command.ProcessState, state))
	close(c.ended)
}

// isDrainedWithin reports whether the output has ended before the time is over.
func (c *Child) isDrainedWithin(limit time.Duration) bool {
	select {
	case <-c.drained:
		return true
	case <-c.hurried:
	case <-time.After(limit):
	}
	return false
}

// Read reads the output of the child.
func (c *Child) Read(p []byte) (int, error) {
	n, err := c.out.Read(p)
	if err != nil {
		c.drain.Do(func() { close(c.drained) })
	}
	if errors.Is(err, fs.ErrClosed) {
		err = io.EOF
	}
	return n, err
}

// Write gives the child input.
func (c *Child) Write(p []byte) (int, error) { return c.in.Write(p) }

// CloseInput ends the child's input, and waits for no Write that the child has not read. A
// child that is well then ends by itself.
func (c *Child) CloseInput() { c.closeIn.Do(func() { go c.in.Close() }) }

// Close is CloseInput, for an io.Closer.
func (c *Child) Close() error {
	c.CloseInput()
	return nil
}

// Process is the number of the process.
func (c *Child) Process() int { return c.process.Pid }

// Ended is closed when the child, and all that it has left, are gone.
func (c *Child) Ended() <-chan struct{} { return c.ended }

// Status is how the child ended. Ask for it after Ended or End.
func (c *Child) Status() Status {
	<-c.ended
	return c.status
}

// End ends the child: it closes the input, waits some seconds, and then terminates and
// kills it. It returns after seven seconds at the latest. If ctx ends, it is killed at once.
func (c *Child) End(ctx context.Context) Status {
	c.CloseInput()
	defer context.AfterFunc(ctx, func() { c.hurry.Do(func() { close(c.hurried) }) })()
	if !c.hasEndedWithin(patience) {
		c.process.terminate()
	}
	if !c.hasEndedWithin(lastWords) {
		c.process.kill()
	}
	<-c.ended
	c.isDrainedWithin(lastWords)
	c.out.Close() // a program that left the process group may still hold the other end
	return c.status
}

// hasEndedWithin reports whether the child has ended before the time is over.
func (c *Child) hasEndedWithin(limit time.Duration) bool {
	select {
	case <-c.ended:
		return true
	case <-c.hurried:
	case <-time.After(limit):
	}
	return false
}

// Status says how a child ended.
type Status struct {
	Code   int    // the exit code, 128 and its number for a signal, as shells have it
	Signal string // "" if none ended it
}

func (s Status) String() string {
	if s.Signal != "" {
		return "it was ended by a signal (" + s.Signal + ")"
	}
	return fmt.Sprintf("it ended with exit code %d", s.Code)
}
