package chatgpt

import "github.com/bezoar-auth/bezoar/machine/jwt"

// The namespaces of the private claims in OpenAI's tokens.
const (
	authNamespace    = "https://api.openai.com/auth"
	profileNamespace = "https://api.openai.com/profile"
)

// Claims is where OpenAI's tokens say whose they are.
var Claims = jwt.Paths{
	Email:          []jwt.Path{{profileNamespace, "email"}},
	PlanType:       []jwt.Path{{authNamespace, "chatgpt_plan_type"}},
	UserID:         []jwt.Path{{authNamespace, "chatgpt_user_id"}, {authNamespace, "user_id"}},
	AccountID:      []jwt.Path{{authNamespace, "chatgpt_account_id"}},
	OrganizationID: []jwt.Path{{authNamespace, "organization_id"}},
	ProjectID:      []jwt.Path{{authNamespace, "project_id"}},
	IsOnboarded:    []jwt.Path{{authNamespace, "completed_platform_onboarding"}},
	IsOwner:        []jwt.Path{{authNamespace, "is_org_owner"}},
}
