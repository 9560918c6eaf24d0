package login

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/jwt"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

// The bounds of a call to the issuer. An API key is an extra: nobody waits long
// for one.
const (
	callLimit = 30 * time.Second
	keyLimit  = 10 * time.Second
)

// redeem exchanges a code for a credential that may be saved. An error of the
// issuer or of the way to it is called notExchanged.
func (a *Attempt) redeem(code oauth.Code, notExchanged string) (machine.Credential, error) {
	ctx, cancel := context.WithTimeout(a.ctx, callLimit)
	defer cancel()
	grant, err := a.exchange(ctx, code)
	if err != nil {
		return machine.Credential{}, notRedeemed(notExchanged, err)
	}
	said, err := jwt.Parse(grant.IDToken)
	if err != nil { // no store can keep it
		return machine.Credential{}, notRedeemed(notExchanged, oauth.ErrUnreadable)
	}
	credential := machine.Credential{
		Method:       machine.MethodChatGPT,
		IDToken:      grant.IDToken,
		AccessToken:  grant.AccessToken,
		RefreshToken: grant.RefreshToken,
		AccountID:    said.AccountID,
		LastRefresh:  a.options.Now().UTC().Round(0),
		Provenance:   a.options.Issuer.Provenance(),
		OwnerID:      newOwnerID(),
		ExpiresAt:    grant.ExpiresAt,
	}
	return credential, a.admit(credential)
}

// exchangePause is between two tries to exchange one code.
const exchangePause = time.Second

// exchange spends a code. A person has approved the login by now, so that a portal,
// an issuer that is busy or a network that was away for a moment does not end it; a
// code that may be spent is not sent again.
func (a *Attempt) exchange(ctx context.Context, code oauth.Code) (machine.TokenResponse, error) {
	for {
		grant, err := a.options.Issuer.Exchange(ctx, code)
		deadline, _ := ctx.Deadline()
		if err == nil || !oauth.MayTryAgain(err) || time.Until(deadline) < 2*exchangePause {
			return grant, err
		}
		if interrupted := a.sleep(exchangePause); interrupted != nil {
			return grant, err
		}
	}
}

// newOwnerID names a login, so that it can be told from another one of the same
// account: 32 random bytes, as the reference makes them.
func newOwnerID() string {
	var id [32]byte
	rand.Read(id[:])
	return base64.RawURLEncoding.EncodeToString(id[:])
}

func notRedeemed(what string, err error) error {
	return &FailedError{Code: codeNoExchange, Message: what + ": " + err.Error(), Err: err}
}

// admit refuses a login to another workspace than an administrator allows.
func (a *Attempt) admit(credential machine.Credential) error {
	if a.options.Restriction.Admits(credential) {
		return nil
	}
	message := "Login is restricted to workspace id(s) " + strings.Join(a.options.Restriction.Workspaces, ", ") + "."
	if credential.AccountID == "" {
		message = "Login is restricted to a specific workspace, but the token did not include an chatgpt_account_id claim."
	}
	return &FailedError{Code: codeWorkspace, Message: message}
}

// apiKey asks for an API key, which not every account may have: it is absent then.
func (a *Attempt) apiKey(idToken secret.Token) secret.Token {
	ctx, cancel := context.WithTimeout(a.ctx, keyLimit)
	defer cancel()
	key, err := a.options.Issuer.ExchangeKey(ctx, idToken)
	if err != nil {
		a.log.Info("no API key came with the login", "error", err)
	}
	return key
}
