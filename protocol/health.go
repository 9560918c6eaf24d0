package protocol

// HealthReadResponse says how the login fares, for programs that watch it. The
// reference has nothing like it. It holds no secret.
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

// HealthUpdatedNotification is a HealthReadResponse, sent when it changes.
type HealthUpdatedNotification HealthReadResponse

// The states of a login.
const (
	StateNoAuth   = "NoAuth"
	StateAPIKey   = "ApiKey"
	StateFresh    = "Fresh"
	StateStale    = "Stale"
	StatePoisoned = "Poisoned"
)

// What somebody has to do about a login.
const (
	ActionNone     = "none"
	ActionWait     = "wait"     // the server tries again by itself
	ActionLogin    = "login"    // the user has to log in
	ActionOperator = "operator" // the store or the network of this machine needs somebody
)
