package machine

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Issuer names the token endpoint and the client that a refresh token belongs to.
type Issuer struct {
	TokenEndpoint string
	ClientID      string
}

// TokenID is what a verdict and an intent are filed under: the refresh token
// together with the endpoint and the client. It is "" without a token.
func (i Issuer) TokenID(refresh secret.Token) secret.Fingerprint {
	return refresh.Bind(i.TokenEndpoint, i.ClientID)
}

// EndpointID names the token endpoint in the entries of a ledger.
func (i Issuer) EndpointID() secret.Fingerprint { return secret.New(i.TokenEndpoint).Fingerprint() }

// Provenance says where a login was made: auth.json's oauth_provenance. The zero
// Provenance is that of a login that does not say.
type Provenance struct {
	Issuer   string // base URL, as it is spelled in the record
	ClientID string // the client that the login was made for

	// TokenEndpoint is where the login is refreshed; "" in Codex's records, for it follows
	// from the issuer there.
	TokenEndpoint string
}

// tokenEndpoint is where logins of this provenance are refreshed, "" if it does
// not say.
func (p Provenance) tokenEndpoint() string {
	if p.TokenEndpoint != "" || p.Issuer == "" {
		return p.TokenEndpoint
	}
	return strings.TrimRight(p.Issuer, "/") + "/oauth/token"
}

// IssuerOf is who may be sent the refresh token of a login, and under which
// client: this issuer and no other. An override of the endpoint goes before the
// issuer of the login, because a person asked for it; nothing goes before the
// client, because a token endpoint refuses a token under another one for good.
func (p Policy) IssuerOf(c Credential) Issuer {
	issuer := Issuer{p.Issuer.TokenEndpoint, cmp.Or(c.Provenance.ClientID, p.Issuer.ClientID)}
	if !p.EndpointOverridden {
		issuer.TokenEndpoint = cmp.Or(c.Provenance.tokenEndpoint(), issuer.TokenEndpoint)
	}
	return issuer
}

// TokenID is what verdicts and intents about a login are filed under, "" for one
// without a refresh token.
func (p Policy) TokenID(c Credential) secret.Fingerprint {
	return p.IssuerOf(c).TokenID(c.RefreshToken)
}

// Origin is where the login was made. It is false if the login does not say so or has
// no owner id, if the issuer's address has a part that might be a secret, and if the
// record names the token endpoint: only Codex's records lose their provenance.
func (c Credential) Origin() (history.Origin, bool) {
	known := c.OwnerID != "" && c.Provenance != Provenance{} && c.Provenance.TokenEndpoint == "" && !strings.ContainsAny(c.Provenance.Issuer, "@?#")
	return history.Origin{Owner: c.ownerName(), Issuer: c.Provenance.Issuer, ClientID: c.Provenance.ClientID}, known
}

// ownerName is what the ledger calls the owner id, "" for none.
func (c Credential) ownerName() secret.Fingerprint {
	if c.OwnerID == "" {
		return ""
	}
	return secret.New(c.OwnerID).Fingerprint()
}

// Completed is the login with its provenance, if its record has lost it and the
// ledger knows it: Codex drops it when a refresh goes elsewhere.
func (c Credential) Completed(h history.TokenHistory) Credential {
	if c.OwnerID == "" || c.Provenance != (Provenance{}) {
		return c
	}
	if origin, ok := h.Origin(c.ownerName()); ok {
		c.Provenance = Provenance{Issuer: origin.Issuer, ClientID: origin.ClientID}
	}
	return c
}

// OriginIsIn reports whether the ledger has the origin of the login, as far as the
// login says it.
func (c Credential) OriginIsIn(h history.TokenHistory) bool {
	origin, ok := c.Origin()
	return !ok || slices.Contains(h.Origins, origin)
}
