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

func TestParseReadsOpenAIsClaims(t *testing.T) {
	got, err := jwt.Parse(machinetest.JWT(`{"iat":1735686000,"exp":1735689600,"email":"user@example.com","https://api.openai.com/auth":
		{"chatgpt_plan_type":"pro","chatgpt_user_id":"user-1","user_id":"older","chatgpt_account_id":"acct_123"}}`))
	require.NoError(t, err)
	require.Equal(t, jwt.Claims{
		Expiry: time.Unix(1735689600, 0).UTC(), IssuedAt: time.Unix(1735686000, 0).UTC(), Email: "user@example.com",
		PlanType: "pro", UserID: "user-1", AccountID: "acct_123",
	}, got)
}

func TestSecondChoicesForEmailAndUser(t *testing.T) {
	got, err := jwt.Parse(machinetest.JWT(`{"https://api.openai.com/profile":{"email":"p@example.com"},"https://api.openai.com/auth":{"user_id":"u"}}`))
	require.NoError(t, err)
	require.Equal(t, jwt.Claims{Email: "p@example.com", UserID: "u"}, got)
}

func TestAnUnusableExpiryIsNoExpiry(t *testing.T) {
	for _, payload := range []string{
		`{}`, `{"exp":null}`, `{"exp":"1735689600"}`, `{"exp":true}`,
		`{"exp":99999999999999999999}`, `{"exp":9223372036854775807}`, `{"exp":1735689600000}`, `{"exp":1e400}`, `{"exp":-1e12}`, `{"exp":[1]}`,
	} {
		got, err := jwt.Parse(machinetest.JWT(payload))
		require.NoError(t, err, payload)
		require.True(t, got.Expiry.IsZero(), payload)
	}
}

func TestASurprisingTypeHidesOnlyItsOwnMember(t *testing.T) {
	got, err := jwt.Parse(machinetest.JWT(`{"exp":60,"email":7,"https://api.openai.com/auth":[]}`))
	require.NoError(t, err)
	require.Equal(t, jwt.Claims{Expiry: time.Unix(60, 0).UTC()}, got)
}

func TestTheOrganizationIsReadFromTheSameClaims(t *testing.T) {
	got, err := jwt.Parse(machinetest.JWT(`{"https://api.openai.com/auth":{"organization_id":"o","project_id":"p","completed_platform_onboarding":"yes","is_org_owner":true}}`))
	require.NoError(t, err)
	require.Equal(t, jwt.Organization{ID: "o", ProjectID: "p", IsOwner: true}, got.Organization)
}

func TestWhatIsNoJWTIsOpaque(t *testing.T) {
	padded := "e30." + base64.URLEncoding.EncodeToString([]byte(`{"exp":10}`)) + ".s"
	for _, text := range []string{"", "opaque", "a.b", "a.b.c.d", ".e30.s", "e30..s", "e30.e30.", "e30.!!.s", padded, "e30.W10.s", "e30.bnVsbA.s"} {
		_, err := jwt.Parse(secret.New(text))
		require.ErrorIs(t, err, jwt.ErrNotJWT, text)
	}
	_, err := jwt.Parse(secret.Token{})
	require.ErrorIs(t, err, jwt.ErrNotJWT)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"exp":1735689600,"email":"a@b"}`))
	f.Add([]byte(`{"https://api.openai.com/auth":{"chatgpt_plan_type":"pro"}}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		got, err := jwt.Parse(machinetest.JWT(string(payload)))
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
		said, err := jwt.Parse(machinetest.JWT(`{"exp":` + number + `,"iat":` + number + `}`))
		require.NoError(t, err)
		require.Equal(t, want, said.Expiry, number)
		require.Equal(t, want, said.IssuedAt, number)
	}
}
