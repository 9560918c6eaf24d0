package oauth

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// Device is a login that the user finishes on another device (RFC 8628 section 3.2).
type Device struct {
	ID              secret.Token  // names the login in polls
	UserCode        string        // for the user to enter
	VerificationURL string        // at this address
	CompleteURL     string        // the same address with the code in it; "" if the issuer gives none
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
	case c.speaksCodex() && answered.status == http.StatusNotFound:
		return Device{}, ErrNoDeviceLogin
	case c.speaksCodex() && !answered.ok():
		return Device{}, &StatusError{Call: "device code request failed with status", Status: answered.status}
	case !answered.ok() || answered.members().saysError():
		return Device{}, &StatusError{"the issuer gives no code for another device: status", answered.status, cleaned(answered.detail(), answered.proof)}
	}
	device, ok := c.deviceIn(answered.members())
	if !ok {
		return Device{}, answered.unreadableError()
	}
	return device, nil
}

// speaksCodex reports whether logins on another device are those of Codex's issuer.
func (c *Client) speaksCodex() bool { return c.profile.DeviceFlow == profile.DeviceCodex }

// deviceIn is the login that the members describe.
func (c *Client) deviceIn(m members) (Device, bool) {
	interval, ok := m.interval()
	if c.speaksCodex() {
		device := Device{
			ID: m.token("device_auth_id"), UserCode: cmp.Or(m.brief("user_code"), m.brief("usercode")),
			VerificationURL: c.profile.Issuer + "/codex/device", Interval: interval,
		}
		return device, ok && !device.ID.IsAbsent() && device.UserCode != ""
	}
	device := Device{
		ID: m.token("device_code"), UserCode: m.brief("user_code"), Interval: interval,
		VerificationURL: page(cmp.Or(m.brief("verification_uri"), m.brief("verification_url"))), // Google has the latter
		CompleteURL:     page(m.brief("verification_uri_complete")),
	}
	return device, ok && !device.ID.IsAbsent() && device.UserCode != "" && device.VerificationURL != ""
}

// page is an address if a person may be sent there, else "".
func page(address string) string {
	if u, err := url.Parse(address); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" {
		return ""
	}
	return address
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

// DeviceAnswer is what a poll brought. The set is closed: [DevicePending],
// [DeviceApproved] or [DeviceGranted].
type DeviceAnswer interface{ isDeviceAnswer() }

// DevicePending says that the user has not finished the login yet: poll again after
// the interval.
type DevicePending struct {
	Undecided  bool          // the answer does not say so: the issuer is out of order, or a gateway answered
	SlowDown   bool          // the interval is five seconds longer from now on (RFC 8628 section 3.5)
	RetryAfter time.Duration // no poll before that, if it is longer
}

// DeviceApproved is the end of the wait at Codex's issuer: a code to exchange.
type DeviceApproved struct{ Code Code }

// DeviceGranted is the end of the wait at any other: the tokens. Never poll again.
type DeviceGranted struct{ Response endpoint.TokenResponse }

func (DevicePending) isDeviceAnswer()  {}
func (DeviceApproved) isDeviceAnswer() {}
func (DeviceGranted) isDeviceAnswer()  {}

// PollDevice asks once whether a device login is finished (RFC 8628 section 3.4).
//
// Errors: [*StatusError] when it is refused or too late, and [ErrUnreadable] when the issuer
// has granted it and its answer did not come whole: each ends the login. After an
// [*UnreachableError] it may be asked again: should the issuer have granted it, its answer is
// lost and no program has the tokens, so that an issuer that ends them because of the second
// poll ends nothing that is of use.
func (c *Client) PollDevice(ctx context.Context, device Device) (DeviceAnswer, error) {
	sentAt := c.options.Now()
	answered, unreachable := c.post(ctx, c.requests().DevicePoll, values{"{device_code}": device.ID.Reveal(), "{user_code}": device.UserCode})
	if unreachable != nil {
		return nil, unreachable
	}
	m := answered.members()
	switch {
	case !answered.ok() || m.saysError():
		return c.unapproved(answered, device)
	case answered.isPage():
		return DevicePending{Undecided: true}, nil
	case !c.speaksCodex():
		response, err := c.grantedBy(answered, sentAt)
		if err != nil {
			return nil, ErrUnreadable
		}
		return DeviceGranted{response}, nil
	}
	code := Code{
		Code:        m.token("authorization_code"),
		RedirectURI: c.profile.Issuer + "/deviceauth/callback",
		Verifier:    m.token("code_verifier"),
	}
	if code.Code.IsAbsent() || code.Verifier.IsAbsent() {
		return DevicePending{Undecided: true}, nil // a truncated answer: the next poll gets the approval
	}
	return DeviceApproved{code}, nil
}

// DevicePoll is the call of a [StatusError] that ends a device login: it was denied, or
// the code has expired.
const DevicePoll = "device auth failed with status"

// unapproved tells waiting from refusal: only the issuer refuses. Codex's issuer
// says by its status alone that a login is pending; the codes are those of RFC 8628
// section 3.5.
func (c *Client) unapproved(answered reply, device Device) (DeviceAnswer, error) {
	code, status := answered.members().code(), answered.status
	pending := DevicePending{
		SlowDown:   code == "slow_down" || status == http.StatusTooManyRequests,
		RetryAfter: retryAfter(answered.header, c.options.Now()),
	}
	isStatus := c.speaksCodex() && (status == http.StatusForbidden || status == http.StatusNotFound)
	switch {
	case code == "access_denied", code == "expired_token":
	case pending.SlowDown, code == "authorization_pending", isStatus:
		return pending, nil
	case !answered.refused():
		pending.Undecided = true
		return pending, nil
	}
	refused := &StatusError{Call: DevicePoll, Status: status}
	if !c.speaksCodex() {
		refused.Detail = cleaned(answered.detail(), device.ID, answered.proof)
	}
	return nil, refused
}
