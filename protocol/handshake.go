package protocol

// ClientInfo is who speaks to the server.
type ClientInfo struct {
	Name    string  `json:"name"`
	Title   *string `json:"title,omitempty"` // for people
	Version string  `json:"version"`
}

// Capabilities are what a client says it can take.
type Capabilities struct {
	ExperimentalAPI           bool     `json:"experimentalApi,omitempty"`
	OptOutNotificationMethods []string `json:"optOutNotificationMethods,omitempty"`
}

// InitializeParams opens a conversation.
type InitializeParams struct {
	ClientInfo   ClientInfo   `json:"clientInfo"`
	Capabilities Capabilities `json:"capabilities,omitzero" schema:"nullable"`
}

// InitializeResponse says who answers.
type InitializeResponse struct {
	UserAgent      string `json:"userAgent"`
	CodexHome      string `json:"codexHome"` // absolute
	PlatformFamily string `json:"platformFamily"`
	PlatformOS     string `json:"platformOs"`
}

// ConfigWarningNotification says what of the configuration could not be used.
type ConfigWarningNotification struct {
	Summary string  `json:"summary"`
	Details *string `json:"details"`
	Path    string  `json:"path,omitempty"`
}
