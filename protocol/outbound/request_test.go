package outbound

import (
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/evidence"
)

func TestInvalidAddressIsAProblem(t *testing.T) {
	for _, address := range []string{"", "issuer.test", "ftp://issuer.test/", "https://", "://", "http://a b/"} {
		_, err := Rules{}.NewRequest(t.Context(), http.MethodGet, address, nil)
		require.Equal(t, evidence.ProblemAddress, err, address)
	}
	_, err := Rules{}.NewRequest(t.Context(), http.MethodGet, "https://issuer.test/", nil)
	require.NoError(t, err)
}

func TestRequestSaysWhichProgramItIsFor(t *testing.T) {
	var introduction Introduction
	signed := func() (originator, userAgent string) {
		request, err := Rules{}.NewRequest(t.Context(), http.MethodGet, "https://issuer.test/", nil)
		require.NoError(t, err)
		introduction.Sign(request)
		return request.Header.Get("Originator"), request.Header.Get("User-Agent")
	}
	originator, userAgent := signed()
	require.Equal(t, "bezoar bezoar", originator+" "+userAgent, "no client has introduced itself yet")

	introduction.Introduce("evil\r\nAuthorization: x", "tab\tnul\x00 müsli")
	originator, userAgent = signed()
	require.Equal(t, "evil__Authorization: x", originator)
	require.Equal(t, "tab_nul_ müsli", userAgent)
	require.True(t, FitsHeader(originator) && FitsHeader(userAgent))
}

// The race detector finds what is wrong here.
func TestIntroductionMayComeInTheMiddleOfARequest(t *testing.T) {
	var introduction Introduction
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { introduction.Introduce("editor", "editor/1") })
		all.Go(func() { require.Contains(t, []string{"bezoar", "editor"}, introduction.Originator()) })
	}
	all.Wait()
}

func TestRulesForbidPlainHTTPToOtherMachines(t *testing.T) {
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

// without clears the proxies of the environment. net/http reads its variables once, at
// the first request of a process.
func without(t *testing.T) {
	for _, name := range []string{"ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"} {
		t.Setenv(name, "")
	}
}

func proxyFor(t *testing.T, address string) string {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, address, nil)
	require.NoError(t, err)
	proxy, err := Proxy(request)
	if err != nil {
		return err.Error()
	}
	if proxy == nil {
		return ""
	}
	return proxy.String()
}

func TestALLPROXYIsObeyedForEveryScheme(t *testing.T) {
	without(t)
	for text, want := range map[string]string{
		"": "", "proxy.test:8080": "http://proxy.test:8080", "http://proxy.test": "http://proxy.test", "https://proxy.test": "https://proxy.test",
		"socks5://proxy.test:1080": "socks5://proxy.test:1080", "socks5h://user:word@proxy.test": "socks5h://user:word@proxy.test",
		"socks4://proxy.test": evidence.ProblemProxyUnreachable.Error(), "http://": evidence.ProblemProxyUnreachable.Error(),
		"http://a b": evidence.ProblemProxyUnreachable.Error(),
	} {
		for _, name := range []string{"ALL_PROXY", "all_proxy"} {
			t.Setenv(name, text)
			require.Equal(t, want, proxyFor(t, "https://issuer.test/"), text)
			require.Equal(t, want, proxyFor(t, "http://issuer.test/"), text)
			t.Setenv(name, "")
		}
	}
}

func TestNOPROXYHoldsForALLPROXYToo(t *testing.T) {
	without(t)
	t.Setenv("ALL_PROXY", "socks5://proxy.test")
	for _, address := range []string{"http://localhost/", "http://127.0.0.1:99/", "http://[::1]/"} {
		require.Empty(t, proxyFor(t, address), "this machine")
	}
	for list, hosts := range map[string]struct{ direct, proxied []string }{
		"issuer.test":       {[]string{"https://issuer.test", "https://a.issuer.test", "https://ISSUER.test."}, []string{"https://xissuer.test"}},
		".issuer.test":      {[]string{"https://a.issuer.test"}, []string{"https://issuer.test"}},
		"*.issuer.test":     {[]string{"https://a.issuer.test"}, []string{"https://issuer.test"}},
		"x, issuer.test:80": {[]string{"http://issuer.test"}, []string{"https://issuer.test"}},
		"10.0.0.0/8":        {[]string{"https://10.1.2.3"}, []string{"https://11.1.2.3", "https://issuer.test"}},
		"10.0.0.1,[::2]":    {[]string{"https://10.0.0.1", "https://[::2]"}, []string{"https://10.0.0.2"}},
		"*":                 {[]string{"https://issuer.test", "https://10.0.0.1"}, nil},
	} {
		t.Setenv("NO_PROXY", list)
		for _, address := range hosts.direct {
			require.Empty(t, proxyFor(t, address), "%s of %s", address, list)
		}
		for _, address := range hosts.proxied {
			require.NotEmpty(t, proxyFor(t, address), "%s of %s", address, list)
		}
	}
}
