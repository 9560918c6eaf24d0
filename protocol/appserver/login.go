package appserver

import (
	"encoding/json"
	"fmt"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// loginTypes lists the types of a login in the order in which an error names them.
var loginTypes = []string{
	protocol.LoginAPIKey, protocol.LoginChatGPT, protocol.LoginDeviceCode, protocol.LoginExternalTokens,
}

// loginParams is what the types of a login take; Type says which.
type loginParams struct {
	Type     string
	APIKey   secret.Token
	External externalTokens
}

const loginParamsName = "LoginAccountParams"

var (
	loginType   = objectOf(loginParamsName, text("type", func(p *loginParams) *string { return &p.Type }).must())
	apiKeyLogin = objectOf(loginParamsName, secretText("apiKey", func(p *loginParams) *secret.Token { return &p.APIKey }).must())
)

// decodeLoginStart looks at the type first: it says which members there are.
// Parameters that are no object may be the secret itself and are not repeated.
func decodeLoginStart(request jsonrpc.Request) (loginParams, *jsonrpc.Error) {
	if request.Params != nil && request.Params[0] != '{' {
		return loginParams{}, badParams("invalid type, expected %s", loginType.what)
	}
	params, err := loginType.params(request)
	if err != nil {
		return params, err
	}
	switch params.Type {
	case protocol.LoginAPIKey:
		return params, apiKeyLogin.decode(request.Params, &params)
	case protocol.LoginExternalTokens:
		return params, externalTokensObject.decode(request.Params, &params.External)
	case protocol.LoginChatGPT, protocol.LoginDeviceCode:
		return params, nil
	}
	return params, unknownVariant(params.Type, loginTypes)
}

// secretText is a text that nothing may print, not even the error about it.
func secretText[P any](name string, of func(*P) *secret.Token) field[P] {
	return field[P]{name: name, set: func(params *P, raw json.RawMessage) *jsonrpc.Error {
		var value string
		if err := decodeInto(raw, &value, "a string"); err != nil {
			return badParams("invalid type of field `%s`, expected a string", name)
		}
		*of(params) = secret.New(value)
		return nil
	}}
}

func (s *Server) loginStart(id jsonrpc.ID, params loginParams) {
	if err := s.forbids(params.Type); err != nil {
		s.conn.ReplyError(id, err)
		return
	}
	switch params.Type {
	case protocol.LoginAPIKey:
		s.loginAPIKey(id, params.APIKey)
	case protocol.LoginExternalTokens:
		s.loginExternal(id, params.External)
	case protocol.LoginChatGPT:
		s.follow(id, s.Logins.Browser(), asBrowserLogin)
	case protocol.LoginDeviceCode:
		s.follow(id, s.Logins.Device(), asDeviceLogin)
	}
}

// forbids says why a login of this type may not be made here and now.
func (s *Server) forbids(loginType string) *jsonrpc.Error {
	external := loginType == protocol.LoginExternalTokens
	switch {
	case external && !s.experimental:
		return invalid("account/login/start.chatgptAuthTokens requires experimentalApi capability")
	case loginType == protocol.LoginAPIKey && s.Restriction.ForbidAPIKey:
		return invalid("API key login is disabled. Use ChatGPT login instead.")
	case external && s.Restriction.ForbidChatGPT:
		return invalid("External ChatGPT auth is disabled. Use API key login instead.")
	case loginType != protocol.LoginAPIKey && s.Restriction.ForbidChatGPT:
		return invalid("ChatGPT login is disabled. Use API key login instead.")
	case !external && s.Engine.Snapshot().Credential.Method == machine.MethodExternal:
		return invalid("External auth is active. Use account/login/start (chatgptAuthTokens) to update it or account/logout to clear it.")
	}
	return nil
}

func (s *Server) loginAPIKey(id jsonrpc.ID, key secret.Token) {
	s.login(id, protocol.LoginAPIKey, machine.Credential{Method: machine.MethodAPIKey, APIKey: key}, "failed to save api key")
}

// login is a login that needs nobody else: the one that is under way has ended
// when it takes effect.
func (s *Server) login(id jsonrpc.ID, loginType string, c machine.Credential, failure string) {
	ctx, cancel := s.briefly()
	defer cancel()
	err := s.endLogin(ctx)
	if err == nil {
		err = s.Engine.Login(ctx, c)
	}
	if err != nil {
		s.conn.ReplyError(id, internal(fmt.Sprintf("%s: %v", failure, err)))
		return
	}
	s.conn.Reply(id, protocol.LoginResponse{Type: loginType})
	s.notify(protocol.LoginCompleted, protocol.LoginCompletedNotification{Success: true})
	s.accountUpdated()
}
