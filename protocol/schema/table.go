// Package schema publishes the protocol: from one table of all methods and types, in this
// file, it writes JSON Schema (draft-07) and TypeScript. Types and files have the names of
// Codex's.
//
// A node is a piece of JSON Schema. The types of package protocol are read into nodes by
// reflection (definitions.go); both writers start from the nodes, so that the two languages
// cannot disagree.
package schema

import (
	"reflect"

	"github.com/bezoar-auth/bezoar/protocol"
)

// Kind says which side sends a message, and whether it has an answer.
type Kind string

// The kinds of messages that have a method. Their names are those of the
// unions that hold all messages of a kind.
const (
	ClientRequest      Kind = "ClientRequest"
	ClientNotification Kind = "ClientNotification"
	ServerRequest      Kind = "ServerRequest"
	ServerNotification Kind = "ServerNotification"
)

// Method is a message that client or server can send.
type Method struct {
	Kind   Kind
	Name   string
	Params string // name of a type; "" for none
	Result string // name of a type; "" for a notification
	About  string
}

// Methods returns all methods of the protocol.
func Methods() []Method {
	return []Method{
		{ClientRequest, protocol.Initialize, "InitializeParams", "InitializeResponse",
			"Opens the conversation; everything else comes after it."},
		{ClientRequest, protocol.GetAuthStatus, "GetAuthStatusParams", "GetAuthStatusResponse",
			"Says how the user is logged in and, if asked, with which token."},
		{ClientRequest, protocol.AccountRead, "GetAccountParams", "GetAccountResponse",
			"Says who is logged in."},
		{ClientRequest, protocol.LoginStart, "LoginAccountParams", "LoginAccountResponse",
			"Logs in, or starts a login that ends with account/login/completed."},
		{ClientRequest, protocol.LoginCancel, "CancelLoginAccountParams", "CancelLoginAccountResponse",
			"Gives up a login that was started."},
		{ClientRequest, protocol.AccountLogout, "", "LogoutAccountResponse",
			"Ends the login and revokes its tokens."},
		{ClientRequest, protocol.RateLimitsRead, "", "GetAccountRateLimitsResponse",
			"Asks the backend how much of the account's limits is used."},
		{ClientRequest, protocol.HealthRead, "", "GetAccountHealthResponse",
			"Says how the login fares; needs the experimentalApi capability."},

		{ClientNotification, protocol.Initialized, "", "",
			"Says that the answer to initialize has arrived; optional."},

		{ServerRequest, protocol.ExternalRefresh, "ChatgptAuthTokensRefreshParams", "ChatgptAuthTokensRefreshResponse",
			"Asks for new tokens in place of those that the client logged in with."},

		{ServerNotification, protocol.ConfigWarning, "ConfigWarningNotification", "",
			"Follows initialize if the configuration has a flaw."},
		{ServerNotification, protocol.LoginCompleted, "AccountLoginCompletedNotification", "",
			"Ends a login, for better or worse."},
		{ServerNotification, protocol.AccountUpdated, "AccountUpdatedNotification", "",
			"Follows every change of the login."},
		{ServerNotification, protocol.HealthUpdated, "AccountHealthUpdatedNotification", "",
			"Follows every change of the login's health; needs the experimentalApi capability."},
	}
}

// published is a type under the name that it has in the schema: a struct, a union of
// structs, or the given node.
type published struct {
	name     string
	about    string
	goType   reflect.Type
	variants []variant
	node     *node
}

// variant is a struct of a union, and the word in its member "type".
type variant struct {
	tag    string
	goType reflect.Type
}

func of[T any]() reflect.Type { return reflect.TypeFor[T]() }

