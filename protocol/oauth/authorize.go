package oauth

import (
	"net/url"
	"strings"

	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// scope is what a login asks for (RFC 6749 section 3.3). offline_access is what
// makes the issuer give a refresh token.
const scope = "openid profile email offline_access api.connectors.read api.connectors.invoke"

// Authorization is one request to a person's browser (RFC 6749 section 4.1.1).
type Authorization struct {
	RedirectURI string
	State       secret.Token
	Verifier    secret.Token // only its challenge is sent
	Workspaces  []string     // accounts that the login is restricted to; none for no restriction
}

// MayLogIn is an [*UnreachableError] if logins go to another machine over plain HTTP:
// a person's password would travel in the clear, and the code after it.
func (c *Client) MayLogIn() error {
	issuer, err := url.Parse(c.options.LoginIssuer)
	if err == nil && !c.options.Rules.Permit(issuer) {
		return &UnreachableError{Problem: evidence.ProblemPlainHTTP}
	}
	return nil
}

// AuthorizeURL is the address to open in a browser. It holds the state, so it
// is for the client that asked for the login and not for a log. Members come in
// the reference's order, with a blank as +.
func (c *Client) AuthorizeURL(request Authorization) string {
	query := []struct{ name, value string }{
		{"response_type", "code"},
		{"client_id", c.options.LoginClientID},
		{"redirect_uri", request.RedirectURI},
		{"scope", scope},
		{"code_challenge", Challenge(request.Verifier)},
		{"code_challenge_method", "S256"},
		{"id_token_add_organizations", "true"},
		{"codex_cli_simplified_flow", "true"},
		{"state", request.State.Reveal()},
		{"originator", c.Originator()},
		{"allowed_workspace_id", strings.Join(request.Workspaces, ",")},
	}
	if len(request.Workspaces) == 0 {
		query = query[:len(query)-1]
	}
	members := make([]string, len(query))
	for i, each := range query {
		members[i] = each.name + "=" + url.QueryEscape(each.value)
	}
	return c.options.LoginIssuer + "/oauth/authorize?" + strings.Join(members, "&")
}
