package authjson_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/authjson"
)

// published is a login without its refresh token.
func published() machine.Credential {
	return with(tokenSet(), func(c *machine.Credential) {
		c.Method, c.RefreshToken = machine.MethodExternal, secret.New("")
		c.LastRefresh = time.Date(2026, 12, 1, 2, 0, 0, 0, time.UTC)
	})
}

func TestPublishedLoginSaysWhereItComesFrom(t *testing.T) {
	content, err := authjson.EncodePublished(published(), "/home/ada/.bezoar")
	require.NoError(t, err)
	require.Equal(t, `{
  "auth_mode": "chatgptAuthTokens",
  "OPENAI_API_KEY": null,
  "tokens": {
    "id_token": "e30.e30.c2ln",
    "access_token": "access",
    "refresh_token": "",
    "account_id": "acct"
  },
  "last_refresh": "2026-12-01T02:00:00Z",
  "published": {
    "by": "bezoar",
    "from": "/home/ada/.bezoar"
  }
}`, string(content))
	requireLogin(t, published(), string(content))
	from, isPublished := authjson.PublishedFrom(content)
	require.True(t, isPublished)
	require.Equal(t, "/home/ada/.bezoar", from)
}

func TestALoginThatCanBeRefreshedIsNotPublished(t *testing.T) {
	for _, c := range []machine.Credential{tokenSet(), apiKey("sk"), with(published(), func(c *machine.Credential) { c.RefreshToken = secret.New("refresh") })} {
		_, err := authjson.EncodePublished(c, "/home")
		require.Error(t, err)
	}
}

// What bezoar takes for its own it replaces and removes.
func TestWhatMayBeALoginIsNotTakenForPublished(t *testing.T) {
	content, err := authjson.EncodePublished(published(), "/home")
	require.NoError(t, err)
	for name, change := range map[string][2]string{
		"a refresh token":  {`"refresh_token": ""`, `"refresh_token": "refresh"`},
		"a key":            {`"OPENAI_API_KEY": null`, `"OPENAI_API_KEY": "sk"`},
		"another mode":     {`chatgptAuthTokens`, `chatgpt`},
		"no mode":          {`"auth_mode": "chatgptAuthTokens",`, ``},
		"no mark":          {`"published"`, `"other"`},
		"another program":  {`"by": "bezoar"`, `"by": "other"`},
		"no source":        {`"from": "/home"`, `"from": ""`},
		"a mark of a text": {"{\n    \"by\": \"bezoar\",\n    \"from\": \"/home\"\n  }", `"bezoar"`},
		"two marks":        {`"published"`, `"published": {"by": "bezoar", "from": "/home"}, "published"`},
		"no JSON":          {`{`, ``},
	} {
		changed := strings.Replace(string(content), change[0], change[1], 1)
		require.NotEqual(t, string(content), changed, name)
		_, isPublished := authjson.PublishedFrom([]byte(changed))
		require.False(t, isPublished, name)
	}
}
