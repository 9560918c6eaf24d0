package protocol

// The types of a login: what Type says in the parameters and the answers.
const (
	LoginAPIKey         = "apiKey"
	LoginChatGPT        = "chatgpt"           // in a browser
	LoginDeviceCode     = "chatgptDeviceCode" // with a code, on another device
	LoginExternalTokens = "chatgptAuthTokens" // the client has tokens and refreshes them
)

// APIKeyLoginParams logs in with a key. A program that prints what it decoded
// keeps the key in a secret.Token and not in here.
type APIKeyLoginParams struct {
	Type   string `json:"type"` // LoginAPIKey
	APIKey string `json:"apiKey"`
}

// ChatGPTLoginParams starts a login in a browser. This server accepts
// Codex's members about pages and has only one kind of page.
type ChatGPTLoginParams struct {
	Type                      string  `json:"type"` // LoginChatGPT
	CodexStreamlinedLogin     bool    `json:"codexStreamlinedLogin,omitempty"`
	UseHostedLoginSuccessPage bool    `json:"useHostedLoginSuccessPage,omitempty"`
	AppBrand                  *string `json:"appBrand,omitempty" schema:"LoginAppBrand"`
}

// DeviceCodeLoginParams starts a device authorization (RFC 8628).
type DeviceCodeLoginParams struct {
	Type string `json:"type"` // LoginDeviceCode
}

// ExternalTokensLoginParams hands over tokens that the client obtained itself. A program
// that prints what it decoded keeps the token in a secret.Token.
type ExternalTokensLoginParams struct {
	Type             string  `json:"type"` // LoginExternalTokens
	AccessToken      string  `json:"accessToken"`
	ChatGPTAccountID string  `json:"chatgptAccountId"`
	ChatGPTPlanType  *string `json:"chatgptPlanType,omitempty"` // else the token's claim counts
}

// LoginResponse answers a login that needs nothing further.
type LoginResponse struct {
	Type string `json:"type"` // LoginAPIKey or LoginExternalTokens
}

// ChatGPTLoginResponse has the address to open in the browser.
type ChatGPTLoginResponse struct {
	Type    string `json:"type"`    // LoginChatGPT
	LoginID string `json:"loginId"` // a UUID (RFC 9562)
	AuthURL string `json:"authUrl"`
}

// DeviceCodeLoginResponse has the code to enter, and the address to enter it at (RFC 8628
// section 3.2).
type DeviceCodeLoginResponse struct {
	Type            string `json:"type"`    // LoginDeviceCode
	LoginID         string `json:"loginId"` // a UUID (RFC 9562)
	UserCode        string `json:"userCode"`
	VerificationURL string `json:"verificationUrl"`
}

// LoginCancelParams names the login to interrupt.
type LoginCancelParams struct {
	LoginID string `json:"loginId"`
}

// LoginCancelResponse says whether there was a login to cancel.
type LoginCancelResponse struct {
	Status string `json:"status" schema:"CancelLoginAccountStatus"`
}

// The outcomes of a cancel.
const (
	CancelCanceled = "canceled"
	CancelNotFound = "notFound"
)

// LoginCompletedNotification ends every login that was started.
type LoginCompletedNotification struct {
	LoginID              *string `json:"loginId"` // nil for a login that was over at once
	Success              bool    `json:"success"`
	Error                *string `json:"error"`
	OnboardingEntrypoint *string `json:"onboardingEntrypoint" schema:"null"` // for the vendor's own desktop program
}

// ExternalRefreshParams asks the client for new external tokens.
type ExternalRefreshParams struct {
	Reason            string  `json:"reason" schema:"ChatgptAuthTokensRefreshReason"`
	PreviousAccountID *string `json:"previousAccountId"`
}

// RefreshUnauthorized says that a resource server refused the access token.
const RefreshUnauthorized = "unauthorized"

// ExternalRefreshResponse is the client's answer. A program that prints what
// it decoded keeps the token in a secret.Token.
type ExternalRefreshResponse struct {
	AccessToken      string  `json:"accessToken"`
	ChatGPTAccountID string  `json:"chatgptAccountId"`
	ChatGPTPlanType  *string `json:"chatgptPlanType,omitempty"`
}
