package surface

// IsForExperimental reports whether Codex sends a notification only to clients that
// asked for experimentalApi. The schemas do not say it: they list all notifications.
func IsForExperimental(notification string) bool { return notifications[notification] }

// ExperimentalParam is the member of the params of a request to the client that Codex leaves
// out for one that did not ask for experimentalApi, "" for none. The schemas list others
// as experimental too, which it sends to all.
func ExperimentalParam(request string) string {
	if request == "item/commandExecution/requestApproval" {
		return "additionalPermissions"
	}
	return ""
}

// notifications are the ones that the source of Codex marks as experimental (of them,
// thread/settings/updated was seen), and thread/readState/changed, which 0.171.0 sends to
// no other client.
var notifications = map[string]bool{
	"autoApprovalReview/strictReviewRequired": true,
	"mcpServer/event/stream/notification":     true,
	"process/exited":                          true,
	"process/outputDelta":                     true,
	"project/changed":                         true,
	"thread/environment/connected":            true,
	"thread/environment/disconnected":         true,
	"thread/project/updated":                  true,
	"thread/queue/changed":                    true,
	"thread/readState/changed":                true,
	"thread/realtime/closed":                  true,
	"thread/realtime/error":                   true,
	"thread/realtime/item/completed":          true,
	"thread/realtime/item/started":            true,
	"thread/realtime/item/transcript/delta":   true,
	"thread/realtime/itemAdded":               true,
	"thread/realtime/outputAudio/delta":       true,
	"thread/realtime/sdp":                     true,
	"thread/realtime/started":                 true,
	"thread/realtime/transcript/delta":        true,
	"thread/realtime/transcript/done":         true,
	"thread/settings/updated":                 true,
	"turn/moderationMetadata":                 true,
}
