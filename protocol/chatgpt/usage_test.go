package chatgpt

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/schema/schematest"
)

// converted is an answer of the backend as the protocol tells it.
func converted(t *testing.T, body string) string {
	t.Helper()
	said, err := decode([]byte(body))
	require.NoError(t, err)
	written, err := json.Marshal(said.limits(login))
	require.NoError(t, err)
	schematest.Type(t, "GetAccountRateLimitsResponse", written)
	return string(written)
}

// The body of the conformance scenario rate_limits_ok.
func TestMainLimitIsConverted(t *testing.T) {
	const snapshot = `{"limitId":"codex","limitName":null,"normalModelSlug":null,
		"primary":{"usedPercent":42,"windowDurationMins":60,"resetsAt":1735689720},
		"secondary":{"usedPercent":5,"windowDurationMins":1440,"resetsAt":1735693200},
		"credits":null,"individualLimit":null,"spendControlReached":null,"planType":"pro","rateLimitReachedType":null}`
	require.JSONEq(t, `{"ordinaryUsageAllowed":null,"rateLimits":`+snapshot+`,"rateLimitsByLimitId":{"codex":`+snapshot+`},
		"rateLimitResetCredits":null,"accountId":null,"rateLimitUpsell":null}`,
		converted(t, `{"plan_type":"pro","rate_limit":{"allowed":true,"limit_reached":false,
			"primary_window":{"used_percent":42,"limit_window_seconds":3600,"reset_after_seconds":120,"reset_at":1735689720},
			"secondary_window":{"used_percent":5,"limit_window_seconds":86400,"reset_after_seconds":43200,"reset_at":1735693200}},
			"additional_rate_limits":[]}`))
}

func TestUsageIsConvertedMemberByMember(t *testing.T) {
	const main = `{"limitId":"codex","limitName":null,"normalModelSlug":null,"primary":null,"secondary":null,
		"credits":{"hasCredits":true,"unlimited":false,"balance":"9.99"},
		"individualLimit":{"limit":"100","used":"25.50","remainingPercent":74,"resetsAt":1735689720},
		"spendControlReached":false,"planType":"edu","rateLimitReachedType":"workspace_member_credits_depleted"}`
	const other = `{"limitId":"codex_other","limitName":"Other","normalModelSlug":"model",
		"primary":{"usedPercent":70,"windowDurationMins":15,"resetsAt":789},"secondary":null,
		"credits":null,"individualLimit":null,"spendControlReached":null,"planType":"edu","rateLimitReachedType":null}`
	require.JSONEq(t, `{"ordinaryUsageAllowed":false,"rateLimits":`+main+`,"rateLimitsByLimitId":{"codex":`+main+`,"codex_other":`+other+`},
		"rateLimitResetCredits":{"availableCount":3,"credits":null},"accountId":"acct_123","rateLimitUpsell":null}`,
		converted(t, `{"plan_type":"education","account_id":"acct_123","user_id":"user_1","email":"u@example.com",
			"rate_limit":{"allowed":false,"limit_reached":true,"primary_window":null},
			"credits":{"has_credits":true,"unlimited":false,"balance":"9.99","approx_local_messages":[1,2]},
			"spend_control":{"reached":false,"individual_limit":{"limit":"100","used":"25.50","remaining":"74.50","used_percent":26,"remaining_percent":74.4,"reset_at":1735689720}},
			"rate_limit_reached_type":{"type":"workspace_member_credits_depleted"},
			"rate_limit_reset_credits":{"available_count":3},"rate_limit_upsell":{"banner_type":"x"},
			"additional_rate_limits":[
				{"limit_name":"Other","metered_feature":"codex_other","normal_model_slug":"model","rate_limit":{"allowed":true,"primary_window":{"used_percent":69.5,"limit_window_seconds":899,"reset_at":789}}},
				{"limit_name":"again","metered_feature":"codex_other"},
				{"limit_name":"no id"},
				{"limit_name":"not the main one","metered_feature":"codex"}]}`))
}

func TestUnknownWordsOfTheBackendAreDropped(t *testing.T) {
	said, err := decode([]byte(`{"plan_type":"guest","rate_limit_reached_type":{"type":"new"},
		"rate_limit":{"primary_window":{"used_percent":1e300,"limit_window_seconds":0,"reset_at":null}}}`))
	require.NoError(t, err)
	main := said.limits(login).RateLimits
	require.Equal(t, "unknown", *main.PlanType)
	require.Nil(t, main.ReachedType)
	require.Equal(t, int32(2147483647), main.Primary.UsedPercent)
	require.Nil(t, main.Primary.WindowDurationMins)
	require.Nil(t, main.Primary.ResetsAt)
}

func TestAnotherAccountIsAllowedNothing(t *testing.T) {
	for name, body := range map[string]string{
		"another account": `{"plan_type":"pro","account_id":"acct_9","user_id":"user_1","rate_limit":{"allowed":true}}`,
		"another user":    `{"plan_type":"pro","account_id":"acct_123","user_id":"user_9","rate_limit":{"allowed":true}}`,
		"no account":      `{"plan_type":"pro","user_id":"user_1","rate_limit":{"allowed":true}}`,
		"no user":         `{"plan_type":"pro","account_id":"acct_123","rate_limit":{"allowed":true}}`,
	} {
		said, err := decode([]byte(body))
		require.NoError(t, err)
		require.Nil(t, said.limits(login).OrdinaryUsageAllowed, name)
	}
}

// Whatever the backend sends: no panic, and what is accepted comes out in the
// protocol's form, with the main limit in both places.
func FuzzWhateverTheBackendSaysTheAnswerIsSound(f *testing.F) {
	f.Add([]byte(`{"plan_type":"pro","rate_limit":{"primary_window":{"used_percent":42,"limit_window_seconds":9223372036854775807,"reset_at":1}}}`))
	f.Add([]byte(`{"plan_type":"x","additional_rate_limits":[{"metered_feature":"a"},{"metered_feature":"codex"}],"credits":{},"spend_control":{"individual_limit":{}},"rate_limit_reached_type":{}}`))
	f.Add([]byte(`{"plan_type":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		said, err := decode(body)
		if err != nil {
			require.Equal(t, ErrUnreadable, err)
			return
		}
		limits := said.limits(login)
		require.Equal(t, limits.RateLimits, limits.ByLimitID["codex"])
		for _, limit := range limits.ByLimitID {
			for _, window := range []*int64{minutes(limit.Primary), minutes(limit.Secondary)} {
				require.True(t, window == nil || *window > 0)
			}
		}
		written, err := json.Marshal(limits)
		require.NoError(t, err)
		schematest.Type(t, "GetAccountRateLimitsResponse", written)
	})
}

func minutes(window *protocol.RateLimitWindow) *int64 {
	if window == nil {
		return nil
	}
	return window.WindowDurationMins
}

// TestPlanNamesAreThoseOfTheProtocol holds the names that are passed on to the
// ones that the schema publishes.
func TestPlanNamesAreThoseOfTheProtocol(t *testing.T) {
	for _, name := range protocol.PlanTypes() {
		require.Equal(t, name, PlanName(name))
	}
	for claim, name := range map[string]string{
		"hc": "enterprise", "education": "edu", "": "unknown", "gold": "unknown", "Plus": "unknown",
	} {
		require.Equal(t, name, PlanName(claim), claim)
	}
}
