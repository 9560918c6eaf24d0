package oauth

import (
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// Identity is who a login belongs to, as the issuer says in an ID token. A member is "" if
// that does not say it.
type Identity struct {
	Subject string // at the profile's SubjectClaim
	Email   string // at its EmailClaim
}

// IDTokenProblem is why an ID token is not believed: a closed set.
type IDTokenProblem string

const (
	IDTokenNotSigned     IDTokenProblem = "no key of the issuer has signed it" // or it is no signed token, or by a method that is not known here
	IDTokenOfOtherIssuer IDTokenProblem = "it is of another issuer"
	IDTokenForOthers     IDTokenProblem = "it is meant for another client" // aud and azp
	IDTokenExpired       IDTokenProblem = "it has expired, or is not valid yet; check the clock of this machine"
	IDTokenOfOtherLogin  IDTokenProblem = "it is of another login" // nonce
	IDTokenIncomplete    IDTokenProblem = "it does not say which issuer made it, for which client, or until when"
)

// IDTokenError reports that the ID token of a login is not believed. The login is not saved.
type IDTokenError struct{ Problem IDTokenProblem }

func (e *IDTokenError) Error() string {
	return "the issuer's ID token is not accepted: " + string(e.Problem)
}

// methods are how an ID token may be signed. A secret of the client is no key of the issuer.
var methods = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// clockLeeway is how wrong the clock of this machine may be.
const clockLeeway = 5 * time.Minute

// claims are what is verified (OpenID Connect Core section 3.1.3.7).
type claims struct {
	jwt.RegisteredClaims
	Nonce           string `json:"nonce"`
	AuthorizedParty string `json:"azp"`
}

// Identify reads an ID token as the profile says: verified with keys, read, or left alone. An
// absent token says nothing, and neither does one that the profile did not ask for. nonce is
// that of the authorization, absent for none.
//
// Errors: [ErrNoKeys], [*IDTokenError].
func (c *Client) Identify(idToken, nonce secret.Token, keys Keys) (Identity, error) {
	how := c.profile.IDToken
	switch {
	case idToken.IsAbsent(), !c.profile.ReadsIDTokens():
		return Identity{}, nil
	case how == profile.IDTokenAuto && c.to.Keys == "":
		return Identity{}, ErrNoKeys
	case how == profile.IDTokenAuto:
		if err := c.verify(idToken, nonce, keys); err != nil {
			return Identity{}, err
		}
	}
	var said Identity
	if parts := strings.Split(idToken.Reveal(), "."); len(parts) == 3 {
		payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
		said.Subject, _ = profile.Lookup(payload, c.profile.SubjectClaim)
		said.Email, _ = profile.Lookup(payload, c.profile.EmailClaim)
	}
	return said, nil
}

// verify is OpenID Connect Core section 3.1.3.7.
func (c *Client) verify(idToken, nonce secret.Token, keys Keys) error {
	var said claims
	parser := jwt.NewParser(jwt.WithValidMethods(methods), jwt.WithTimeFunc(c.options.Now), jwt.WithLeeway(clockLeeway), jwt.WithExpirationRequired(),
		jwt.WithIssuer(c.profile.Issuer), jwt.WithAudience(c.profile.ClientID))
	token, err := parser.ParseWithClaims(idToken.Reveal(), &said, keys.of)
	isOurs := said.AuthorizedParty == c.profile.ClientID || said.AuthorizedParty == "" && len(said.Audience) == 1
	switch {
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return &IDTokenError{IDTokenIncomplete}
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return &IDTokenError{IDTokenOfOtherIssuer}
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return &IDTokenError{IDTokenForOthers}
	case errors.Is(err, jwt.ErrTokenExpired), errors.Is(err, jwt.ErrTokenNotValidYet):
		return &IDTokenError{IDTokenExpired}
	case err != nil, token.Header["crit"] != nil: // RFC 7515 section 4.1.11: what is critical is not known here
		return &IDTokenError{IDTokenNotSigned}
	case !isOurs:
		return &IDTokenError{IDTokenForOthers}
	case !nonce.IsAbsent() && !secret.New(said.Nonce).Equal(nonce):
		return &IDTokenError{IDTokenOfOtherLogin}
	}
	return nil
}
