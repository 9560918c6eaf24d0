package profile

import (
	"net/url"
	"slices"
	"strings"
)

// Metadata is what an issuer publishes of itself (RFC 8414 section 2, OpenID Connect
// Discovery section 3), as far as bezoar needs it.
type Metadata struct {
	Issuer                string   `json:"issuer"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	DeviceEndpoint        string   `json:"device_authorization_endpoint"` // RFC 8628 section 4
	RevocationEndpoint    string   `json:"revocation_endpoint"`
	UserinfoEndpoint      string   `json:"userinfo_endpoint"`
	RegistrationEndpoint  string   `json:"registration_endpoint"` // RFC 7591 section 3
	KeysURI               string   `json:"jwks_uri"`
	ScopesSupported       []string `json:"scopes_supported"`
	GrantTypes            []string `json:"grant_types_supported"`                          // nil: authorization_code and implicit
	ResponseTypes         []string `json:"response_types_supported"`                       //
	AuthMethods           []string `json:"token_endpoint_auth_methods_supported"`          // nil: client_secret_basic
	ChallengeMethods      []string `json:"code_challenge_methods_supported"`               // nil: PKCE is not said to be supported
	SendsIss              bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207 section 3
	RequiresPAR           bool     `json:"require_pushed_authorization_requests"`          // RFC 9126 section 5
}

// WellKnown are the addresses where the metadata of the profile's issuer can be, in the
// order in which they are asked: none if discovery is none.
func (p Profile) WellKnown() []string {
	u, err := url.Parse(p.Issuer)
	if err != nil {
		return nil
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	at := func(path string) string { return u.Scheme + "://" + u.Host + path }
	oidc := at(path + "/.well-known/openid-configuration")        // OpenID Connect Discovery section 4: behind the path
	oauth := at("/.well-known/oauth-authorization-server" + path) // RFC 8414 section 3.1: before it
	switch p.Discovery {
	case DiscoveryOIDC:
		return []string{oidc}
	case DiscoveryOAuth:
		return []string{oauth}
	case DiscoveryNone:
		return nil
	case DiscoveryMCP:
		inserted := at("/.well-known/openid-configuration" + path)
		return slices.Compact([]string{oauth, inserted, oidc})
	}
	return []string{oidc, oauth}
}

// With are the endpoints that count: those of the profile, and else those of the metadata.
func (e Endpoints) With(m Metadata) Endpoints {
	for _, each := range e.Discovered(m) {
		*each.own = each.Address
	}
	return e
}

// Discovered is an endpoint that the metadata has, and a profile leaves open.
type Discovered struct {
	Name    string // in the metadata
	Address string
	own     *string
}

// Discovered are the endpoints of the metadata that count, in the order of RFC 8414.
func (e *Endpoints) Discovered(m Metadata) []Discovered {
	return slices.DeleteFunc([]Discovered{
		{"authorization_endpoint", m.AuthorizationEndpoint, &e.Authorization}, {"token_endpoint", m.TokenEndpoint, &e.Token},
		{"device_authorization_endpoint", m.DeviceEndpoint, &e.Device}, {"revocation_endpoint", m.RevocationEndpoint, &e.Revocation},
		{"userinfo_endpoint", m.UserinfoEndpoint, &e.Userinfo}, {"jwks_uri", m.KeysURI, &e.Keys},
	}, func(d Discovered) bool { return d.Address == "" || *d.own != "" })
}
