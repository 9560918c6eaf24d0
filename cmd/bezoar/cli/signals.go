package cli

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// UntilSignal is a context that ends at the first signal to shut down. A second signal
// kills the program.
func UntilSignal() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, ShutdownSignals()...)
	go func() {
		select {
		case <-heard:
		case <-ctx.Done():
		}
		signal.Stop(heard)
		cancel()
	}()
	return ctx, cancel
}

// ShutdownSignals are the signals that shut the program down. SIGHUP is one of them,
// unless the program runs under nohup.
func ShutdownSignals() []os.Signal {
	all := []os.Signal{syscall.SIGTERM, os.Interrupt}
	if !signal.Ignored(syscall.SIGHUP) {
		all = append(all, syscall.SIGHUP)
	}
	return all
}

// IgnoreBrokenPipes keeps SIGPIPE from killing the program between a post and its save,
// when the reader of standard output or standard error ends. A write there is an error
// like any other from now on. Programs that this one starts are not affected.
func IgnoreBrokenPipes() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// UntilSignalOrHangup is UntilSignal for a command that always cleans up: it also ends
// when the reader of the command's output has gone, and a second signal changes nothing.
// The command has to write to the output that is returned. SIGPIPE could not say this: it
// comes for any pipe and socket, also for a client that was killed.
func UntilSignalOrHangup(env Environment) (context.Context, Environment, context.CancelFunc) {
	ctx, cancel := signal.NotifyContext(context.Background(), ShutdownSignals()...)
	IgnoreBrokenPipes()
	for _, each := range []*io.Writer{&env.Stdout, &env.Stderr} {
		if !IsTerminal(*each) { // the end of a terminal is SIGHUP
			*each = untilHangup{*each, cancel}
		}
	}
	return ctx, env, cancel
}

// untilHangup is an output that says when its reader has gone.
type untilHangup struct {
	to     io.Writer
	hangUp func()
}

func (w untilHangup) Write(text []byte) (int, error) {
	n, err := w.to.Write(text)
	if isReaderGone(err) {
		w.hangUp()
	}
	return n, err
}
