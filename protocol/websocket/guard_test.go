package websocket

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNoWebPageGetsIn(t *testing.T) {
	s := newSite(t, Options{IsPrivate: true})
	for _, origin := range []string{"http://localhost", "https://evil.example", "null", ""} {
		for _, path := range []string{"/", "/readyz"} {
			status, text := s.refused(path, http.Header{"Origin": {origin}})
			require.Equal(t, http.StatusForbidden, status, origin)
			require.Equal(t, "a web page may not connect", text)
		}
	}
}

// A name that is pointed at this machine would make a foreign page its origin.
func TestForeignHostIsRefusedUnlessTheListenerIsPrivate(t *testing.T) {
	s := newSite(t, Options{})
	for _, host := range []string{"evil.example", "evil.example:80", "192.168.0.1", "localhost.evil.example"} {
		status, _ := s.refused("/", http.Header{"Host": {host}})
		require.Equal(t, http.StatusForbidden, status, host)
	}
	s.dial().CloseNow()

	private := newSite(t, Options{IsPrivate: true})
	private.handshake("").Close()
}

func TestTokenIsAskedFor(t *testing.T) {
	s := newSite(t, Options{Token: DigestOf([]byte("s3cret"))})
	for header, want := range map[string]string{
		"":                "missing websocket bearer token",
		"Basic s3cret":    "invalid authorization header",
		"s3cret":          "invalid authorization header",
		"Bearer":          "invalid authorization header",
		"Bearer ":         "invalid authorization header",
		"Bearer S3CRET":   "invalid websocket bearer token",
		"Bearer s3cret.":  "invalid websocket bearer token",
		"Bearer s3 cret":  "invalid websocket bearer token",
		"Bearer s3cret\t": "",
		"bearer  s3cret":  "",
	} {
		if want == "" {
			s.handshake("Authorization: " + header + "\r\n").Close()
			continue
		}
		status, text := s.refused("/", http.Header{"Authorization": {header}})
		require.Equal(t, http.StatusUnauthorized, status, header)
		require.Equal(t, want, text, header)
	}
	_, text := s.refused("/?token=s3cret", http.Header{})
	require.Equal(t, "missing websocket bearer token", text, "it would stand in logs")
}

func TestServerSaysThatItIsReadyWithoutAToken(t *testing.T) {
	s := newSite(t, Options{Token: DigestOf([]byte("s3cret"))})
	for _, path := range []string{"/readyz", "/healthz"} {
		for method, want := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405, "OPTIONS": 405} {
			request, err := http.NewRequest(method, "http://localhost"+path, nil)
			require.NoError(t, err)
			response, err := s.client().Do(request)
			require.NoError(t, err)
			response.Body.Close()
			require.Equal(t, want, response.StatusCode, "%s %s", method, path)
		}
	}
}

func TestDigestIsReadAndNeverShown(t *testing.T) {
	digest, err := ParseDigest("6AE89E0E53C5B49b24c1c4d48dcb7c58bc8fd2ce0ec0c1d0ebbbb9b6b0e6ab0f")
	require.NoError(t, err)
	require.False(t, digest.isOf("s3cret"))
	for _, bad := range []string{"", "s3cret", strings.Repeat("0", 63), strings.Repeat("g", 64), strings.Repeat("0", 66)} {
		_, err := ParseDigest(bad)
		require.ErrorIs(t, err, ErrNoDigest, bad)
	}
}
