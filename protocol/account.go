package protocol

// GetAuthStatusParams are the parameters of getAuthStatus, which clients poll.
type GetAuthStatusParams struct {
	IncludeToken *bool `json:"includeToken,omitempty"`
	RefreshToken *bool `json:"refreshToken,omitempty"` // refresh before answering
}

// GetAuthStatusResponse answers getAuthStatus. Nulls are written, not left out.
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

// AccountReadParams are the parameters of account/read.
type AccountReadParams struct {
	RefreshToken bool `json:"refreshToken,omitempty"` // refresh before answering
}

// AccountReadResponse describes the account that is logged in.
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

// APIKeyAccount is a login with an API key.
type APIKeyAccount struct {
	Type string `json:"type"` // AccountAPIKey
}

// ChatGPTAccount is a login with tokens.
type ChatGPTAccount struct {
	Type     string  `json:"type"` // AccountChatGPT
	Email    *string `json:"email"`
	PlanType string  `json:"planType" schema:"PlanType"`
}

// PlanUnknown is the plan that has no name in the protocol.
const PlanUnknown = "unknown"

// PlanTypes lists the plans that have a name in the protocol.
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
	Reason   any     `json:"reason" schema:"null"` // Codex has one for looking workspaces up, which this server does not do
}

// HealthReadResponse is the health of the login, for programs that watch it. Codex has no
// such method. It holds no secret.
type HealthReadResponse struct {
	State           string  `json:"state" schema:"HealthState"`
	Reason          *string `json:"reason"`                   // why it is in that state; nil if that needs no reason
	Since           *string `json:"since" schema:"date-time"` // when the state was entered
	Fingerprint     *string `json:"fingerprint"`              // names the credential
	AccessExpiresAt *string `json:"accessExpiresAt" schema:"date-time"`
	LastAttemptAt   *string `json:"lastAttemptAt" schema:"date-time"` // of a refresh
	NextAttemptAt   *string `json:"nextAttemptAt" schema:"date-time"` // not before then
	Unsaved         bool    `json:"unsaved"`                          // the tokens are in memory only: the store failed
	InDoubt         bool    `json:"inDoubt"`                          // a refresh ended without an outcome
	Action          string  `json:"action" schema:"HealthAction"`
}

// HealthUpdatedNotification is the new health, sent on every change.
type HealthUpdatedNotification HealthReadResponse

// The states of a login.
const (
	StateNoAuth   = "NoAuth"
	StateAPIKey   = "ApiKey"
	StateFresh    = "Fresh"
	StateStale    = "Stale"
	StatePoisoned = "Poisoned"
)

// What the user has to do about a login.
const (
	ActionNone     = "none"
	ActionWait     = "wait"     // the server tries again by itself
	ActionLogin    = "login"    // the user has to log in
	ActionOperator = "operator" // the store or the network of this machine needs attention
)

// RateLimitsResponse says how much of an account's limits is used. As in Codex, nulls are
// written.
type RateLimitsResponse struct {
	OrdinaryUsageAllowed *bool                        `json:"ordinaryUsageAllowed"` // nil if it is not known
	RateLimits           RateLimitSnapshot            `json:"rateLimits"`
	ByLimitID            map[string]RateLimitSnapshot `json:"rateLimitsByLimitId"`
	ResetCredits         *RateLimitResetCredits       `json:"rateLimitResetCredits"`
	AccountID            *string                      `json:"accountId"`
	RateLimitUpsell      any                          `json:"rateLimitUpsell" schema:"null"` // this server sells nothing
}

// RateLimitSnapshot is one limit and what is used of it.
type RateLimitSnapshot struct {
	LimitID         *string          `json:"limitId"`
	LimitName       *string          `json:"limitName"`
	NormalModelSlug *string          `json:"normalModelSlug"` // the model that the limit stands in for
	Primary         *RateLimitWindow `json:"primary"`         // the shorter window
	Secondary       *RateLimitWindow `json:"secondary"`
	Credits         *Credits         `json:"credits"`
	IndividualLimit *SpendLimit      `json:"individualLimit"`
	SpendReached    *bool            `json:"spendControlReached"`
	PlanType        *string          `json:"planType" schema:"PlanType"`
	ReachedType     *string          `json:"rateLimitReachedType" schema:"RateLimitReachedType"`
}

// RateLimitWindow is a span of time in which use is counted.
type RateLimitWindow struct {
	UsedPercent        int32  `json:"usedPercent"`
	WindowDurationMins *int64 `json:"windowDurationMins"`
	ResetsAt           *int64 `json:"resetsAt"` // Unix time, in seconds
}

// Credits are what an account may use beyond its plan.
type Credits struct {
	HasCredits bool    `json:"hasCredits"`
	Unlimited  bool    `json:"unlimited"`
	Balance    *string `json:"balance"` // a decimal number
}

// SpendLimit is what one member of a workspace may spend.
type SpendLimit struct {
	Limit            string `json:"limit"` // a decimal number
	Used             string `json:"used"`  // a decimal number
	RemainingPercent int32  `json:"remainingPercent"`
	ResetsAt         int64  `json:"resetsAt"` // Unix time, in seconds
}

// RateLimitResetCredits says how often the account may reset its limits.
type RateLimitResetCredits struct {
	AvailableCount int64 `json:"availableCount"`
	Credits        any   `json:"credits" schema:"null"` // they cost a request of their own, which this server does not make
}

// Which limit is reached.
const (
	ReachedRateLimit            = "rate_limit_reached"
	ReachedOwnerCredits         = "workspace_owner_credits_depleted"
	ReachedMemberCredits        = "workspace_member_credits_depleted"
	ReachedOwnerWorkspaceUsage  = "workspace_owner_usage_limit_reached"
	ReachedMemberWorkspaceUsage = "workspace_member_usage_limit_reached"
)
