package chatgpt

import (
	"encoding/json"
	"math"
	"slices"

	"github.com/bezoar-auth/bezoar/protocol"
)

// usage is the backend's answer, as far as the protocol has members for it.
type usage struct {
	AccountID    *string       `json:"account_id"`
	UserID       *string       `json:"user_id"`
	PlanType     *string       `json:"plan_type"` // always there: an answer without it is none
	RateLimit    *rateLimit    `json:"rate_limit"`
	Additional   []additional  `json:"additional_rate_limits"`
	Credits      *credits      `json:"credits"`
	SpendControl *spendControl `json:"spend_control"`
	ReachedType  *reachedType  `json:"rate_limit_reached_type"`
	ResetCredits *struct {
		AvailableCount int64 `json:"available_count"`
	} `json:"rate_limit_reset_credits"`
}

// rateLimit is a limit with up to two windows.
type rateLimit struct {
	Allowed   *bool   `json:"allowed"`
	Primary   *window `json:"primary_window"`
	Secondary *window `json:"secondary_window"`
}

type window struct {
	UsedPercent   float64 `json:"used_percent"`
	WindowSeconds int64   `json:"limit_window_seconds"`
	ResetAt       *int64  `json:"reset_at"` // Unix time, in seconds
}

// additional is a limit on one feature.
type additional struct {
	Feature         string     `json:"metered_feature"` // its id
	Name            *string    `json:"limit_name"`
	NormalModelSlug *string    `json:"normal_model_slug"`
	RateLimit       *rateLimit `json:"rate_limit"`
}

type credits struct {
	HasCredits bool    `json:"has_credits"`
	Unlimited  bool    `json:"unlimited"`
	Balance    *string `json:"balance"`
}

type spendControl struct {
	Reached *bool `json:"reached"`
	Limit   *struct {
		Limit            string  `json:"limit"`
		Used             string  `json:"used"`
		RemainingPercent float64 `json:"remaining_percent"`
		ResetAt          int64   `json:"reset_at"`
	} `json:"individual_limit"`
}

type reachedType struct {
	Type string `json:"type"`
}

// decode reads an answer, or returns ErrUnreadable, which repeats nothing of the answer.
func decode(body []byte) (usage, error) {
	var decoded usage
	if json.Unmarshal(body, &decoded) != nil || decoded.PlanType == nil {
		return usage{}, ErrUnreadable
	}
	return decoded, nil
}

// mainLimit is the id of the limit that every account has.
const mainLimit = "codex"

// limits translates the answer into the types of the protocol.
func (u usage) limits(login Login) protocol.RateLimitsResponse {
	plan := PlanName(*u.PlanType)
	main := snapshot(mainLimit, u.RateLimit, plan)
	main.Credits = u.Credits.orNil()
	main.SpendReached, main.IndividualLimit = u.SpendControl.split()
	main.ReachedType = u.ReachedType.orNil()

	response := protocol.RateLimitsResponse{
		RateLimits: main,
		ByLimitID:  map[string]protocol.RateLimitSnapshot{mainLimit: main},
		AccountID:  u.AccountID,
	}
	if u.ResetCredits != nil {
		response.ResetCredits = &protocol.RateLimitResetCredits{AvailableCount: u.ResetCredits.AvailableCount}
	}
	if u.concerns(login) && u.RateLimit != nil {
		response.OrdinaryUsageAllowed = u.RateLimit.Allowed
	}
	for _, each := range u.Additional {
		if _, known := response.ByLimitID[each.Feature]; known || each.Feature == "" {
			continue // the main limit stays what rateLimits shows
		}
		limit := snapshot(each.Feature, each.RateLimit, plan)
		limit.LimitName, limit.NormalModelSlug = each.Name, each.NormalModelSlug
		response.ByLimitID[each.Feature] = limit
	}
	return response
}

// concerns reports whether the answer is about login. As in Codex, ordinary usage is not
// reported for an account that is not certainly this one.
func (u usage) concerns(login Login) bool {
	return u.AccountID != nil && *u.AccountID == login.AccountID &&
		u.UserID != nil && *u.UserID == login.UserID
}

func snapshot(id string, limit *rateLimit, plan string) protocol.RateLimitSnapshot {
	s := protocol.RateLimitSnapshot{LimitID: &id, PlanType: &plan}
	if limit != nil {
		s.Primary, s.Secondary = limit.Primary.orNil(), limit.Secondary.orNil()
	}
	return s
}

func (w *window) orNil() *protocol.RateLimitWindow {
	if w == nil {
		return nil
	}
	converted := &protocol.RateLimitWindow{UsedPercent: wholePercent(w.UsedPercent), ResetsAt: w.ResetAt}
	if w.WindowSeconds > 0 {
		minutes := (w.WindowSeconds-1)/60 + 1 // rounded up
		converted.WindowDurationMins = &minutes
	}
	return converted
}

func (c *credits) orNil() *protocol.Credits {
	if c == nil {
		return nil
	}
	return &protocol.Credits{HasCredits: c.HasCredits, Unlimited: c.Unlimited, Balance: c.Balance}
}

func (c *spendControl) split() (reached *bool, limit *protocol.SpendLimit) {
	if c == nil {
		return nil, nil
	}
	if c.Limit == nil {
		return c.Reached, nil
	}
	return c.Reached, &protocol.SpendLimit{
		Limit:            c.Limit.Limit,
		Used:             c.Limit.Used,
		RemainingPercent: wholePercent(c.Limit.RemainingPercent),
		ResetsAt:         c.Limit.ResetAt,
	}
}

// orNil is the protocol's word for the limit that is reached, nil for an unknown one.
func (r *reachedType) orNil() *string {
	if r == nil {
		return nil
	}
	switch r.Type {
	case protocol.ReachedRateLimit, protocol.ReachedOwnerCredits, protocol.ReachedMemberCredits,
		protocol.ReachedOwnerWorkspaceUsage, protocol.ReachedMemberWorkspaceUsage:
		return &r.Type
	}
	return nil
}

// wholePercent rounds: the backend may count in fractions, the protocol does not.
func wholePercent(percent float64) int32 {
	return int32(max(math.MinInt32, min(math.MaxInt32, math.Round(percent))))
}

// PlanName is the protocol's name for a plan that the issuer or the backend names,
// as Codex translates it: "unknown" for one that the protocol has no name for.
func PlanName(name string) string {
	switch name {
	case "hc":
		return "enterprise"
	case "education":
		return "edu"
	}
	if slices.Contains(protocol.PlanTypes(), name) {
		return name
	}
	return protocol.PlanUnknown
}
