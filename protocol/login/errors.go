package login

import (
	"errors"
	"fmt"

	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

// Interruption is why a login ended without a fault: a closed set. The texts are
// those of Codex.
type Interruption string

// The interruptions. The user may begin a new login after each.
const (
	NotCompleted   Interruption = "Login was not completed" // the client gave it up
	Cancelled      Interruption = "Login cancelled"         // another login took the port
	TimedOut       Interruption = "Login timed out"
	DeviceTimedOut Interruption = "device auth timed out after 15 minutes"
)

func (i Interruption) Error() string { return string(i) }

// FailedError reports a login that was refused or could not be completed, in the
// words of Codex. The user can begin again, with another account if this one was
// refused. Err may be nil.
type FailedError struct {
	Code    string // for programs: the issuer's (RFC 6749 section 4.1.2.1), or one of this package's
	Message string
	Err     error
}

// The codes of this package, which are those of Codex.
const (
	codeNoCode     = "missing_authorization_code"
	codeNoExchange = "token_exchange_failed"
	codeWorkspace  = "workspace_restriction"
	codeNotSaved   = "persist_failed"
	codeNoApproval = "device_auth_failed"

	codeOtherIssuer = "other_issuer" // of no Codex
)

func (e *FailedError) Error() string { return e.Message }
func (e *FailedError) Unwrap() error { return e.Err }

// StartError reports a login that never started: there was nothing to show to the
// user. Its text is that of Codex. Err is [oauth.ErrNoDeviceLogin] if the issuer has
// no device authorization, or else a [*PortError], an error of
// [oauth.Client.StartDevice] or an [Interruption].
type StartError struct {
	What string // what could not be done
	Err  error

	isPlain bool // of no Codex server
}

func (e *StartError) Error() string {
	if errors.Is(e.Err, oauth.ErrNoDeviceLogin) && !e.isPlain {
		return "device code login is not enabled for this Codex server. Use the browser login or verify the server URL."
	}
	return fmt.Sprintf("failed to %s: %v", e.What, e.Err)
}

func (e *StartError) Unwrap() error { return e.Err }

// PortError reports that none of the ports for the redirect of the browser is free.
// Another program has to free one. Address is the last one that was tried.
type PortError struct {
	Address string
	Tried   []string // all of them, in their order
	Err     error
}

func (e *PortError) Error() string {
	if addressInUse(e.Err) {
		return fmt.Sprintf("Port %s is already in use", e.Address)
	}
	return e.Err.Error()
}

func (e *PortError) Unwrap() error { return e.Err }

// serverError is the error of a browser login in the words of Codex, where the
// callback server reports it.
type serverError struct{ error }

func (e serverError) Error() string { return "Login server error: " + e.error.Error() }
func (e serverError) Unwrap() error { return e.error }

// asServerError puts err into the words of Codex, whose callback server reports all
// errors but a timeout.
func asServerError(err error) error {
	if err == nil || errors.Is(err, TimedOut) {
		return err
	}
	return serverError{err}
}

// logWord is the outcome of an attempt for the log. The message of a failure is left
// out: the issuer wrote parts of it.
func logWord(err error) string {
	if interruption, ok := errors.AsType[Interruption](err); ok {
		return interruption.Error()
	}
	if failed, ok := errors.AsType[*FailedError](err); ok {
		return failed.Code
	}
	if err != nil {
		return err.Error()
	}
	return "saved"
}
