package protocol

// RateLimitsResponse says how much of an account's limits is used. As in the
// reference, nulls are written.
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
