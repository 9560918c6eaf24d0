package websocket

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"

	"github.com/bezoar-auth/bezoar/protocol/loopback"
)

// TokenDigest is the SHA-256 of the token that a client has to show. The token itself is
// not kept.
type TokenDigest [sha256.Size]byte

// DigestOf is the digest of a token.
func DigestOf(token []byte) *TokenDigest {
	digest := TokenDigest(sha256.Sum256(token))
	return &digest
}

// ErrNoDigest reports a text that is no SHA-256 in hexadecimal. The text is left out: it
// may be the token itself.
var ErrNoDigest = errors.New("want a SHA-256 digest of 64 hexadecimal digits")

// ParseDigest reads a digest in hexadecimal.
func ParseDigest(text string) (*TokenDigest, error) {
	bytes, err := hex.DecodeString(text)
	if err != nil || len(bytes) != sha256.Size {
		return nil, ErrNoDigest
	}
	digest := TokenDigest(bytes)
	return &digest, nil
}

// isOf compares in constant time.
func (d *TokenDigest) isOf(token string) bool {
	other := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(d[:], other[:]) == 1
}

// refuse answers a request that may not connect, and reports whether it did. A browser
// sends an Origin with every WebSocket handshake and no program needs one, so that no web
// page gets in; a page whose name was pointed at this machine (DNS rebinding) cannot ask
// whether the server is ready either. The texts about the token are those of Codex.
func (s *server) refuse(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case len(r.Header.Values("Origin")) > 0:
		http.Error(w, "a web page may not connect", http.StatusForbidden)
	case !s.options.IsPrivate && !loopback.Authority(r.Host):
		http.Error(w, "the Host header does not name this machine", http.StatusForbidden)
	default:
		return false
	}
	return true
}

// admits reports whether a request shows the token, if one is needed. Otherwise it has
// answered.
func (s *server) admits(w http.ResponseWriter, r *http.Request) bool {
	if s.options.Token == nil {
		return true
	}
	problem := "invalid websocket bearer token"
	header := r.Header.Get("Authorization")
	scheme, token, _ := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	switch {
	case header == "":
		problem = "missing websocket bearer token"
	case !strings.EqualFold(scheme, "Bearer") || token == "":
		problem = "invalid authorization header"
	case s.options.Token.isOf(token):
		return true
	}
	w.Header().Set("WWW-Authenticate", "Bearer")
	http.Error(w, problem, http.StatusUnauthorized)
	return false
}
