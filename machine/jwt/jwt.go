// Package jwt reads what a JSON Web Token says of itself (RFC 7519). No
// signature is verified: bezoar is not the audience of these tokens. It only
// asks when one expires and whose it is, and never grants anything on it.
package jwt

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine/secret"
)

// ErrNotJWT reports that a token is opaque: not three non-empty parts with a
// base64url JSON object in the middle. An opaque access token is legal and has
// no known expiry; an opaque ID token makes a credential unreadable.
var ErrNotJWT = errors.New("not a JSON Web Token")

// Claims are the members bezoar looks at. A member that is missing or has
// another type than expected is its zero value.
type Claims struct {
	Expiry    time.Time // exp; zero when the token does not say
	IssuedAt  time.Time // iat, by the issuer's clock; zero when the token does not say
	Email     string
	PlanType  string
	UserID    string
	AccountID string

	Organization Organization
}

// Organization is what an ID token says of the organization behind a login, for
// the page that ends one.
type Organization struct {
	ID          string
	ProjectID   string
	IsOnboarded bool // it is set up for the use of API keys
	IsOwner     bool // the user may set it up
}

// Path leads to a member of a token: the names of the objects around it, and its own.
type Path []string

// Paths say where an issuer puts what the registered claims (RFC 7519 section 4.1, and
// email of OpenID Connect) do not say. Of several paths the first that leads to
// something counts. The zero Paths read the registered claims alone.
type Paths struct {
	Email, PlanType, UserID, AccountID []Path // texts
	OrganizationID, ProjectID          []Path // texts
	IsOnboarded, IsOwner               []Path // booleans
}

// Parse reads the claims of token, or returns [ErrNotJWT].
func Parse(token secret.Token, paths Paths) (Claims, error) {
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" {
		return Claims{}, ErrNotJWT
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return Claims{}, ErrNotJWT
	}
	var body members
	if err := json.Unmarshal(payload, &body); err != nil || body == nil {
		return Claims{}, ErrNotJWT
	}
	return body.claims(paths), nil
}

// members is a decoded object whose values are only looked at one by one, so
// that a surprising type in one member does not hide the others.
type members map[string]json.RawMessage

func (m members) claims(paths Paths) Claims {
	return Claims{
		Expiry:    m.time("exp"),
		IssuedAt:  m.time("iat"),
		Email:     first[string](m, append([]Path{{"email"}}, paths.Email...)),
		PlanType:  first[string](m, paths.PlanType),
		UserID:    first[string](m, paths.UserID),
		AccountID: first[string](m, paths.AccountID),
		Organization: Organization{
			ID:          first[string](m, paths.OrganizationID),
			ProjectID:   first[string](m, paths.ProjectID),
			IsOnboarded: first[bool](m, paths.IsOnboarded),
			IsOwner:     first[bool](m, paths.IsOwner),
		},
	}
}

// first is the value at the first path that leads to one which is not zero. A value of
// another type is none.
func first[T comparable](m members, paths []Path) T {
	var none T
	for _, path := range paths {
		if value := at[T](m, path); value != none {
			return value
		}
	}
	return none
}

func at[T any](m members, path Path) T {
	var value T
	for len(path) > 1 {
		var inner members
		_ = json.Unmarshal(m[path[0]], &inner) // another type is an absent object
		m, path = inner, path[1:]
	}
	if len(path) == 1 {
		if json.Unmarshal(m[path[0]], &value) != nil {
			return *new(T)
		}
	}
	return value
}

// The times that RFC 3339 can write: the years 1 to 9999.
const (
	earliestUnix = -62135596800
	latestUnix   = 253402300799
)

// time reads a NumericDate (RFC 7519 section 2): any JSON number, also with a
// fraction, which is cut off, or an exponent. A text is none, and neither is a
// number that no calendar has.
func (m members) time(name string) time.Time {
	var seconds float64
	if m[name] == nil || json.Unmarshal(m[name], &seconds) != nil {
		return time.Time{}
	}
	if string(m[name]) == "null" || seconds < earliestUnix || seconds > latestUnix {
		return time.Time{}
	}
	return time.Unix(int64(math.Floor(seconds)), 0).UTC()
}
