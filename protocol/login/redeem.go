package login

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/jwt"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

// The bounds of a call to the issuer. The API key is optional, so that its bound is
// short.
const (
	callLimit = 30 * time.Second
	keyLimit  = 10 * time.Second
)

// redeem exchanges an authorization code for a credential that may be saved. The
// text of an error of the issuer or the network begins with failure. The keys come first:
// without them the code would be spent in vain.
func (a *Attempt) redeem(code oauth.Code, nonce secret.Token, failure string) (machine.Credential, error) {
	keys, err := a.keys()
	if err != nil {
		return machine.Credential{}, notRedeemed(failure, err)
	}
	ctx, cancel := context.WithTimeout(a.ctx, callLimit)
	defer cancel()
	response, err := a.exchange(ctx, code)
	if err != nil {
		return machine.Credential{}, notRedeemed(failure, err)
	}
	return a.accept(response, nonce, keys, failure)
}

// accept makes a credential of what the issuer has granted. What is not accepted is revoked.
func (a *Attempt) accept(response endpoint.TokenResponse, nonce secret.Token, keys oauth.Keys, failure string) (machine.Credential, error) {
	credential := machine.Credential{
		Method:       machine.MethodTokens,
		IDToken:      response.IDToken,
		AccessToken:  response.AccessToken,
		RefreshToken: response.RefreshToken,
		LastRefresh:  a.options.Now().UTC().Round(0),
		Provenance:   a.options.Issuer.Provenance(),
		OwnerID:      newOwnerID(),
		ExpiresAt:    response.ExpiresAt,
		Granted:      machine.Granted{Scope: response.Scope, TokenType: response.TokenType},
	}
	if a.profile.IsCodex {
		claims, err := jwt.Parse(response.IDToken, chatgpt.Claims)
		if err != nil { // auth.json has no place for an ID token that is no JWT
			return machine.Credential{}, notRedeemed(failure, oauth.ErrUnreadable)
		}
		credential.AccountID = claims.AccountID
		return credential, a.admit(credential)
	}
	said, err := a.options.Issuer.Identify(response.IDToken, nonce, keys)
	if err != nil {
		a.disown(credential)
		return machine.Credential{}, notRedeemed(failure, err)
	}
	credential.AccountID, credential.Granted.Email = said.Subject, said.Email
	a.note = a.noteOn(credential)
	return credential, nil
}

// noteOn is what a user has to know of a login that cannot be refreshed.
func (a *Attempt) noteOn(credential machine.Credential) string {
	if !credential.RefreshToken.IsEmpty() {
		return ""
	}
	ends := "when its access token expires"
	if !credential.ExpiresAt.IsZero() {
		ends = "at " + credential.ExpiresAt.UTC().Format(time.DateTime) + " UTC"
	}
	remedy := "ask for offline_access in the scopes of the profile"
	if slices.Contains(a.profile.Scopes, "offline_access") {
		remedy = `offline_access was asked for; some issuers want authorization_params = { prompt = "consent" } with it, or access_type = "offline"`
	}
	return fmt.Sprintf("the issuer gave no refresh token: this login ends %s; %s", ends, remedy)
}

const disownLimit = 5 * time.Second

// disown revokes what the issuer has granted and this program does not keep. It ends no login
// if it fails.
func (a *Attempt) disown(credential machine.Credential) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(a.ctx), disownLimit)
	defer cancel()
	made := credential.Provenance
	if err := a.options.Issuer.Revoke(ctx, machine.Issuer{TokenEndpoint: made.TokenEndpoint, ClientID: made.ClientID}, credential); err != nil {
		a.log.Info("a login that is not accepted lives on at the issuer", "error", err)
	}
}

// keysTries is how often an issuer is asked for its keys. The user has approved the login by
// then.
const keysTries = 3

// keysLimit bounds each of them: an address that does not answer must cost neither the code
// nor the device its time.
const keysLimit = 10 * time.Second

// keys are those of the issuer, if the ID token is to be verified.
func (a *Attempt) keys() (keys oauth.Keys, err error) {
	for try := 0; try < keysTries && a.options.Issuer.VerifiesIDTokens(); try++ {
		if try > 0 && a.sleep(exchangePause) != nil {
			break
		}
		ctx, cancel := context.WithTimeout(a.ctx, keysLimit)
		keys, err = a.options.Issuer.Keys(ctx)
		cancel()
		if err == nil {
			break
		}
	}
	return keys, err
}

// exchangePause is the time between two tries to exchange one code.
const exchangePause = time.Second

// exchange sends the code to the token endpoint. The user has approved the login by
// now, so that a portal, a busy issuer or a short outage of the network does not end
// it. A code that may have been spent is not sent again.
func (a *Attempt) exchange(ctx context.Context, code oauth.Code) (endpoint.TokenResponse, error) {
	for {
		response, err := a.options.Issuer.Exchange(ctx, code)
		deadline, _ := ctx.Deadline()
		if err == nil || !oauth.MayTryAgain(err) || time.Until(deadline) < 2*exchangePause {
			return response, err
		}
		if interrupted := a.sleep(exchangePause); interrupted != nil {
			return response, err
		}
	}
}

// newOwnerID names a login, which distinguishes it from another login of the same
// account: 32 random bytes, as Codex makes them.
func newOwnerID() string {
	var id [32]byte
	rand.Read(id[:])
	return base64.RawURLEncoding.EncodeToString(id[:])
}

func notRedeemed(failure string, err error) error {
	return &FailedError{Code: codeNoExchange, Message: failure + ": " + err.Error(), Err: err}
}

// admit refuses a login that the administrator does not allow.
func (a *Attempt) admit(credential machine.Credential) error {
	if (machine.Policy{Restriction: a.options.Restriction, Claims: chatgpt.Claims}).Admits(credential) {
		return nil
	}
	message := "Login is restricted to workspace id(s) " + strings.Join(a.options.Restriction.Workspaces, ", ") + "."
	if credential.AccountID == "" {
		message = "Login is restricted to a specific workspace, but the token did not include an chatgpt_account_id claim."
	}
	return &FailedError{Code: codeWorkspace, Message: message}
}

// apiKey asks the issuer for an API key. It is absent if the account may not have one.
func (a *Attempt) apiKey(idToken secret.Token) secret.Token {
	ctx, cancel := context.WithTimeout(a.ctx, keyLimit)
	defer cancel()
	key, err := a.options.Issuer.ExchangeKey(ctx, idToken)
	if err != nil {
		a.log.Info("no API key came with the login", "error", err)
	}
	return key
}
