package machine

import (
	"github.com/bezoar-auth/bezoar/machine/jwt"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// SharesAccount reports whether two token sets are logins of one account, so that
// one may quietly take the place of the other. It is the one rule of identity:
//
//   - Keys and token sets, and those of two methods, are never the same.
//   - Where both say whose they are, that decides: the account id as stored, or
//     else as the ID token claims it.
//   - Where one of them does not, they are the same if they share a token: a refresh
//     that rotates one of the two is still of the same login. Else it is unknown,
//     and the answer is no.
func (c Credential) SharesAccount(d Credential) bool {
	if c.Method != d.Method || c.Method == MethodAPIKey || c.Method == "" {
		return false
	}
	if ours, theirs := c.accountID(), d.accountID(); ours != "" && theirs != "" {
		return ours == theirs
	}
	isSame := func(a, b secret.Token) bool { return !a.IsEmpty() && a.Equal(b) }
	return isSame(c.RefreshToken, d.RefreshToken) || isSame(c.AccessToken, d.AccessToken)
}

// accountID is the account that a token set belongs to, "" if it does not say.
func (c Credential) accountID() string {
	if c.AccountID != "" {
		return c.AccountID
	}
	said, _ := jwt.Parse(c.identity())
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
