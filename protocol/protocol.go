// Package protocol has the method names and the types of the account methods of Codex's
// app-server protocol, version 0.171.0. It has no logic and imports nothing of ours.
//
// The types describe the JSON on the wire, and protocol/schema publishes them:
//
//   - omitempty or omitzero marks a member that may be left out;
//   - a pointer, a slice, a map or an interface may be null, as in encoding/json, and so
//     may a member with the tag schema:"nullable";
//   - a tag schema:"Name" names a set of words or a union of protocol/schema,
//     schema:"null" marks a member that never has a value, and schema:"date-time" an
//     RFC 3339 time.
package protocol

// Requests of the client.
const (
	Initialize     = "initialize"
	GetAuthStatus  = "getAuthStatus"
	AccountRead    = "account/read"
	LoginStart     = "account/login/start"
	LoginCancel    = "account/login/cancel"
	AccountLogout  = "account/logout"
	RateLimitsRead = "account/rateLimits/read"
	HealthRead     = "account/health/read"
)

// Notifications of the client.
const (
	Initialized = "initialized" // optional, and nothing waits for it
)

// Requests of the server.
const (
	ExternalRefresh = "account/chatgptAuthTokens/refresh"
)

// Notifications of the server.
const (
	ConfigWarning  = "configWarning"
	LoginCompleted = "account/login/completed"
	AccountUpdated = "account/updated"
	HealthUpdated  = "account/health/updated"
)

// ClientInfo names the client.
type ClientInfo struct {
	Name    string  `json:"name"`
	Title   *string `json:"title,omitempty"` // for people
	Version string  `json:"version"`
}

// Capabilities are what a client supports.
type Capabilities struct {
	ExperimentalAPI           bool     `json:"experimentalApi,omitempty"`
	OptOutNotificationMethods []string `json:"optOutNotificationMethods,omitempty"`
}

// InitializeParams begin a conversation.
type InitializeParams struct {
	ClientInfo   ClientInfo   `json:"clientInfo"`
	Capabilities Capabilities `json:"capabilities,omitzero" schema:"nullable"`
}

// InitializeResponse describes the server.
type InitializeResponse struct {
	UserAgent      string `json:"userAgent"`
	CodexHome      string `json:"codexHome"` // absolute
	PlatformFamily string `json:"platformFamily"`
	PlatformOS     string `json:"platformOs"`
}

// ConfigWarningNotification reports a part of the configuration that cannot be used.
type ConfigWarningNotification struct {
	Summary string  `json:"summary"`
	Details *string `json:"details"`
	Path    string  `json:"path,omitempty"`
}
