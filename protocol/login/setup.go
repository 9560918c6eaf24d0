package login

import (
	"net/url"
	"strconv"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/jwt"
)

// platformURL is where an organization is set up for the use of API keys.
const platformURL = "https://platform.openai.com"

// successURL is where the browser goes after a login: the reference's address,
// but without the ID token, which would stay in the browser's history. Relative,
// so that it also holds where the port is forwarded. Our page looks at none of it.
func successURL(credential machine.Credential) string {
	identity, _ := jwt.Parse(credential.IDToken)   // it was read before it was saved
	access, _ := jwt.Parse(credential.AccessToken) // an opaque one has no plan
	organization := identity.Organization
	query := url.Values{
		"needs_setup":  {strconv.FormatBool(needsSetup(organization))},
		"org_id":       {organization.ID},
		"project_id":   {organization.ProjectID},
		"plan_type":    {access.PlanType},
		"platform_url": {platformURL},
	}
	return pathSuccess + "?" + query.Encode()
}

// needsSetup reports whether the person is the one who should set it up.
func needsSetup(organization jwt.Organization) bool {
	return organization.IsOwner && !organization.IsOnboarded
}
