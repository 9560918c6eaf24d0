package issuer

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// Plain makes an issuer speak as RFC 6749 has it, and not as Codex's: forms alone, at /token,
// /authorize, /device, /revoke and /keys, with metadata (OpenID Connect Discovery) and signed
// ID tokens. Its access tokens are opaque.
type Plain struct {
	Issuer string             // its name; https://issuer.test
	Method profile.AuthMethod // how the client proves who it is; none
	Secret string             // of the client
	Reuse  Reuse              // what becomes of a spent refresh token that comes again
	Static bool               // a refresh token is not spent, and comes with no successor
	Dead   string             // the error code for a refresh token that is dead; invalid_grant. Dex says invalid_request.

	NoIss         bool          // the authorization response does not name the issuer (RFC 9207), nor do the metadata
	NoRevocation  bool          // no endpoint for it
	NoRefresh     bool          // no refresh token, whatever the scopes
	IDTokenClaims jwt.MapClaims // in place of those of an ID token; a nil takes one away
}

// Reuse is what becomes of a login whose spent refresh token comes again.
type Reuse int

const (
	ReuseEndsLogin Reuse = iota // panva, Hydra: the whole family ends
	ReuseRefused                // zitadel, Dex: the successor lives
	ReuseNewPair                // Hydra within its grace period: a second successor beside the first, which lives
)

// named is the name of a plain issuer.
func (p *Plain) named() string { return cmp.Or(p.Issuer, "https://issuer.test") }

func (p *Plain) name() string {
	if p.NoIss {
		return ""
	}
	return p.named()
}

// Profile is the profile of the client at this issuer, as a user would write it.
func (i *Issuer) Profile() profile.Profile {
	p := i.options.Dialect.(*Plain)
	return profile.Profile{
		Name: "plain", DisplayName: "Plain", Issuer: p.named(), Discovery: profile.DiscoveryAuto, Endpoints: i.Endpoints(),
		ClientID: i.options.ClientID, AuthMethod: cmp.Or(p.Method, profile.AuthNone), RequestEncoding: profile.Form, ExchangeEncoding: profile.Form,
		Scopes: []string{"openid", "offline_access"}, RedirectURI: "http://127.0.0.1:{port}/callback", RedirectPorts: []int{0},
		DeviceFlow: profile.DeviceAuto, IDToken: profile.IDTokenAuto, SubjectClaim: "/sub", EmailClaim: "/email",
		Expiry: []profile.ExpirySource{profile.ExpiresIn, profile.ExpClaim}, AssumedLifetime: time.Hour, RefreshBefore: 5 * time.Minute,
		Rotation: profile.Rotating, Answers: profile.Answers{Standard: true, Bare401: profile.Misconfigured},
	}
}

// Endpoints are those of a plain issuer.
func (i *Issuer) Endpoints() profile.Endpoints {
	p := i.options.Dialect.(*Plain)
	at := func(path string) string { return strings.TrimSuffix(p.named(), "/") + path }
	to := profile.Endpoints{Authorization: at("/authorize"), Token: at("/token"), Device: at("/device"), Revocation: at("/revoke"), Keys: at("/keys")}
	if p.NoRevocation {
		to.Revocation = ""
	}
	return to
}

func (p *Plain) serve(i *Issuer) {
	i.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // it never fails
	i.handle("POST /token", "", i.grant)
	i.handle("GET /authorize", Authorize, i.authorize)
	i.handle("POST /authorize", Consent, i.consent)
	i.handle("POST /device", UserCode, func(request parsedRequest) answer { return p.device(i, request) })
	i.handle("GET /keys", KeySet, func(parsedRequest) answer { return keySet(i.key) })
	i.handle("GET /.well-known/openid-configuration", Metadata, func(parsedRequest) answer { return p.metadata(i.Endpoints()) })
	if !p.NoRevocation {
		i.handle("POST /revoke", Revoke, func(request parsedRequest) answer { return p.revoke(i, request) })
	}
}

