package loopback

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHostIsThisMachine(t *testing.T) {
	for _, host := range []string{"localhost", "LocalHost", "127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"} {
		require.True(t, Host(host), host)
	}
	for _, host := range []string{"", "evil.localhost", "notlocalhost", "localhost.example", "0.0.0.0", "192.168.0.1", "::", "127.0.0.1.example"} {
		require.False(t, Host(host), host)
	}
}

func TestAuthorityMayHaveAPort(t *testing.T) {
	for _, authority := range []string{"localhost", "localhost:1455", "127.0.0.1:1455", "127.0.0.1", "[::1]", "[::1]:1455"} {
		require.True(t, Authority(authority), authority)
	}
	for _, authority := range []string{"", "rebound.example", "rebound.example:1455", "192.168.0.1:80"} {
		require.False(t, Authority(authority), authority)
	}
}

func TestProtectForbidsEverything(t *testing.T) {
	header := http.Header{}
	Protect(header)
	require.Equal(t, "no-store", header.Get("Cache-Control"))
	require.Equal(t, "default-src 'none'; frame-ancestors 'none'", header.Get("Content-Security-Policy"))
	require.Len(t, header, 6)
}
