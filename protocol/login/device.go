package login

import (
	"context"
	"errors"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

const deviceLimit = 15 * time.Minute

// Device begins a login that the user finishes on another device, and interrupts the
// login before it. It returns at once; [Attempt.Prompt] says what to show.
func (m *Manager) Device() *Attempt {
	return m.begin("device code", deviceLimit, DeviceTimedOut, func(a *Attempt) error {
		device, err := a.startDevice()
		if err != nil {
			return &StartError{"request device code", a.outcome(err), !a.profile.IsCodex}
		}
		a.show(Prompt{UserCode: device.UserCode, VerificationURL: device.VerificationURL, CompleteURL: device.CompleteURL})
		return a.outcome(a.finishDevice(device))
	})
}

func (a *Attempt) startDevice() (oauth.Device, error) {
	ctx, cancel := context.WithTimeout(a.ctx, callLimit)
	defer cancel()
	return a.options.Issuer.StartDevice(ctx)
}

func (a *Attempt) finishDevice(device oauth.Device) error {
	keys, err := a.keys() // before the issuer grants what would be of no use without them
	if err != nil {
		return notRedeemed("device login failed", err)
	}
	answer, err := a.approval(device)
	if err != nil {
		return &FailedError{Code: codeNoApproval, Message: err.Error(), Err: err}
	}
	credential, err := a.approved(answer, keys)
	if err != nil {
		return err
	}
	return a.save(credential)
}

// approved makes a credential of the end of the wait.
func (a *Attempt) approved(answer oauth.DeviceAnswer, keys oauth.Keys) (machine.Credential, error) {
	if granted, ok := answer.(oauth.DeviceGranted); ok {
		return a.accept(granted.Response, secret.Token{}, keys, "device login failed")
	}
	return a.redeem(answer.(oauth.DeviceApproved).Code, secret.Token{}, "device code exchange failed")
}

// approval polls until the user has decided (RFC 8628 section 3.4). A poll without an
// answer is no decision, and the next one may come upon an approval whose answer was lost:
// see [oauth.Client.PollDevice]. After an approval that came there is none.
func (a *Attempt) approval(device oauth.Device) (oauth.DeviceAnswer, error) {
	pace := pace{interval: max(device.Interval, shortestInterval)}
	for {
		answer, err := a.poll(device)
		pending, isPending := answer.(oauth.DevicePending)
		if err == nil && !isPending {
			return answer, nil
		}
		_, unanswered := errors.AsType[*oauth.UnreachableError](err)
		if err != nil && !unanswered {
			return nil, err
		}
		if err := a.sleep(pace.next(pending, unanswered || pending.Undecided)); err != nil {
			return nil, err
		}
	}
}

func (a *Attempt) poll(device oauth.Device) (oauth.DeviceAnswer, error) {
	ctx, cancel := context.WithTimeout(a.ctx, callLimit)
	defer cancel()
	return a.options.Issuer.PollDevice(ctx, device)
}

// sleep returns early, with the reason, when the attempt is interrupted.
func (a *Attempt) sleep(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-a.ctx.Done():
		return context.Cause(a.ctx)
	}
}

// The pace of polls (RFC 8628 section 3.5).
const (
	shortestInterval = time.Second     // an issuer may say 0
	slowDownBy       = 5 * time.Second // for good
	longestBackoff   = time.Minute
)

// pace is the time between polls. It grows for good when the issuer asks to slow down,
// and doubles for as long as the issuer does not answer.
type pace struct {
	interval time.Duration
	backoff  time.Duration
}

func (p *pace) next(pending oauth.DevicePending, unanswered bool) time.Duration {
	if unanswered {
		p.backoff = min(2*max(p.backoff, p.interval), max(longestBackoff, p.interval))
		return max(p.backoff, pending.RetryAfter)
	}
	p.backoff = 0
	if pending.SlowDown {
		p.interval += slowDownBy
	}
	return max(p.interval, pending.RetryAfter)
}
