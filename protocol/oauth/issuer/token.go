package issuer

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// mint makes a token set that is issued at the given time. The caller records it.
func (i *Issuer) mint(account Account, origin string, at time.Time) machine.TokenResponse {
	return machine.TokenResponse{
		IDToken:      i.jwt(account, origin, i.options.ClientID, at),
		AccessToken:  i.jwt(account, origin, origin+"/api", at),
		RefreshToken: secret.New("rt_" + rand.Text()),
	}
}

// jwt is a JSON Web Token with the claims of the reference's issuer. Its
// signature is a word: who reads these tokens here verifies none.
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
