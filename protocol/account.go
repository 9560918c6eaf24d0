package protocol

// GetAuthStatusParams is the poll's question.
type GetAuthStatusParams struct {
	IncludeToken *bool `json:"includeToken,omitempty"`
	RefreshToken *bool `json:"refreshToken,omitempty"` // refresh before answering
}

// GetAuthStatusResponse is the poll's answer: nulls are written, not left out.
type GetAuthStatusResponse struct {
	AuthMethod         *string `json:"authMethod" schema:"AuthMode"`
	AuthToken          *string `json:"authToken"`
	RequiresOpenaiAuth bool    `json:"requiresOpenaiAuth"`
}

// The modes of a login: what AuthMethod and AuthMode say.
const (
	ModeAPIKey         = "apikey"
	ModeChatGPT        = "chatgpt"
	ModeExternalTokens = "chatgptAuthTokens"
)

// AccountReadParams asks who is logged in.
type AccountReadParams struct {
	RefreshToken bool `json:"refreshToken,omitempty"` // refresh before answering
}

// AccountReadResponse describes who is logged in.
type AccountReadResponse struct {
	Account            any     `json:"account" schema:"Account"` // APIKeyAccount, ChatGPTAccount or nil
	RequiresOpenaiAuth bool    `json:"requiresOpenaiAuth"`
	UserID             *string `json:"userId"`
	WorkspaceRouting   any     `json:"workspaceRouting" schema:"null"` // this server looks nothing up
}

// The types of an account.
const (
	AccountAPIKey  = "apiKey"
	AccountChatGPT = "chatgpt"
)

// APIKeyAccount is somebody with a key.
type APIKeyAccount struct {
	Type string `json:"type"` // AccountAPIKey
}

// ChatGPTAccount is somebody with tokens.
type ChatGPTAccount struct {
	Type     string  `json:"type"` // AccountChatGPT
	Email    *string `json:"email"`
	PlanType string  `json:"planType" schema:"PlanType"`
}

// PlanUnknown stands for a plan that the protocol has no name for.
const PlanUnknown = "unknown"

// PlanTypes lists the plans that the protocol has a name for.
func PlanTypes() []string {
	return []string{
		"free", "go", "plus", "pro", "prolite", "promax", "team",
		"self_serve_business_prolite", "self_serve_business_usage_based", "business",
		"ent26", "enterprise_cbp_automation", "enterprise_cbp_usage_based", "enterprise",
		"edu", "edu_plus", "edu_pro", "sci", "sci_plus", PlanUnknown,
	}
}

// LogoutResponse is empty.
type LogoutResponse struct{}

// AccountUpdatedNotification follows every change of the login.
type AccountUpdatedNotification struct {
	AuthMode *string `json:"authMode" schema:"AuthMode"`
	PlanType *string `json:"planType" schema:"PlanType"`
	Reason   any     `json:"reason" schema:"null"` // the reference has one for what this server does not do: look workspaces up
}
