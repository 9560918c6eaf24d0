package jwt_test

import (
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/jwt"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

const auth = "https://issuer.example/auth"

// paths are where an issuer of these tests puts its own claims.
var paths = jwt.Paths{
	Email:          []jwt.Path{{"https://issuer.example/profile", "email"}},
	PlanType:       []jwt.Path{{auth, "plan_type"}},
	UserID:         []jwt.Path{{auth, "user"}, {auth, "user_id"}},
	AccountID:      []jwt.Path{{auth, "account_id"}},
	OrganizationID: []jwt.Path{{auth, "organization_id"}},
	ProjectID:      []jwt.Path{{auth, "project_id"}},
	IsOnboarded:    []jwt.Path{{auth, "completed_platform_onboarding"}},
	IsOwner:        []jwt.Path{{auth, "is_org_owner"}},
}

func TestParseReadsClaims(t *testing.T) {
	got, err := jwt.Parse(machinetest.JWT(`{"iat":1735686000,"exp":1735689600,"email":"user@example.com","https://issuer.example/auth":
		{"plan_type":"pro","user":"user-1","user_id":"older","account_id":"acct_123"}}`), paths)
	require.NoError(t, err)
	require.Equal(t, jwt.Claims{
		Expiry: time.Unix(1735689600, 0).UTC(), IssuedAt: time.Unix(1735686000, 0).UTC(), Email: "user@example.com",
		PlanType: "pro", UserID: "user-1", AccountID: "acct_123",
	}, got)
}

func TestParseTakesTheSecondPath(t *testing.T) {
	got, err := jwt.Parse(machinetest.JWT(`{"https://issuer.example/profile":{"email":"p@example.com"},"https://issuer.example/auth":{"user_id":"u"}}`), paths)
	require.NoError(t, err)
	require.Equal(t, jwt.Claims{Email: "p@example.com", UserID: "u"}, got)
}

func TestParseDropsAnUnusableExpiry(t *testing.T) {
	for _, payload := range []string{
		`{}`, `{"exp":null}`, `{"exp":"1735689600"}`, `{"exp":true}`,
		`{"exp":99999999999999999999}`, `{"exp":9223372036854775807}`, `{"exp":1735689600000}`, `{"exp":1e400}`, `{"exp":-1e12}`, `{"exp":[1]}`,
	} {
		got, err := jwt.Parse(machinetest.JWT(payload), paths)
		require.NoError(t, err, payload)
		require.True(t, got.Expiry.IsZero(), payload)
	}
}

func TestParseLosesOnlyTheMemberOfAnotherType(t *testing.T) {
	got, err := jwt.Parse(machinetest.JWT(`{"exp":60,"email":7,"https://issuer.example/auth":[]}`), paths)
	require.NoError(t, err)
	require.Equal(t, jwt.Claims{Expiry: time.Unix(60, 0).UTC()}, got)
}

func TestTheOrganizationIsReadFromTheSameClaims(t *testing.T) {
	got, err := jwt.Parse(machinetest.JWT(`{"https://issuer.example/auth":{"organization_id":"o","project_id":"p","completed_platform_onboarding":"yes","is_org_owner":true}}`), paths)
	require.NoError(t, err)
	require.Equal(t, jwt.Organization{ID: "o", ProjectID: "p", IsOwner: true}, got.Organization)
}

func TestWhatIsNoJWTIsOpaque(t *testing.T) {
	padded := "e30." + base64.URLEncoding.EncodeToString([]byte(`{"exp":10}`)) + ".s"
	for _, text := range []string{"", "opaque", "a.b", "a.b.c.d", ".e30.s", "e30..s", "e30.e30.", "e30.!!.s", padded, "e30.W10.s", "e30.bnVsbA.s"} {
		_, err := jwt.Parse(secret.New(text), paths)
		require.ErrorIs(t, err, jwt.ErrNotJWT, text)
	}
	_, err := jwt.Parse(secret.Token{}, paths)
	require.ErrorIs(t, err, jwt.ErrNotJWT)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"exp":1735689600,"email":"a@b"}`))
	f.Add([]byte(`{"https://issuer.example/auth":{"plan_type":"pro"}}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		got, err := jwt.Parse(machinetest.JWT(string(payload)), paths)
		if err != nil {
			require.ErrorIs(t, err, jwt.ErrNotJWT)
			require.Equal(t, jwt.Claims{}, got)
			return
		}
		require.True(t, json.Valid(payload))
		_, err = got.Expiry.MarshalText()
		require.NoError(t, err, "an expiry can always be written")
	})
}

// RFC 7519 section 2: a NumericDate is a JSON number, and that may have a fraction
// or an exponent.
func TestAnExpiryIsAnyJSONNumber(t *testing.T) {
	want := time.Unix(1735689600, 0).UTC()
	for _, number := range []string{"1735689600", "1735689600.0", "1735689600.999", "1.7356896e9", "17356896E2", "173568960000e-2"} {
		said, err := jwt.Parse(machinetest.JWT(`{"exp":`+number+`,"iat":`+number+`}`), paths)
		require.NoError(t, err)
		require.Equal(t, want, said.Expiry, number)
		require.Equal(t, want, said.IssuedAt, number)
	}
}
