package schematest

// departures are the types of messages that are not held against a schema of
// the reference, and why. All others are.
var departures = map[string]string{
	"GetAuthStatusParams":              "the reference serves the method and publishes no schema of it",
	"GetAuthStatusResponse":            "the reference serves the method and publishes no schema of it",
	"ConfigWarningNotification":        "not of the account surface; path is left out where the reference may write null",
	"GetAccountHealthResponse":         "the reference has no such method",
	"AccountHealthUpdatedNotification": "the reference has no such method",
}

// leftOut are the types that the reference publishes and this program does not.
var leftOut = map[string]string{
	"AccountSessionsListParams":            "experimental, and a home holds one login",
	"AccountSessionsResponse":              "experimental, and a home holds one login",
	"AccountSessionsSwitchParams":          "experimental, and a home holds one login",
	"AccountSessionsSwitchResponse":        "experimental, and a home holds one login",
	"AccountRateLimitsUpdatedNotification": "follows the use of models, and this server serves none",
	"JSONRPCMessage":                       "any line at all",
	"JSONRPCNotification":                  "ClientNotification and ServerNotification say more",
	"JSONRPCRequest":                       "ClientRequest and ServerRequest say more",
}
