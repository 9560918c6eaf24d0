package issuer

import (
	"crypto/rand"
	"time"

	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

// The grant types of the token endpoint.
const (
	grantRefresh       = "refresh_token"
	grantCode          = "authorization_code"
	grantTokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
)

// grant is the token endpoint.
func (i *Issuer) grant(request parsedRequest) answer {
	if !i.knows(request) {
		reply := refuse(401, "invalid_client", "Unknown client.")
		if request.call == Refresh {
			return i.refused(reply)
		}
		return reply
	}
	dialect := i.options.Dialect
	switch request.call {
	case Refresh:
		if dialect != nil {
			return dialect.refresh(i, request)
		}
		return i.refresh(request)
	case DevicePoll:
		if dialect != nil {
			return dialect.poll(i, request)
		}
	case Exchange:
		return i.exchange(request)
	case KeyExchange:
		return i.exchangeKey(request)
	}
	return refuse(400, "unsupported_grant_type", "Only refresh_token, authorization_code and token-exchange.")
}

// knows reports whether a request is one of the client.
func (i *Issuer) knows(request parsedRequest) bool {
	if dialect := i.options.Dialect; dialect != nil {
		return dialect.knows(i, request)
	}
	return request.values["client_id"] == i.options.ClientID
}

// code is an authorization code: good for one exchange, for a short time.
type code struct {
	account     Account
	challenge   string
	redirectURI string
	expiresAt   time.Time
	family      *family // of the login that it was spent for
	scope       []string
	nonce       string
}

const codeLifetime = 10 * time.Minute // RFC 6749 section 4.1.2 allows no more

// newCode issues a code.
func (i *Issuer) newCode(issued code, at time.Time) secret.Token {
	text := secret.New("ac_" + rand.Text())
	issued.expiresAt = at.Add(codeLifetime)
	i.codes[text.Fingerprint()] = &issued
	return text
}

// exchange exchanges a code for tokens (RFC 6749 section 4.1.3, RFC 7636 section 4.6). A code
// that comes twice ends the login that it was exchanged for.
func (i *Issuer) exchange(request parsedRequest) answer {
	code := i.codes[secret.New(request.values["code"]).Fingerprint()]
	verifier := secret.New(request.values["code_verifier"])
	switch {
	case code == nil:
		return refuse(400, "invalid_grant", "Unknown authorization code.")
	case code.family != nil:
		i.end(code.family)
		return refuse(400, "invalid_grant", "The authorization code has already been used.")
	case !request.at.Before(code.expiresAt):
		return refuse(400, "invalid_grant", "The authorization code has expired.")
	case request.values["redirect_uri"] != code.redirectURI:
		return refuse(400, "invalid_grant", "The redirect URI is another one than that of the authorization.")
	case oauth.Challenge(verifier) != code.challenge:
		return refuse(400, "invalid_grant", "The code verifier does not match the challenge.")
	}
	code.family = &family{account: code.account, scope: code.scope, nonce: code.nonce}
	made := i.begin(code.family, request.origin, request.at)
	if dialect := i.options.Dialect; dialect != nil {
		return dialect.granted(made)
	}
	return granted(made)
}

// exchangeKey exchanges an ID token for an API key (RFC 8693, in the dialect of Codex's
// issuer).
func (i *Issuer) exchangeKey(request parsedRequest) answer {
	family := i.families.tokens[secret.New(request.values["subject_token"]).Fingerprint()]
	switch {
	case request.values["requested_token"] != "openai-api-key":
		return refuse(400, "invalid_request", "Only API keys can be had.")
	case request.values["subject_token_type"] != "urn:ietf:params:oauth:token-type:id_token":
		return refuse(400, "invalid_request", "Only ID tokens are taken.")
	case family == nil || family.revoked:
		return refuse(400, "invalid_grant", "Unknown ID token.")
	}
	return object(200, map[string]any{"access_token": "sk-" + rand.Text()})
}

// revoke ends a login. An unknown token counts as revoked (RFC 7009 section 2.2).
func (i *Issuer) revoke(request parsedRequest) answer {
	token := request.values["token"]
	if token == "" {
		return refuse(400, "invalid_request", "There is no token.")
	}
	i.end(i.families.tokens[secret.New(token).Fingerprint()])
	return object(200, map[string]any{})
}
