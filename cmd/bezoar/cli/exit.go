package cli

import (
	"errors"
	"fmt"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
)

// The exit codes. Scripts rely on them.
const (
	ExitOK          = 0
	ExitError       = 1
	ExitUsage       = 2
	ExitLogin       = 3
	ExitWait        = 4
	ExitOperator    = 5
	ExitInterrupted = 130 // 128 + SIGINT, as shells have it
)

// CodeFor is the exit code of an error, the same for every command.
func CodeFor(err error) int {
	if ended, ok := errors.AsType[*exit](err); ok {
		return ended.code
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return ExitUsage
	}
	if setting, ok := errors.AsType[*config.SettingError](err); ok && setting.IsFlag() {
		return ExitUsage
	}
	if _, ok := errors.AsType[*config.HomeError](err); ok {
		return ExitOperator
	}
	if missing, ok := errors.AsType[*config.ResourceError](err); ok {
		if missing.Account == "" && len(missing.Accounts) == 0 {
			return ExitLogin
		}
		return ExitUsage
	}
	if _, ok := errors.AsType[*config.AccountError](err); ok {
		return ExitOperator
	}
	return ExitError
}

// exit is an error that ends the program with a code of its own.
type exit struct {
	code int
	err  error // nil if the command has printed it
}

func (e *exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// ForDoctor is err with a hint at bezoar doctor.
func ForDoctor(err error) error { return fmt.Errorf("%w; bezoar doctor looks for the cause", err) }

// Exit is an error that ends the program with a code; err may be nil if the command has
// printed everything. It is nil if there is nothing to report.
func Exit(code int, err error) error {
	if code == ExitOK && err == nil {
		return nil
	}
	return &exit{code, err}
}

// ErrCancelled reports that the user cancelled the command.
var ErrCancelled = &exit{ExitInterrupted, errors.New("cancelled; nothing has changed")}
