package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPlainHTTPToAnotherMachineGivesAWarning(t *testing.T) {
	for _, name := range []string{"BEZOAR_REFRESH_TOKEN_URL_OVERRIDE", "BEZOAR_LOGIN_ISSUER", "BEZOAR_REVOKE_TOKEN_URL_OVERRIDE"} {
		env := environment{"BEZOAR_HOME": t.TempDir(), name: "http://issuer.test/x"}
		config := load(t, Flags{}, env)
		require.NotEmpty(t, config.Warnings, name)
		require.Contains(t, config.Warnings[0].Summary, name)
		require.Contains(t, config.Warnings[0].Details, "https")

		env["BEZOAR_ALLOW_PLAIN_HTTP"] = "1"
		require.Empty(t, load(t, Flags{}, env).Warnings)
		require.True(t, load(t, Flags{}, env).AllowPlainHTTP)
		delete(env, "BEZOAR_ALLOW_PLAIN_HTTP")

		env[name] = "http://127.0.0.1:4000/x"
		require.Empty(t, load(t, Flags{}, env).Warnings, "nothing leaves this machine")
	}
	backend := Flags{Overrides: []string{"chatgpt_base_url=http://backend.test"}}
	require.Contains(t, load(t, backend, environment{"BEZOAR_HOME": t.TempDir()}).Warnings[0].Summary, "chatgpt_base_url")
}

func TestPlainHTTPIsAllowedByOneOnly(t *testing.T) {
	for _, value := range []string{"true", "yes", "http"} {
		_, err := Load(Flags{}, environment{"BEZOAR_HOME": t.TempDir(), "BEZOAR_ALLOW_PLAIN_HTTP": value}.get)
		require.ErrorContains(t, err, "BEZOAR_ALLOW_PLAIN_HTTP")
	}
	require.False(t, load(t, Flags{}, environment{"BEZOAR_HOME": t.TempDir(), "BEZOAR_ALLOW_PLAIN_HTTP": "0"}).AllowPlainHTTP)
}
