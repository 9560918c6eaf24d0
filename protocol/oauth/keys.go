package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"

	"github.com/golang-jwt/jwt/v5"
)

// Keys are the public keys with which an issuer signs ID tokens (RFC 7517 section 5). The
// zero Keys have none.
type Keys struct{ all []key }

type key struct {
	id     string // "" for none
	public jwt.VerificationKey
}

// ErrNoKeys reports that neither the issuer nor the profile says where the keys are with
// which ID tokens are signed. Name jwks_uri in the profile, or have ID tokens only read.
var ErrNoKeys = errors.New(`an ID token cannot be verified: neither the issuer nor the profile names a jwks_uri; name it in the profile, or set id_token = "read"`)

// Keys asks the issuer for its keys: one request. A key of a kind that is not known here is
// left out. Errors: [ErrNoKeys], [*DiscoveryError].
func (c *Client) Keys(ctx context.Context) (Keys, error) {
	if c.to.Keys == "" {
		return Keys{}, ErrNoKeys
	}
	var found struct {
		Keys []webKey `json:"keys"`
	}
	if look := c.read(ctx, c.to.Keys, &found); look.Problem != "" {
		return Keys{}, &DiscoveryError{Looks: []Look{look}}
	}
	var keys Keys
	for _, each := range found.Keys {
		if public := each.public(); public != nil && (each.Use == "" || each.Use == "sig") {
			keys.all = append(keys.all, key{each.ID, public})
		}
	}
	return keys, nil
}

// webKey is a key as it is published (RFC 7517, RFC 7518 section 6, RFC 8037 section 2).
type webKey struct {
	Type  string `json:"kty"`
	Use   string `json:"use"`
	ID    string `json:"kid"`
	N     octets `json:"n"`
	E     octets `json:"e"`
	Curve string `json:"crv"`
	X     octets `json:"x"`
	Y     octets `json:"y"`
}

// octets are base64url. What is none is empty, so that one bad key does not hide the others.
type octets []byte

func (o *octets) UnmarshalJSON(text []byte) error {
	var encoded string
	if json.Unmarshal(text, &encoded) == nil {
		*o, _ = base64.RawURLEncoding.DecodeString(encoded)
	}
	return nil
}

var curves = map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}

// weakestModulusBits is RFC 7518 section 3.3.
const weakestModulusBits = 2048

// public is the key, nil for one that is not known here or too weak.
func (k webKey) public() jwt.VerificationKey {
	switch k.Type {
	case "RSA":
		n, e := new(big.Int).SetBytes(k.N), new(big.Int).SetBytes(k.E)
		if n.BitLen() >= weakestModulusBits && e.IsInt64() && e.Int64() > 1 && e.Int64() < 1<<31 {
			return &rsa.PublicKey{N: n, E: int(e.Int64())}
		}
	case "EC":
		curve := curves[k.Curve]
		if curve == nil {
			return nil
		}
		point := append([]byte{4}, append(k.X, k.Y...)...) // SEC 1 section 2.3.3: uncompressed
		if public, err := ecdsa.ParseUncompressedPublicKey(curve, point); err == nil {
			return public
		}
	case "OKP":
		if k.Curve == "Ed25519" && len(k.X) == ed25519.PublicKeySize {
			return ed25519.PublicKey(k.X)
		}
	}
	return nil
}

// of are the keys that may have signed a token: those of its key id, or all if it names none.
func (k Keys) of(token *jwt.Token) (any, error) {
	id, _ := token.Header["kid"].(string)
	var set jwt.VerificationKeySet
	for _, each := range k.all {
		if id == "" || each.id == id || each.id == "" {
			set.Keys = append(set.Keys, each.public)
		}
	}
	return set, nil
}

// VerifiesIDTokens reports whether the ID token of a login needs [Client.Keys].
func (c *Client) VerifiesIDTokens() bool { return c.profile.SendsNonce() && c.to.Keys != "" }
