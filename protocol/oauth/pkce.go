package oauth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"

	"github.com/bezoar-auth/bezoar/machine/secret"
)

// The reference's lengths. RFC 7636 section 4.1 allows a verifier of 43 to 128
// characters; this one has 86.
const (
	verifierBytes = 64
	stateBytes    = 32
)

// NewVerifier makes the secret that ties a code exchange to the authorization
// it ends (RFC 7636 section 4.1). One login, one verifier.
func NewVerifier() secret.Token { return random(verifierBytes) }

// NewState makes the secret that ties a callback to the login that waits for it
// (RFC 6749 section 10.12). Compare it with [secret.Token.Equal], whose time does
// not tell how much of a guess was right.
func NewState() secret.Token { return random(stateBytes) }

// random is n bytes of the system's randomness in base64url. crypto/rand ends
// the program rather than return less.
func random(n int) secret.Token {
	bytes := make([]byte, n)
	rand.Read(bytes)
	return secret.New(base64.RawURLEncoding.EncodeToString(bytes))
}

// Challenge is what the issuer may know of a verifier before the exchange: its
// S256 transformation (RFC 7636 section 4.2).
func Challenge(verifier secret.Token) string {
	hash := sha256.Sum256([]byte(verifier.Reveal()))
	return base64.RawURLEncoding.EncodeToString(hash[:])
}
