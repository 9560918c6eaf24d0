package oauth

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Device is a login that the user finishes on another device (RFC 8628 section
// 3.2, in the dialect of Codex's issuer).
type Device struct {
	ID              secret.Token  // names the login in polls
	UserCode        string        // for the user to enter
	VerificationURL string        // at this address
	Interval        time.Duration // between two polls; zero is legal
}

// ErrNoDeviceLogin reports that the issuer has no logins of this kind. Offer
// the browser login.
var ErrNoDeviceLogin = errors.New("the issuer has no device code login")

const (
	defaultInterval = 5 * time.Second // RFC 8628 section 3.2
	longestInterval = time.Hour       // longer than any login waits, and no overflow
)

// StartDevice asks for a user code: one request.
//
// Errors: [ErrNoDeviceLogin], [*StatusError], [*UnreachableError], [ErrUnreadable].
func (c *Client) StartDevice(ctx context.Context) (Device, error) {
	asked := c.requests().Device
	if asked.URL == "" {
		return Device{}, ErrNoDeviceLogin
	}
	answered, unreachable := c.post(ctx, asked, nil)
	switch {
	case unreachable != nil:
		return Device{}, unreachable
	case answered.isPage():
		return Device{}, answered.pageError()
	case answered.status == http.StatusNotFound:
		return Device{}, ErrNoDeviceLogin
	case !answered.ok():
		return Device{}, &StatusError{Call: "device code request failed with status", Status: answered.status}
	}
	m := answered.members()
	userCode, _ := m.text("user_code")
	alias, _ := m.text("usercode")
	interval, ok := m.interval()
	device := Device{
		ID:              m.token("device_auth_id"),
		UserCode:        cmp.Or(userCode, alias),
		VerificationURL: c.profile.Issuer + "/codex/device",
		Interval:        interval,
	}
	if device.ID.IsAbsent() || device.UserCode == "" || !ok {
		return Device{}, answered.unreadableError()
	}
	return device, nil
}

// interval is the time between two polls. Codex's issuer writes the
// seconds as a string, RFC 8628 as a number, or not at all.
func (m members) interval() (time.Duration, bool) {
	if !m.has("interval") {
		return defaultInterval, true
	}
	digits, quoted := m.text("interval")
	if !quoted {
		digits = string(m["interval"])
	}
	seconds, err := strconv.ParseUint(strings.TrimSpace(digits), 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) { // out of range gives the largest number
		return 0, false
	}
	return time.Duration(min(seconds, uint64(longestInterval/time.Second))) * time.Second, true
}

// DeviceAnswer is what a poll brought. The set is closed: [DevicePending] or
// [DeviceApproved].
type DeviceAnswer interface{ isDeviceAnswer() }

// DevicePending says that the user has not finished the login yet: poll again after
// the interval.
type DevicePending struct {
	Undecided  bool          // the answer does not say so: the issuer is out of order, or a gateway answered
	SlowDown   bool          // the interval is five seconds longer from now on (RFC 8628 section 3.5)
	RetryAfter time.Duration // no poll before that, if it is longer
}

// DeviceApproved is the end of the wait: a code to exchange.
type DeviceApproved struct{ Code Code }

func (DevicePending) isDeviceAnswer()  {}
func (DeviceApproved) isDeviceAnswer() {}

// PollDevice asks once whether a device login is finished.
//
// Errors: [*StatusError] when it is refused or too late, which ends the login;
// [*UnreachableError], after which it may be asked again.
func (c *Client) PollDevice(ctx context.Context, device Device) (DeviceAnswer, error) {
	answered, unreachable := c.post(ctx, c.requests().DevicePoll, values{"{device_code}": device.ID.Reveal(), "{user_code}": device.UserCode})
	if unreachable != nil {
		return nil, unreachable
	}
	m := answered.members()
	if !answered.ok() || m.saysError() {
		return c.unapproved(answered)
	}
	code := Code{
		Code:        m.token("authorization_code"),
		RedirectURI: c.profile.Issuer + "/deviceauth/callback",
		Verifier:    m.token("code_verifier"),
	}
	if code.Code.IsAbsent() || code.Verifier.IsAbsent() {
		return DevicePending{Undecided: true}, nil // the page of a portal, or a truncated answer: the next poll gets the approval
	}
	return DeviceApproved{code}, nil
}

// DevicePoll is the call of a [StatusError] that ends a device login: it was denied, or
// the code has expired.
const DevicePoll = "device auth failed with status"

// unapproved tells waiting from refusal: only the issuer refuses. Codex's issuer
// says by its status alone that a login is pending; the codes are those of RFC 8628
// section 3.5.
func (c *Client) unapproved(answered reply) (DeviceAnswer, error) {
	code, status := answered.members().code(), answered.status
	pending := DevicePending{
		SlowDown:   code == "slow_down" || status == http.StatusTooManyRequests,
		RetryAfter: retryAfter(answered.header, c.options.Now()),
	}
	switch {
	case code == "access_denied", code == "expired_token":
	case pending.SlowDown, code == "authorization_pending", status == http.StatusForbidden, status == http.StatusNotFound:
		return pending, nil
	case !answered.refused():
		pending.Undecided = true
		return pending, nil
	}
	return nil, &StatusError{Call: DevicePoll, Status: status}
}
