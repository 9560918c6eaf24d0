package scripted

import (
	"encoding/json"
	"net/http"
	"strings"
)

// serve answers a request for a host of this service.
func (s *Service) serve(w http.ResponseWriter, r *http.Request, host string) {
	call := callOf(r, host)
	record := s.arrive(r, call, host)
	reply := func(status int, body any) {
		s.decide(record, status)
		writeJSON(w, status, body)
	}
	switch {
	case call == OAuth:
		s.Issuer.ServeHTTP(&decided{w, func(status int) { s.decide(record, status) }}, r)
	case strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		reply(http.StatusUpgradeRequired, problem("no WebSockets here")) // a codex goes on over HTTP
	case call == Other:
		reply(http.StatusNotFound, map[string]string{"detail": "Not Found"})
	case !s.accepts(bearerOf(r), host):
		reply(http.StatusUnauthorized, problem("this bearer is not accepted"))
	case call == Turn:
		s.turn(w, r, record)
	case call == Models:
		reply(http.StatusOK, map[string]any{"models": []any{}})
	case call == AccountCheck:
		reply(http.StatusOK, accountCheck(record.Account))
	case call == Usage:
		reply(http.StatusOK, usage(s.now().Unix()))
	}
}

func callOf(r *http.Request, host string) Call {
	path := r.URL.Path
	switch {
	case isIssuer(host, path):
		return OAuth
	case strings.HasSuffix(path, "/responses"):
		if r.Method != http.MethodPost {
			return Other // the upgrade to a WebSocket
		}
		return Turn
	case strings.HasSuffix(path, "/models"):
		return Models
	case strings.HasSuffix(path, "/wham/accounts/check"):
		return AccountCheck
	case strings.HasSuffix(path, "/usage"):
		return Usage
	}
	return Other
}

// accountCheck says that an account may use the model from everywhere. A codex demands the
// two origins.
func accountCheck(account string) any {
	const everywhere = "NO_CONSTRAINT"
	return map[string]any{
		"accounts": []any{map[string]any{
			"id": account, "plan_type": plan, "name": "Workspace", "structure": "workspace",
			"workspace_backend_origin": everywhere, "account_routing_override": everywhere,
		}},
		"account_ordering": []string{account}, "default_account_id": account,
	}
}

// usage is a plan of whose limit little is used, at a time in seconds since 1970.
func usage(now int64) any {
	const windowSeconds, leftSeconds = 5 * 3600, 3600
	return map[string]any{"plan_type": plan, "rate_limit": map[string]any{
		"allowed": true, "limit_reached": false, "secondary_window": nil,
		"primary_window": map[string]any{
			"used_percent": 5, "limit_window_seconds": windowSeconds, "reset_after_seconds": leftSeconds, "reset_at": now + leftSeconds,
		},
	}}
}

const plan = "plus"

func problem(message string) any {
	return map[string]any{"error": map[string]string{"message": message}}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body) // a client that has gone is no concern of a server
}

// decided learns the status of an answer.
type decided struct {
	http.ResponseWriter
	decide func(status int)
}

func (d *decided) WriteHeader(status int) {
	d.decide(status)
	d.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (d *decided) Unwrap() http.ResponseWriter { return d.ResponseWriter }