// types are all types but the unions of messages. It is a function, so that the start of a
// server does not make them.
func types() []published {
	return []published{
		{name: "InitializeParams", goType: of[protocol.InitializeParams]()},
		{name: "ClientInfo", about: "Who speaks to the server.", goType: of[protocol.ClientInfo]()},
		{name: "InitializeCapabilities", about: "What the client can take.", goType: of[protocol.Capabilities]()},
		{name: "InitializeResponse", goType: of[protocol.InitializeResponse]()},
		{name: "ConfigWarningNotification", goType: of[protocol.ConfigWarningNotification]()},

		{name: "GetAuthStatusParams", goType: of[protocol.GetAuthStatusParams]()},
		{name: "GetAuthStatusResponse", goType: of[protocol.GetAuthStatusResponse]()},
		{name: "AuthMode", about: "How the user is logged in.",
			node: words(protocol.ModeAPIKey, protocol.ModeChatGPT, protocol.ModeExternalTokens)},
		{name: "GetAccountParams", goType: of[protocol.AccountReadParams]()},
		{name: "GetAccountResponse", goType: of[protocol.AccountReadResponse]()},
		{name: "Account", about: "Who is logged in.", variants: []variant{
			{protocol.AccountAPIKey, of[protocol.APIKeyAccount]()},
			{protocol.AccountChatGPT, of[protocol.ChatGPTAccount]()},
		}},
		{name: "PlanType", about: "What the account's owner pays for.", node: words(protocol.PlanTypes()...)},
		{name: "LogoutAccountResponse", goType: of[protocol.LogoutResponse]()},
		{name: "AccountUpdatedNotification", goType: of[protocol.AccountUpdatedNotification]()},

		{name: "LoginAccountParams", variants: []variant{
			{protocol.LoginAPIKey, of[protocol.APIKeyLoginParams]()},
			{protocol.LoginChatGPT, of[protocol.ChatGPTLoginParams]()},
			{protocol.LoginDeviceCode, of[protocol.DeviceCodeLoginParams]()},
			{protocol.LoginExternalTokens, of[protocol.ExternalTokensLoginParams]()},
		}},
		{name: "LoginAppBrand", about: "Whose pages a login shows.", node: words("codex", "chatgpt")},
		{name: "LoginAccountResponse", variants: []variant{
			{protocol.LoginAPIKey, of[protocol.LoginResponse]()},
			{protocol.LoginChatGPT, of[protocol.ChatGPTLoginResponse]()},
			{protocol.LoginDeviceCode, of[protocol.DeviceCodeLoginResponse]()},
			{protocol.LoginExternalTokens, of[protocol.LoginResponse]()},
		}},
		{name: "CancelLoginAccountParams", goType: of[protocol.LoginCancelParams]()},
		{name: "CancelLoginAccountResponse", goType: of[protocol.LoginCancelResponse]()},
		{name: "CancelLoginAccountStatus", about: "Whether there was a login to give up.",
			node: words(protocol.CancelCanceled, protocol.CancelNotFound)},
		{name: "AccountLoginCompletedNotification", goType: of[protocol.LoginCompletedNotification]()},
		{name: "ChatgptAuthTokensRefreshParams", goType: of[protocol.ExternalRefreshParams]()},
		{name: "ChatgptAuthTokensRefreshReason", about: "Why new tokens are needed: unauthorized, a resource server refused the access token.",
			node: words(protocol.RefreshUnauthorized)},
		{name: "ChatgptAuthTokensRefreshResponse", goType: of[protocol.ExternalRefreshResponse]()},

		{name: "GetAccountRateLimitsResponse", goType: of[protocol.RateLimitsResponse]()},
		{name: "RateLimitSnapshot", about: "A limit and what is used of it.",
			goType: of[protocol.RateLimitSnapshot]()},
		{name: "RateLimitWindow", about: "A span of time in which use is counted; resetsAt is Unix time in seconds.",
			goType: of[protocol.RateLimitWindow]()},
		{name: "CreditsSnapshot", about: "What the account may use beyond its plan.",
			goType: of[protocol.Credits]()},
		{name: "SpendControlLimitSnapshot", about: "What one member of a workspace may spend; resetsAt is Unix time in seconds.",
			goType: of[protocol.SpendLimit]()},
		{name: "RateLimitResetCreditsSummary", about: "How often the account may reset its limits.",
			goType: of[protocol.RateLimitResetCredits]()},
		{name: "RateLimitReachedType", about: "Which limit is reached.",
			node: words(protocol.ReachedRateLimit, protocol.ReachedOwnerCredits, protocol.ReachedMemberCredits,
				protocol.ReachedOwnerWorkspaceUsage, protocol.ReachedMemberWorkspaceUsage)},

		{name: "GetAccountHealthResponse", goType: of[protocol.HealthReadResponse]()},
		{name: "AccountHealthUpdatedNotification", goType: of[protocol.HealthUpdatedNotification]()},
		{name: "HealthState", about: "The state of the login; Poisoned: the issuer refused it for good.",
			node: words(protocol.StateNoAuth, protocol.StateAPIKey, protocol.StateFresh, protocol.StateStale, protocol.StatePoisoned)},
		{name: "HealthAction", about: "What the user has to do: nothing, wait, log in, or look after this machine.",
			node: words(protocol.ActionNone, protocol.ActionWait, protocol.ActionLogin, protocol.ActionOperator)},

		{name: "RequestId", about: "The sender of a request chooses it; the answer repeats it.",
			node: &node{AnyOf: []*node{text(), integer64()}}},
		{name: "JSONRPCResponse", about: "The answer to a request.",
			node: object(member{"id", ref("RequestId")}, member{"result", &node{}})},
		{name: "JSONRPCError", about: "The answer to a request that was refused or failed.",
			node: object(member{"error", ref("JSONRPCErrorError")}, member{"id", ref("RequestId")})},
		{name: "JSONRPCErrorError", about: "Code -32600: the client's fault; -32603: not the client's fault.",
			node: object(member{"code", integer64()}, member{"message", text()})},
	}
}
