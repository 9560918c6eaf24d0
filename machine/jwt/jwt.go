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

// Parse reads the claims of token, or returns [ErrNotJWT].
func Parse(token secret.Token) (Claims, error) {
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
	return body.claims(), nil
}

// members is a decoded object whose values are only looked at one by one, so
// that a surprising type in one member does not hide the others.
type members map[string]json.RawMessage

// The namespaces of OpenAI's private claims.
const (
	authNamespace    = "https://api.openai.com/auth"
	profileNamespace = "https://api.openai.com/profile"
)

func (m members) claims() Claims {
	auth := m.object(authNamespace)
	return Claims{
		Expiry:    m.time("exp"),
		IssuedAt:  m.time("iat"),
		Email:     firstNonEmpty(m.text("email"), m.object(profileNamespace).text("email")),
		PlanType:  auth.text("chatgpt_plan_type"),
		UserID:    firstNonEmpty(auth.text("chatgpt_user_id"), auth.text("user_id")),
		AccountID: auth.text("chatgpt_account_id"),
		Organization: Organization{
			ID:          auth.text("organization_id"),
			ProjectID:   auth.text("project_id"),
			IsOnboarded: auth.isTrue("completed_platform_onboarding"),
			IsOwner:     auth.isTrue("is_org_owner"),
		},
	}
}

func (m members) object(name string) members {
	var value members
	_ = json.Unmarshal(m[name], &value) // another type is an absent object
	return value
}

func (m members) text(name string) string {
	var value string
	_ = json.Unmarshal(m[name], &value) // another type is an absent text
	return value
}

func (m members) isTrue(name string) bool {
	var value bool
	_ = json.Unmarshal(m[name], &value) // another type is not true
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

func firstNonEmpty(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
