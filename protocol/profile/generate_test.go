package profile_test

import (
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

var (
	urls     = rapid.StringMatching(`https://[a-z]{1,8}\.example(:[1-9][0-9]{1,3})?(/[a-z0-9%]{0,1}[a-z0-9]{1,5}){0,3}/?`).Filter(func(s string) bool { return !hasPercent(s) })
	words    = rapid.StringMatching(`[a-z][a-z0-9_.:/-]{0,12}`)
	visible  = rapid.StringMatching(`[!-~]([ -~]{0,10}[!-~])?`)
	spans    = rapid.Map(rapid.Int64Range(1, int64(1000*time.Hour)), func(n int64) time.Duration { return max(time.Second, time.Duration(n)) })
	pointers = rapid.StringMatching(`(/([a-z:.]|~0|~1){0,6}){1,3}`)
	tables   = rapid.MapOfN(rapid.StringMatching(`x_[a-z]{1,6}`), rapid.StringMatching(`[ -z]{0,8}`), 0, 3)
)

func hasPercent(s string) bool { return slices.Contains([]byte(s), '%') }

func one[T any](of ...T) *rapid.Generator[T] { return rapid.SampledFrom(of) }

// profiles are all that a table can say.
var profiles = rapid.Custom(func(t *rapid.T) profile.Profile {
	address := func(label string) string {
		return rapid.OneOf(urls, rapid.Just("")).Draw(t, label)
	}
	p := profile.Profile{
		Name: rapid.StringMatching(`[a-z0-9_-]{1,12}`).Filter(func(s string) bool { return s != profile.CodexName }).Draw(t, "name"), DisplayName: visible.Draw(t, "display"),
		Issuer: urls.Draw(t, "issuer"), Discovery: one(profile.DiscoveryAuto, profile.DiscoveryOIDC, profile.DiscoveryOAuth, profile.DiscoveryMCP, profile.DiscoveryNone).Draw(t, "discovery"),
		Endpoints: profile.Endpoints{Authorization: address("authorization"), Token: address("token"), Device: address("device"), Revocation: address("revocation"), Userinfo: address("userinfo"), Keys: address("keys")},
		ClientID:  visible.Draw(t, "client"), AuthMethod: one(profile.AuthNone, profile.AuthBasic, profile.AuthPost).Draw(t, "method"),
		RequestEncoding: one(profile.Form, profile.JSON).Draw(t, "encoding"), ExchangeEncoding: one(profile.Form, profile.JSON).Draw(t, "exchange"),
		Scopes: rapid.SliceOfN(words, 0, 4).Draw(t, "scopes"), Resources: rapid.SliceOfN(urls, 0, 2).Draw(t, "resources"),
		AuthorizationParams: tables.Draw(t, "authorization params"), RefreshParams: tables.Draw(t, "refresh params"), RefreshSendsScope: rapid.Bool().Draw(t, "sends scope"),
		RedirectURI:   one("http://127.0.0.1:{port}/callback", "http://localhost:{port}", "http://[::1]:{port}/x/y").Draw(t, "redirect"),
		RedirectPorts: rapid.SliceOfN(rapid.IntRange(0, 65535), 1, 3).Draw(t, "ports"),
		DeviceFlow:    one(profile.DeviceAuto, profile.DeviceRFC8628, profile.DeviceCodex, profile.DeviceNone).Draw(t, "device flow"),
		IDToken:       one(profile.IDTokenAuto, profile.IDTokenRead, profile.IDTokenNone).Draw(t, "ID token"),
		SubjectClaim:  pointers.Draw(t, "subject"), EmailClaim: pointers.Draw(t, "email"),
		Expiry:          one([]profile.ExpirySource{profile.ExpiresIn}, []profile.ExpirySource{profile.ExpClaim}, []profile.ExpirySource{profile.ExpClaim, profile.ExpiresIn}).Draw(t, "expiry"),
		AssumedLifetime: spans.Draw(t, "lifetime"), RefreshBefore: spans.Draw(t, "before"), ReuseLeeway: spans.Draw(t, "leeway"),
		Rotation: one(profile.Rotating, profile.Static).Draw(t, "rotation"),
		Answers: profile.Answers{
			Rows: rowsOf(t), Standard: rapid.Bool().Draw(t, "standard"),
			Bare401: one(profile.Misconfigured, profile.Refused).Draw(t, "bare 401"), ErrorPointer: pointers.Draw(t, "pointer"),
		},
	}
	switch {
	case p.AuthMethod == profile.AuthNone:
	case rapid.Bool().Draw(t, "by a command"):
		p.Secret.Command = rapid.SliceOfN(rapid.StringN(0, 8, -1).Filter(func(s string) bool { return !slices.Contains([]byte(s), 0) }), 1, 3).Draw(t, "command")
	default:
		p.Secret.Env = rapid.StringMatching(`[A-Z_][A-Z0-9_]{0,8}`).Draw(t, "variable")
	}
	if p.Discovery == profile.DiscoveryNone {
		p.Endpoints.Token, p.Endpoints.Device = urls.Draw(t, "the token endpoint"), urls.Draw(t, "the device endpoint")
	}
	return p
})

var reasonWords = map[history.Reason]string{
	history.ReasonExpired: "expired", history.ReasonReused: "reused", history.ReasonRevoked: "revoked",
	history.ReasonInvalidGrant: "invalid_grant", history.ReasonUnexplained: "unexplained",
}

// rowsOf are rows in the order in which a table has them.
func rowsOf(t *rapid.T) (rows []profile.Row) {
	for _, meaning := range []profile.Meaning{profile.Refused, profile.Misconfigured, profile.LoginNeeded} {
		for range rapid.IntRange(0, 2).Draw(t, "rows") {
			row := profile.Row{Code: words.Draw(t, "code"), Meaning: meaning}
			if rapid.Bool().Draw(t, "with a status") {
				row.Status = rapid.IntRange(200, 599).Draw(t, "status")
			}
			if meaning == profile.Refused {
				row.Reason = rapid.SampledFrom(slices.Sorted(maps.Keys(reasonWords))).Draw(t, "reason")
			}
			isSame := func(other profile.Row) bool { return other.Status == row.Status && other.Code == row.Code }
			if !slices.ContainsFunc(rows, isSame) {
				rows = append(rows, row)
			}
		}
	}
	return rows
}

// tableOf is a profile as a table has it, each key written out.
func tableOf(p profile.Profile) map[string]any {
	table := map[string]any{
		"display_name": p.DisplayName, "issuer": p.Issuer, "discovery": string(p.Discovery), "client_id": p.ClientID,
		"token_endpoint_auth_method": string(p.AuthMethod), "request_encoding": string(p.RequestEncoding), "exchange_encoding": string(p.ExchangeEncoding),
		"scopes": p.Scopes, "resource": p.Resources, "authorization_params": p.AuthorizationParams, "refresh_params": p.RefreshParams,
		"refresh_send_scope": p.RefreshSendsScope, "redirect_uri": p.RedirectURI, "redirect_ports": p.RedirectPorts,
		"device_flow": string(p.DeviceFlow), "id_token": string(p.IDToken), "subject_claim": p.SubjectClaim, "email_claim": p.EmailClaim,
		"access_token_expiry": p.Expiry, "assumed_lifetime": p.AssumedLifetime.String(), "refresh_before": p.RefreshBefore.String(),
		"refresh_rotation": string(p.Rotation), "refresh_reuse_leeway": p.ReuseLeeway.String(),
		"standard_rows": p.Answers.Standard, "bare_401": string(p.Answers.Bare401), "error_pointer": p.Answers.ErrorPointer,
		"client_secret_command": p.Secret.Command, "client_secret_env": p.Secret.Env,
		"authorization_endpoint": p.Endpoints.Authorization, "token_endpoint": p.Endpoints.Token, "device_authorization_endpoint": p.Endpoints.Device,
		"revocation_endpoint": p.Endpoints.Revocation, "userinfo_endpoint": p.Endpoints.Userinfo, "jwks_uri": p.Endpoints.Keys,
	}
	for name, value := range table {
		if value == "" || name == "client_secret_command" && len(p.Secret.Command) == 0 {
			delete(table, name)
		}
	}
	for _, row := range p.Answers.Rows {
		name := map[profile.Meaning]string{profile.Refused: "refusals", profile.Misconfigured: "misconfigured", profile.LoginNeeded: "login_needed"}[row.Meaning]
		member := map[string]any{"error": row.Code}
		if row.Status != 0 {
			member["status"] = row.Status
		}
		if row.Reason != "" {
			member["reason"] = reasonWords[row.Reason]
		}
		rows, _ := table[name].([]map[string]any)
		table[name] = append(rows, member)
	}
	return table
}

// tableKeys are the keys of a table.
func tableKeys() []string {
	full := profile.Codex()
	full.Secret = profile.SecretSource{Command: []string{"c"}, Env: "E"}
	full.Endpoints.Userinfo, full.Endpoints.Keys = "u", "k"
	full.Answers.ErrorPointer = "/p"
	full.Answers.Rows = []profile.Row{{Meaning: profile.Refused}, {Meaning: profile.Misconfigured}, {Meaning: profile.LoginNeeded}}
	return slices.Sorted(maps.Keys(tableOf(full)))
}

// garbage is any value, with hidden in each text.
func garbage(depth int) *rapid.Generator[any] {
	texts := rapid.Map(rapid.StringN(0, 6, -1), func(s string) any { return s + hidden + s })
	leaves := []*rapid.Generator[any]{texts, rapid.Map(rapid.Int64(), func(n int64) any { return n }), rapid.Map(rapid.Bool(), func(b bool) any { return b })}
	if depth == 0 {
		return rapid.OneOf(leaves...)
	}
	list := rapid.Map(rapid.SliceOfN(texts, 0, 3), func(l []any) any { return l })
	table := rapid.Map(rapid.MapOfN(one("status", "error", "reason", "prompt", "scope"), garbage(depth-1), 0, 3), func(m map[string]any) any { return m })
	rows := rapid.Map(rapid.SliceOfN(rapid.MapOfN(one("status", "error", "reason", "why"), garbage(0), 0, 3), 1, 3), func(l []map[string]any) any { return l })
	return rapid.OneOf(append(leaves, list, table, rows)...)
}
