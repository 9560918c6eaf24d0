package front

import "github.com/bezoar-auth/bezoar/protocol"

// class says where a request of the client goes.
type class int

const (
	passes  class = iota // to the child, as it is: every method that is not below
	ours                 // to the account server: the child never sees it
	needs                // to the child, which sends the token: it has the newest one first
	turns                // as needs, and refused while there is no login that could serve it
	refused              // nowhere: it would give the child a login of its own, or let others past bezoar
)

// classes are the methods that do not just pass.
var classes = map[string]class{
	protocol.Initialize:    ours,
	protocol.GetAuthStatus: ours,
	protocol.AccountRead:   ours,
	protocol.LoginStart:    ours,
	protocol.LoginCancel:   ours,
	protocol.AccountLogout: ours,
	protocol.HealthRead:    ours,
	accountSessionList:     ours,

	"thread/start":                         needs,
	"thread/resume":                        needs,
	"thread/fork":                          needs,
	"model/list":                           needs,
	"account/securitySetup/read":           needs,
	protocol.RateLimitsRead:                needs,
	"account/rateLimitResetCredit/consume": needs,
	"account/usage/read":                   needs,
	"account/workspaceMessages/read":       needs,
	"account/sendAddCreditsNudgeEmail":     needs,

	"turn/start":                turns,
	"review/start":              turns,
	"thread/compact/start":      turns,
	"thread/sample":             turns,
	"thread/prediction/request": turns,
	"thread/guardianReview":     turns,
	"thread/realtime/start":     turns,
	"thread/queue/add":          turns,
	"thread/queue/start":        turns,
}

const accountSessionList = "accountSession/list"

// refusals say why a method is refused.
var refusals = map[string]string{
	"accountSession/switch":        oneLogin,
	"account/bedrock/setup":        otherLogin,
	"account/gcp/setup":            otherLogin,
	"remoteControl/enable":         remote,
	"remoteControl/pairing/start":  remote,
	"remoteControl/pairing/status": remote,
	"remoteControl/client/list":    remote,
	"remoteControl/client/revoke":  remote,
}

const (
	oneLogin = "bezoar keeps one login for this folder, and there is no other to switch to. " +
		"Log out and log in as the other account, or start bezoar with another --home."
	otherLogin = "bezoar keeps ChatGPT logins and API keys, and would lose a login of this kind when the backend ends. " +
		"Set it up with codex itself, in another home (CODEX_HOME)."
	remote = "bezoar keeps the login of this backend, and clients that connect to it from elsewhere would get past that. " +
		"Start codex without bezoar for remote control."
)

func init() {
	for method := range refusals {
		classes[method] = refused
	}
}

// Types of a login that Codex has and bezoar does not speak.
var foreignLogins = map[string]bool{
	"amazonBedrock": true, "amazonBedrockAccessKeys": true, "gcp": true,
	"personalAccessToken": true, "agentIdentity": true, "gatewayOAuth": true,
}

// learned are the methods whose answers tell which provider a thread has.
func isLearned(method string) bool {
	return method == "thread/start" || method == "thread/resume" || method == "thread/fork" || method == "review/start"
}
