package config

import (
	"net/url"

	"github.com/bezoar-auth/bezoar/protocol/outbound"
)

// warnOfPlainHTTP warns of addresses that no call is made to, because they are plain
// HTTP to another machine. It gives one warning for each setting.
func (c *Config) warnOfPlainHTTP(document string) {
	rules := outbound.Rules{AllowPlainHTTP: c.AllowPlainHTTP}
	for _, each := range []struct{ what, address, path string }{
		{"of the token endpoint (BEZOAR_REFRESH_TOKEN_URL_OVERRIDE)", c.TokenURL, ""},
		{"of the login issuer (BEZOAR_LOGIN_ISSUER)", c.Issuer, ""},
		{"of the revocation endpoint (BEZOAR_REVOKE_TOKEN_URL_OVERRIDE)", c.RevocationURL, ""},
		{"in chatgpt_base_url", c.ChatGPTBaseURL, document},
	} {
		if address, err := url.Parse(each.address); err == nil && !rules.Permit(address) {
			c.Warnings = append(c.Warnings, Warning{
				Summary: "The address " + each.what + " is refused: it is plain HTTP to another machine",
				Details: "Tokens would travel where others can read them, so nothing is sent there. Use https. If the network in between is trusted, set " +
					outbound.AllowPlainHTTPVariable + "=1.",
				Path: each.path,
			})
		}
	}
}
