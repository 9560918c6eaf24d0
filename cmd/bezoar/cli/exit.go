package cli

import (
	"errors"
	"fmt"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
)

// The exit codes, which scripts rely on.
const (
	ExitOK          = 0
	ExitError       = 1
	ExitUsage       = 2
	ExitLogin       = 3
	ExitWait        = 4
	ExitOperator    = 5
	ExitInterrupted = 130 // 128 + SIGINT, as shells have it
)

var exitCodes = []option{
	{word: "0", meaning: "done; of status and token: there is a token, or the next use refreshes it at once"},
	{word: "1", meaning: "failed; standard error says why"},
	{word: "2", meaning: "invalid command line"},
	{word: "3", meaning: "a login is needed: bezoar login"},
	{word: "4", meaning: "wait: another attempt comes later, or another process is making one"},
	{word: "5", meaning: "this machine needs attention: bezoar doctor"},
	{word: "130", meaning: "cancelled with Ctrl-C; of login: nothing has changed"},
}

func exitCodesPage() string {
	return referencePage("Exit codes, the same for every command:", exitCodes) + "\n" + filled(exitCodesMore) + "\n"
}

const exitCodesMore = `status and token exit with 0 while the access token is good, even if the next refresh has to wait; and if it may be refreshed right now. usable in status --json means that the access token is good right now.

why exits with 0 in every state: its answer is what it prints. It exits with 5 if it cannot read what is stored, as log does if it cannot read the ledger. app-server ends with 1 where its home cannot be used, as codex app-server does.

Example: bezoar status >/dev/null || bezoar login`

// CodeFor is the exit code that goes with an error, the same for every command.
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
	return ExitError
}

// exit is an error that ends the program with a code of its own.
type exit struct {
	code int
	err  error // nil if everything has been said
}

func (e *exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// ForDoctor is err with the command that looks for its reason.
func ForDoctor(err error) error { return fmt.Errorf("%w; bezoar doctor looks for the reason", err) }

// Exit is err with an exit code, or nil if there is nothing to report.
func Exit(code int, err error) error {
	if code == ExitOK && err == nil {
		return nil
	}
	return &exit{code, err}
}

// ErrCancelled is the end that a person wanted.
var ErrCancelled = &exit{ExitInterrupted, errors.New("cancelled; nothing has changed")}
