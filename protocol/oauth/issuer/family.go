package issuer

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"time"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// family is the chain of refresh tokens of one login, of which the last is good.
type family struct {
	account Account
	revoked bool
	scope   []string // of a plain issuer, and so the nonce
	nonce   string
}

// refreshToken is one token of the chain.
type refreshToken struct {
	family    *family
	issuedAt  time.Time
	spentAt   time.Time // zero while it is good
	successor endpoint.TokenResponse
}

func (t *refreshToken) spent() bool { return !t.spentAt.IsZero() }

// families has all logins, by the fingerprints of their tokens.
type families struct {
	refresh map[secret.Fingerprint]*refreshToken
	tokens  map[secret.Fingerprint]*family // tokens of every kind
}

func newFamilies() families {
	return families{map[secret.Fingerprint]*refreshToken{}, map[secret.Fingerprint]*family{}}
}

func (f families) add(family *family, grant endpoint.TokenResponse, at time.Time) {
	if !grant.RefreshToken.IsAbsent() {
		f.refresh[grant.RefreshToken.Fingerprint()] = &refreshToken{family: family, issuedAt: at}
	}
	for _, token := range []secret.Token{grant.IDToken, grant.AccessToken, grant.RefreshToken} {
		if !token.IsAbsent() {
			f.tokens[token.Fingerprint()] = family
		}
	}
}

// Login issues tokens to an account as if it had logged in at the given time: in the past,
// its access token may have expired.
func (i *Issuer) Login(account Account, at time.Time) endpoint.TokenResponse {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.begin(&family{account: account, scope: []string{"openid", "offline_access"}}, "https://issuer.test", at)
}

// Revoke ends the family of a token of any kind. It reports whether there was one to end.
func (i *Issuer) Revoke(token secret.Token) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.end(i.families.tokens[token.Fingerprint()])
}

// RevokeAll ends every family, as a user does who signs out everywhere, and returns how many
// there were to end.
func (i *Issuer) RevokeAll() (ended int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, family := range i.families.tokens {
		if i.end(family) {
			ended++
		}
	}
	return ended
}

// IsAlive reports whether a refresh with this token would succeed now: a test distinguishes
// by it a login that works from one that was lost.
func (i *Issuer) IsAlive(refresh secret.Token) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	token := i.families.refresh[refresh.Fingerprint()]
	return token != nil && !token.spent() && !token.family.revoked && !i.expired(token, i.options.Now())
}

// Serves reports whether a resource server should accept an access token: its login has not
// ended. It does not check the expiry.
func (i *Issuer) Serves(access secret.Token) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	family := i.families.tokens[access.Fingerprint()]
	return family != nil && !family.revoked
}

// Age issues access and ID tokens that have just expired, beside the same refresh token:
// what the login will have after AccessLifetime. It reports whether there is such a login.
func (i *Issuer) Age(refresh secret.Token) (aged endpoint.TokenResponse, known bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	token := i.families.refresh[refresh.Fingerprint()]
	if token == nil {
		return endpoint.TokenResponse{}, false
	}
	at := i.options.Now().Add(-i.options.AccessLifetime)
	aged = i.mint(token.family, "https://issuer.test", at)
	aged.RefreshToken = refresh
	for _, each := range []secret.Token{aged.IDToken, aged.AccessToken} {
		i.families.tokens[each.Fingerprint()] = token.family
	}
	return aged, true
}

func (i *Issuer) begin(family *family, origin string, at time.Time) endpoint.TokenResponse {
	grant := i.mint(family, origin, at)
	i.families.add(family, grant, at)
	return grant
}

// end revokes a family and reports whether it was in use. It does nothing for nil.
func (i *Issuer) end(family *family) bool {
	if family == nil || family.revoked {
		return false
	}
	family.revoked = true
	i.counts.Revoked++
	return true
}

func (i *Issuer) expired(token *refreshToken, now time.Time) bool {
	lifetime := i.options.RefreshLifetime
	return lifetime > 0 && !now.Before(token.issuedAt.Add(lifetime))
}