func (p *Plain) metadata(to profile.Endpoints) answer {
	return object(200, map[string]any{
		"issuer": p.named(), "authorization_endpoint": to.Authorization, "token_endpoint": to.Token, "device_authorization_endpoint": to.Device,
		"revocation_endpoint": to.Revocation, "jwks_uri": to.Keys, "code_challenge_methods_supported": []string{"S256"},
		"authorization_response_iss_parameter_supported": !p.NoIss, "grant_types_supported": []string{"authorization_code", "refresh_token", grantDevice},
	})
}

// keyID names the key of a plain issuer.
const keyID = "first"

func keySet(key *ecdsa.PrivateKey) answer {
	encode := base64.RawURLEncoding.EncodeToString
	point, _ := key.PublicKey.Bytes() // uncompressed: 4, x, y
	x, y := point[1:1+len(point)/2], point[1+len(point)/2:]
	return object(200, map[string]any{"keys": []any{
		map[string]any{"kty": "oct", "kid": "of another kind", "k": "AAAA"},
		map[string]any{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": keyID, "x": encode(x), "y": encode(y)},
	}})
}

// knows goes by RFC 6749 section 2.3.1: by one method, and no other.
func (p *Plain) knows(i *Issuer, request parsedRequest) bool {
	id, proof := request.values["client_id"], request.values["client_secret"]
	switch {
	case p.Method == profile.AuthBasic:
		user, _ := url.QueryUnescape(request.user)
		password, _ := url.QueryUnescape(request.password)
		return proof == "" && user == i.options.ClientID && password == p.Secret
	case p.Method == profile.AuthPost:
		return request.user == "" && id == i.options.ClientID && proof == p.Secret
	}
	return request.user == "" && proof == "" && id == i.options.ClientID
}

func (p *Plain) mint(i *Issuer, f *family, at time.Time) endpoint.TokenResponse {
	made := endpoint.TokenResponse{AccessToken: secret.New("at_" + rand.Text()), Lifetime: i.options.AccessLifetime, TokenType: "Bearer", Scope: strings.Join(f.scope, " ")}
	if slices.Contains(f.scope, "offline_access") && !p.NoRefresh {
		made.RefreshToken = secret.New("rt_" + rand.Text())
	}
	if slices.Contains(f.scope, "openid") {
		made.IDToken = p.signed(i, f, at)
	}
	return made
}

func (p *Plain) signed(i *Issuer, f *family, at time.Time) secret.Token {
	claims := jwt.MapClaims{
		"iss": p.named(), "aud": i.options.ClientID, "sub": f.account.UserID, "email": f.account.Email,
		"iat": at.Unix(), "exp": at.Add(i.options.AccessLifetime).Unix(),
	}
	if f.nonce != "" {
		claims["nonce"] = f.nonce
	}
	for name, value := range p.IDTokenClaims {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	token.Header["kid"] = keyID
	text, err := token.SignedString(i.key)
	if err != nil {
		panic("issuer: an ID token that cannot be signed: " + err.Error()) // a test's own mistake
	}
	return secret.New(text)
}

func (*Plain) granted(grant endpoint.TokenResponse) answer {
	members := map[string]any{
		"access_token": grant.AccessToken.Reveal(), "token_type": grant.TokenType, "expires_in": int(grant.Lifetime / time.Second), "scope": grant.Scope,
	}
	for name, token := range map[string]secret.Token{"refresh_token": grant.RefreshToken, "id_token": grant.IDToken} {
		if !token.IsAbsent() {
			members[name] = token.Reveal()
		}
	}
	return object(200, members)
}

// refresh goes by RFC 6749 section 6.
func (p *Plain) refresh(i *Issuer, request parsedRequest) answer {
	dead := refuse(400, cmp.Or(p.Dead, "invalid_grant"), "The refresh token is not good any more.")
	token := i.families.refresh[secret.New(request.values["refresh_token"]).Fingerprint()]
	switch {
	case request.values["refresh_token"] == "":
		return i.refused(refuse(400, "invalid_request", "There is no refresh token."))
	case token == nil, token.family.revoked, i.expired(token, request.at):
		return i.refused(dead)
	case token.spent():
		return p.replayed(i, token, request, dead)
	}
	i.counts.Grants++
	successor := i.begin(token.family, request.origin, request.at)
	if p.Static {
		successor.RefreshToken = secret.Token{}
		return p.granted(successor)
	}
	token.spentAt, token.successor = request.at, successor
	return p.granted(successor)
}

// replayed is what becomes of a refresh token that was spent before.
func (p *Plain) replayed(i *Issuer, token *refreshToken, request parsedRequest, dead answer) answer {
	i.counts.Replays++
	isRecent := request.at.Before(token.spentAt.Add(i.options.ReuseLeeway))
	switch {
	case isRecent && p.Reuse == ReuseNewPair:
		i.counts.Grants++
		return p.granted(i.begin(token.family, request.origin, request.at))
	case isRecent:
		i.counts.Grants++
		return p.granted(token.successor)
	case p.Reuse == ReuseEndsLogin, p.Reuse == ReuseNewPair:
		i.end(token.family)
	}
	return i.refused(dead)
}

// grantDevice is the grant type of a poll (RFC 8628 section 3.4).
const grantDevice = "urn:ietf:params:oauth:grant-type:device_code"

// device begins a device login (RFC 8628 section 3.2). It names no interval if it is 5 s,
// as panva's does.
func (p *Plain) device(i *Issuer, request parsedRequest) answer {
	if !i.knows(request) {
		return refuse(401, "invalid_client", "Unknown client.")
	}
	id, letters := secret.New("device_"+rand.Text()), rand.Text()
	begun := &device{userCode: letters[:4] + "-" + letters[4:8], expiresAt: request.at.Add(deviceLifetime), scope: strings.Fields(request.values["scope"])}
	i.devices[id.Fingerprint()] = begun
	page := p.named() + "/pair"
	members := map[string]any{
		"device_code": id.Reveal(), "user_code": begun.userCode, "verification_uri": page, "verification_uri_complete": page + "?user_code=" + begun.userCode,
		"expires_in": int(deviceLifetime / time.Second),
	}
	if seconds := int(i.options.PollInterval / time.Second); seconds != 5 {
		members["interval"] = seconds
	}
	return object(200, members)
}

// poll answers a poll (RFC 8628 section 3.5). A login that was granted is not granted
// again: like panva, the issuer ends what it has granted.
func (p *Plain) poll(i *Issuer, request parsedRequest) answer {
	polled := i.devices[secret.New(request.values["device_code"]).Fingerprint()]
	if polled == nil {
		return refuse(400, "invalid_grant", "Unknown device login.")
	}
	tooSoon := request.at.Before(polled.lastPollAt.Add(i.options.PollInterval))
	polled.lastPollAt = request.at
	switch {
	case polled.granted != nil:
		i.end(polled.granted)
		return refuse(400, "invalid_grant", "The device login was granted before.")
	case !request.at.Before(polled.expiresAt):
		return refuse(400, "expired_token", "The user code has expired.")
	case polled.decision == denied:
		return refuse(400, "access_denied", "The login was refused.")
	case tooSoon:
		return refuse(400, "slow_down", "Poll less often.")
	case polled.decision == undecided:
		return refuse(400, "authorization_pending", "The code has not been entered yet.")
	}
	polled.granted = &family{account: polled.account, scope: polled.scope}
	return p.granted(i.begin(polled.granted, request.origin, request.at))
}

func (p *Plain) revoke(i *Issuer, request parsedRequest) answer {
	if !i.knows(request) {
		return refuse(http.StatusUnauthorized, "invalid_client", "Unknown client.")
	}
	return i.revoke(request)
}
