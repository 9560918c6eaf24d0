package issuer

import (
	"crypto/rand"
	"strconv"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

// device is a login that waits for a user at another device.
type device struct {
	userCode   string
	account    Account
	decision   decision
	expiresAt  time.Time
	lastPollAt time.Time
	scope      []string // of a plain issuer
	granted    *family  // likewise; nil before
}

type decision int

const (
	undecided decision = iota
	allowed
	denied
)

const deviceLifetime = 15 * time.Minute

// userCode begins a device login (RFC 8628 section 3.1, in the dialect of Codex's issuer).
func (i *Issuer) userCode(request parsedRequest) answer {
	if request.values["client_id"] != i.options.ClientID {
		return refuse(401, "invalid_client", "Unknown client.")
	}
	id, letters := secret.New("device_"+rand.Text()), rand.Text()
	begun := &device{userCode: letters[:4] + "-" + letters[4:8], expiresAt: request.at.Add(deviceLifetime)}
	i.devices[id.Fingerprint()] = begun
	seconds := int(i.options.PollInterval / time.Second)
	return object(200, map[string]any{
		"device_auth_id": id.Reveal(), "user_code": begun.userCode, "interval": strconv.Itoa(seconds),
	})
}

// devicePoll answers whether the user has decided (RFC 8628 section 3.5). In the dialect of
// Codex's issuer, a pending login is a 403.
func (i *Issuer) devicePoll(request parsedRequest) answer {
	id := secret.New(request.values["device_auth_id"]).Fingerprint()
	polled := i.devices[id]
	if polled == nil || polled.userCode != request.values["user_code"] {
		return refuse(400, "invalid_grant", "Unknown device login.")
	}
	tooSoon := request.at.Before(polled.lastPollAt.Add(i.options.PollInterval))
	polled.lastPollAt = request.at
	switch {
	case !request.at.Before(polled.expiresAt):
		return refuse(400, "expired_token", "The user code has expired.")
	case polled.decision == denied:
		return refuse(400, "access_denied", "The login was refused.")
	case tooSoon:
		return refuse(400, "slow_down", "Poll less often.")
	case polled.decision == undecided:
		return refuse(403, "authorization_pending", "The code has not been entered yet.")
	}
	delete(i.devices, id) // one code for one login
	verifier := oauth.NewVerifier()
	challenge := oauth.Challenge(verifier)
	made := i.newCode(code{account: polled.account, challenge: challenge, redirectURI: request.origin + "/deviceauth/callback"}, request.at)
	return object(200, map[string]any{
		"authorization_code": made.Reveal(), "code_challenge": challenge, "code_verifier": verifier.Reveal(),
	})
}

// Approve approves the login with this user code, as the user does at the other device. It
// reports whether such a login was pending.
func (i *Issuer) Approve(userCode string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.resolve(userCode, allowed)
}

// Deny denies the login with this user code. It reports whether such a login was pending.
func (i *Issuer) Deny(userCode string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.resolve(userCode, denied)
}

func (i *Issuer) resolve(userCode string, decided decision) bool {
	userCode = strings.ToUpper(strings.TrimSpace(userCode))
	for _, each := range i.devices {
		if each.userCode == userCode && each.decision == undecided && i.options.Now().Before(each.expiresAt) {
			each.decision, each.account = decided, i.account
			return true
		}
	}
	return false
}

// devicePage is the page for the user code.
func (i *Issuer) devicePage(parsedRequest) answer {
	return page(200, "device", map[string]any{"Account": i.account})
}

func (i *Issuer) deviceConsent(request parsedRequest) answer {
	decided := denied
	if request.values["decision"] == "allow" {
		decided = allowed
	}
	if !i.resolve(request.values["user_code"], decided) {
		return failurePage("No login waits for this code.")
	}
	return page(200, "done", nil)
}
