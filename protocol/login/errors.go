package login

import (
	"errors"
	"fmt"

	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

// Interruption is why a login ended that nothing was wrong with: a closed set.
// Its text is Codex's.
type Interruption string

// The interruptions. The user may simply begin again.
const (
	NotCompleted   Interruption = "Login was not completed" // the client gave it up
	Cancelled      Interruption = "Login cancelled"         // another program wants the port
	TimedOut       Interruption = "Login timed out"
	DeviceTimedOut Interruption = "device auth timed out after 15 minutes"
)

func (i Interruption) Error() string { return string(i) }

// FailedError reports a login that was refused or could not be brought to its
// end. Its text is Codex's. The user can begin again, with another
// account if this one was refused; Err, which may be nil, says more.
type FailedError struct {
	Code    string // for programs: the issuer's (RFC 6749 section 4.1.2.1), or one of this package's
	Message string
	Err     error
}

// The codes that are this package's own, as Codex calls them.
const (
	codeNoCode     = "missing_authorization_code"
	codeNoExchange = "token_exchange_failed"
	codeWorkspace  = "workspace_restriction"
	codeNotSaved   = "persist_failed"
	codeNoApproval = "device_auth_failed"
)

func (e *FailedError) Error() string { return e.Message }
func (e *FailedError) Unwrap() error { return e.Err }

// StartError reports a login that never started: there was nothing to show to
// the user, and no caller waits for its end. Its text is Codex's. Err is
// [oauth.ErrNoDeviceLogin], which is the request's fault, or else a [*PortError],
// an error of [oauth.Client.StartDevice] or an [Interruption].
type StartError struct {
	What string // what could not be done
	Err  error
}

func (e *StartError) Error() string {
	if errors.Is(e.Err, oauth.ErrNoDeviceLogin) {
		return "device code login is not enabled for this Codex server. Use the browser login or verify the server URL."
	}
	return fmt.Sprintf("failed to %s: %v", e.What, e.Err)
}

func (e *StartError) Unwrap() error { return e.Err }

// PortError reports that none of the ports for a browser's callback can be had.
// Another program has to let go of one. Address is the last one that was tried.
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

// serverError is an end of a browser login in the words of Codex, whose
// callback server is what reports them.
type serverError struct{ error }

func (e serverError) Error() string { return "Login server error: " + e.error.Error() }
func (e serverError) Unwrap() error { return e.error }

// asServerError gives err Codex's text. It is not Codex's server that watches
// the time.
func asServerError(err error) error {
	if err == nil || errors.Is(err, TimedOut) {
		return err
	}
	return serverError{err}
}

// outcome is the end of an attempt for a log. The messages of failures are left
// out: an issuer wrote parts of them.
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
