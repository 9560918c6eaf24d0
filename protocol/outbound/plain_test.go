package outbound

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/evidence"
)

func TestNoSecretLeavesThisMachineOverPlainHTTP(t *testing.T) {
	for _, address := range []string{
		"http://issuer.test/", "http://10.0.0.1/", "http://[2001:db8::1]/", "http://127.0.0.1.evil.test/", "http://localhost.evil.test/", "http://evillocalhost/", "http://evil.localhost.test/",
		"http://0.0.0.0/", "http://128.0.0.1/", "HTTP://issuer.test/", "http://user@issuer.test/", "http://2130706433/",
	} {
		_, err := Rules{}.NewRequest(t.Context(), http.MethodPost, address, nil)
		require.Equal(t, evidence.ProblemPlainHTTP, err, address)
		_, err = Rules{AllowPlainHTTP: true}.NewRequest(t.Context(), http.MethodPost, address, nil)
		require.NoError(t, err, address)
	}
	without(t)
	_, err := Rules{}.NewRequest(t.Context(), http.MethodPost, "http://issuer.invalid/", nil)
	require.NoError(t, err, "no machine has this name")
	t.Setenv("ALL_PROXY", "http://127.0.0.1:1")
	_, err = Rules{}.NewRequest(t.Context(), http.MethodPost, "http://issuer.invalid/", nil)
	require.NoError(t, err, "a proxy of this machine answers for it")
	t.Setenv("ALL_PROXY", "http://proxy.test")
	_, err = Rules{}.NewRequest(t.Context(), http.MethodPost, "http://issuer.invalid/", nil)
	require.Equal(t, evidence.ProblemPlainHTTP, err)

	for _, address := range []string{
		"https://issuer.test/", "http://localhost:1/", "http://LOCALHOST/", "http://127.0.0.1/", "http://127.255.0.9:8080/", "http://[::1]:4/",
		"http://[::ffff:127.0.0.1]/",
	} {
		_, err := Rules{}.NewRequest(t.Context(), http.MethodPost, address, nil)
		require.NoError(t, err, address)
	}
}