// refresh rotates (RFC 6749 section 6). After a second use it cannot be known which of the
// two came from a thief: the family ends.
func (i *Issuer) refresh(request parsedRequest) answer {
	token := i.families.refresh[secret.New(request.values["refresh_token"]).Fingerprint()]
	switch {
	case token == nil:
		return i.refused(refuse(400, "invalid_grant", "Unknown refresh token."))
	case token.spent():
		return i.replayed(token, request)
	case token.family.revoked:
		return i.refused(verdict("refresh_token_invalidated", "Your session has ended."))
	case i.expired(token, request.at):
		return i.refused(verdict("refresh_token_expired", "Your refresh token has expired."))
	}
	token.spentAt = request.at
	token.successor = i.begin(token.family, request.origin, request.at)
	i.counts.Grants++
	return granted(token.successor)
}

func (i *Issuer) replayed(token *refreshToken, request parsedRequest) answer {
	i.counts.Replays++
	recent := request.at.Before(token.spentAt.Add(i.options.ReuseLeeway))
	successor := i.families.refresh[token.successor.RefreshToken.Fingerprint()]
	if recent && !token.family.revoked && !successor.spent() {
		i.counts.Grants++
		return granted(token.successor)
	}
	i.end(token.family)
	return i.refused(verdict("refresh_token_reused", "Your refresh token has already been used."))
}

func (i *Issuer) refused(reply answer) answer {
	i.counts.Refusals++
	return reply
}

// verdict is a refusal in the words of Codex's issuer.
func verdict(code, message string) answer {
	return object(401, map[string]any{"error": map[string]any{"code": code, "message": message}})
}

func granted(grant endpoint.TokenResponse) answer {
	return object(200, map[string]any{
		"id_token":      grant.IDToken.Reveal(),
		"access_token":  grant.AccessToken.Reveal(),
		"refresh_token": grant.RefreshToken.Reveal(),
		"token_type":    "Bearer",
	})
}

// mint makes tokens that are issued at the given time. The caller records them.
func (i *Issuer) mint(family *family, origin string, at time.Time) endpoint.TokenResponse {
	if dialect := i.options.Dialect; dialect != nil {
		return dialect.mint(i, family, at)
	}
	account := family.account
	return endpoint.TokenResponse{
		IDToken:      i.jwt(account, origin, i.options.ClientID, at),
		AccessToken:  i.jwt(account, origin, origin+"/api", at),
		RefreshToken: secret.New("rt_" + rand.Text()),
	}
}

// jwt is a JSON Web Token with the claims of Codex's issuer. Its signature is a word: no
// client here verifies it.
func (i *Issuer) jwt(account Account, origin, audience string, at time.Time) secret.Token {
	auth := map[string]any{
		"chatgpt_account_id": account.ID,
		"chatgpt_plan_type":  account.PlanType,
		"chatgpt_user_id":    account.UserID,
		"user_id":            account.UserID,
	}
	maps.Copy(auth, account.Claims)
	claims := map[string]any{
		"iss": origin, "aud": audience, "sub": account.UserID, "client_id": i.options.ClientID,
		"jti": rand.Text(), // no two tokens are the same, even of one second
		"iat": at.Unix(), "exp": at.Add(i.options.AccessLifetime).Unix(),
		"email":                          account.Email,
		"https://api.openai.com/profile": map[string]any{"email": account.Email},
		"https://api.openai.com/auth":    auth,
	}
	header := map[string]any{"alg": "none", "typ": "JWT"}
	return secret.New(part(header) + "." + part(claims) + ".unsigned")
}

func part(members map[string]any) string {
	encoded, err := json.Marshal(members)
	if err != nil {
		panic("issuer: claims of an account that are no JSON: " + err.Error()) // a test's own mistake
	}
	return base64.RawURLEncoding.EncodeToString(encoded)
}
