package cli

import (
	"context"
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
// when the reader of its output ends, and a second signal changes nothing.
func UntilSignalOrHangup() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), append(ShutdownSignals(), syscall.SIGPIPE)...)
}
