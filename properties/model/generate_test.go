package model

import (
	"time"

	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// tokenSet is a login with tokens. Its access token cannot be dated, so that it
// is due eight days after its last refresh.
func tokenSet(now int) *rapid.Generator[credential] {
	return rapid.Custom(func(t *rapid.T) credential {
		return credential{
			access:  rapid.SampledFrom([]string{"a1", "a2", "a3"}).Draw(t, "access"),
			refresh: rapid.SampledFrom([]string{"r1", "r2", "r3", "r4"}).Draw(t, "refresh"),
			account: rapid.SampledFrom([]string{"alice", "bob"}).Draw(t, "account"),
			due:     now + rapid.SampledFrom([]int{700, 1000, 0, -100}).Draw(t, "due in"),
		}
	})
}

func anyCredential(now int) *rapid.Generator[credential] {
	key := rapid.Map(rapid.SampledFrom([]string{"k1", "k2"}), func(key string) credential { return credential{key: key} })
	return rapid.OneOf(tokenSet(now), tokenSet(now), key)
}

func (c credential) real() machine.Credential {
	if c.key != "" {
		return machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New(c.key)}
	}
	return machine.Credential{
		Method: machine.MethodTokens, AccessToken: secret.New(c.access), RefreshToken: secret.New(c.refresh),
		AccountID: c.account, LastRefresh: second(c.due).Time.Add(-8 * 24 * time.Hour),
	}
}
