package machine

import (
	"cmp"
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/jwt"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Method is the kind of a login. Its texts stand in ledgers and in JSON, which older builds
// and other programs read: a text never changes.
type Method string

// The methods of a credential. The zero Method is no login.
const (
	MethodAPIKey   Method = "apikey"
	MethodTokens   Method = "chatgpt"           // tokens that this program refreshes
	MethodExternal Method = "chatgptAuthTokens" // tokens that the client refreshes
)

// Credential is one login, as stored. It is a value: compare it with Equal,
// derive another one with Merge. The zero Credential is no login.
type Credential struct {
	Method       Method
	APIKey       secret.Token // may also accompany a token set
	IDToken      secret.Token
	AccessToken  secret.Token
	RefreshToken secret.Token
	AccountID    string    // as stored, see SharesAccount
	PlanType     string    // external tokens only: what the client said
	LastRefresh  time.Time // zero when the record has none
	Provenance   Provenance
	OwnerID      string // a random name that the login was given when it was made; "" when the record has none

	// ExpiresAt is when the access token expires, as the issuer said when it gave it
	// (expires_in); zero if that is not known. Equal does not look at it: the record of an
	// account has it, and auth.json has no place for it, so that the ledger keeps it.
	ExpiresAt time.Time
	Granted   Granted
}

// Granted is what else an issuer said of a login. The record of an account keeps it, and
// auth.json has no place for it. Equal does not look at it.
type Granted struct {
	Scope     string // of the access token (RFC 6749 section 3.3); "" for what was asked for
	TokenType string // of the access token, as the issuer spells it (section 7.1); "" for Bearer
	Email     string // of the user; "" where only an ID token may tell
}

// Equal reports whether both are the same login in every member.
func (c Credential) Equal(d Credential) bool {
	return c.Method == d.Method &&
		c.APIKey.Equal(d.APIKey) &&
		c.IDToken.Equal(d.IDToken) &&
		c.AccessToken.Equal(d.AccessToken) &&
		c.RefreshToken.Equal(d.RefreshToken) &&
		c.AccountID == d.AccountID &&
		c.PlanType == d.PlanType &&
		c.LastRefresh.Equal(d.LastRefresh) &&
		c.Provenance == d.Provenance &&
		c.OwnerID == d.OwnerID
}

// Fingerprint names the login to people and in ledgers: by what it hands out.
func (c Credential) Fingerprint() secret.Fingerprint {
	if c.Method == MethodAPIKey {
		return c.APIKey.Fingerprint()
	}
	return c.AccessToken.Fingerprint()
}

// isUsable reports whether the login has anything to hand out. Codex
// wants a token set to say when it was last refreshed.
func (c Credential) isUsable() bool {
	switch c.Method {
	case MethodAPIKey:
		return !c.APIKey.IsEmpty()
	case MethodTokens, MethodExternal:
		return !c.AccessToken.IsEmpty() && !c.LastRefresh.IsZero()
	}
	return false
}

// Merge is the credential after a refresh that the issuer granted at the given
// time. An ID token that cannot be read is left out rather than let it cost
// the rotated refresh token that came with it. The account id never changes.
func (c Credential) Merge(grant endpoint.TokenResponse, at time.Time) Credential {
	if _, err := jwt.Parse(grant.IDToken, jwt.Paths{}); err == nil {
		c.IDToken = grant.IDToken
	}
	if !grant.AccessToken.IsAbsent() {
		c.AccessToken, c.ExpiresAt = grant.AccessToken, grant.ExpiresAt
	}
	if !grant.RefreshToken.IsAbsent() {
		c.RefreshToken = grant.RefreshToken
	}
	c.Granted.Scope = cmp.Or(grant.Scope, c.Granted.Scope) // which is as it was if the issuer does not say (RFC 6749 section 5.1)
	c.Granted.TokenType = cmp.Or(grant.TokenType, c.Granted.TokenType)
	c.LastRefresh = at
	return c
}

// Account is who a login belongs to, as its tokens say.
type Account struct {
	Email    string // "" when no claim tells
	PlanType string // the issuer's word, "" when unknown
	UserID   string
}

// account reads the claims of the token that carries them.
func (p Policy) account(c Credential) Account {
	said, _ := jwt.Parse(c.identity(), p.Claims) // an opaque token says nothing
	account := Account{Email: said.Email, PlanType: said.PlanType, UserID: said.UserID}
	account.Email = cmp.Or(account.Email, c.Granted.Email)
	if c.PlanType != "" {
		account.PlanType = c.PlanType
	}
	return account
}

// SharesAccount reports whether two token sets are logins of one account, so that
// one may quietly take the place of the other. It is the one rule of identity:
//
//   - Keys and token sets, and those of two methods, are never the same.
//   - Where both say whose they are, that decides: the account id as stored, or
//     else as the ID token claims it. A login that names its token endpoint is one of any
//     issuer, and its subject says something together with the issuer alone (OpenID Connect
//     Core section 2).
//   - Where one of them does not, they are the same if they share a token: a refresh
//     that rotates one of the two is still of the same login. Those of any issuer are the
//     same if they were made as one login, which no refresh changes. Else it is unknown, and
//     the answer is no.
func (p Policy) SharesAccount(c, d Credential) bool {
	if c.Method != d.Method || c.Method == MethodAPIKey || c.Method == "" {
		return false
	}
	isOfAnyIssuer := c.Provenance.TokenEndpoint != "" || d.Provenance.TokenEndpoint != ""
	if isOfAnyIssuer && c.Provenance.Issuer != d.Provenance.Issuer {
		return false
	}
	if ours, theirs := p.accountID(c), p.accountID(d); ours != "" && theirs != "" {
		return ours == theirs
	}
	if isOfAnyIssuer {
		return c.OwnerID != "" && c.OwnerID == d.OwnerID
	}
	isSame := func(a, b secret.Token) bool { return !a.IsEmpty() && a.Equal(b) }
	return isSame(c.RefreshToken, d.RefreshToken) || isSame(c.AccessToken, d.AccessToken)
}

// accountID is the account that a token set belongs to, "" if it does not say.
func (p Policy) accountID(c Credential) string {
	if c.AccountID != "" {
		return c.AccountID
	}
	said, _ := jwt.Parse(c.identity(), p.Claims)
	return said.AccountID
}

// identity is the token whose claims say whose login it is: the ID token, or the
// access token of an external login.
func (c Credential) identity() secret.Token {
	if c.Method == MethodExternal {
		return c.AccessToken
	}
	return c.IDToken
}

// Restriction is what an administrator forbids; the zero Restriction is nothing.
type Restriction struct {
	ForbidAPIKey bool
	ForbidTokens bool     // external tokens too
	Workspaces   []string // the only account ids that may be used; empty for any
}

// Admits reports whether the restriction allows the login.
func (p Policy) Admits(c Credential) bool {
	r := p.Restriction
	if c.Method == MethodAPIKey {
		return !r.ForbidAPIKey
	}
	return !r.ForbidTokens && (len(r.Workspaces) == 0 || slices.Contains(r.Workspaces, p.accountID(c)))
}
