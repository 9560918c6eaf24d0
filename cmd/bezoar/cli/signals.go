package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// UntilSignal is a context that ends at the first signal to end. By then the second one
// ends the program: a person may be told so.
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

// ShutdownSignals are the signals that want the program to end. The terminal that goes
// is one of them, unless somebody ran nohup.
func ShutdownSignals() []os.Signal {
	all := []os.Signal{syscall.SIGTERM, os.Interrupt}
	if !signal.Ignored(syscall.SIGHUP) {
		all = append(all, syscall.SIGHUP)
	}
	return all
}

// IgnoreBrokenPipes keeps the end of whatever reads standard output or standard error
// from ending this program, as SIGPIPE would, between a post and its save: to write
// there is an error like any other from now on. Programs that this one starts are not
// affected.
func IgnoreBrokenPipes() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// UntilSignalOrHangup is untilSignal for what must not leave anything behind: neither
// when its reader goes nor when it is told twice.
func UntilSignalOrHangup() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), append(ShutdownSignals(), syscall.SIGPIPE)...)
}
