package appserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
	"github.com/bezoar-auth/bezoar/protocol/login"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

// loginTypes lists the types of a login in the order of the error about another one.
var loginTypes = []string{
	protocol.LoginAPIKey, protocol.LoginChatGPT, protocol.LoginDeviceCode, protocol.LoginExternalTokens,
}

// loginParams has the parameters of all types of a login; Type says which count.
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

// decodeLoginStart decodes the type first, which says what the other members are.
// Parameters that are no object may be the secret itself: the error leaves them out.
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

// secretText is a text that is never printed, not even in the error about it.
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

// loginStart begins a login. A key and the client's own tokens are saved at once, in
// login. A browser or device login goes on in package login, and follow reports it.
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
		s.follow(id, s.options.Logins.Browser, browserResponse)
	case protocol.LoginDeviceCode:
		s.follow(id, s.options.Logins.Device, deviceResponse)
	}
}

// forbids is the error of a login of a type that is not allowed now, or nil. Which
// account may log in is decided when its credential is there: Restriction.Admits.
func (s *Server) forbids(loginType string) *jsonrpc.Error {
	external := loginType == protocol.LoginExternalTokens
	switch {
	case external && !s.experimental:
		return invalid("account/login/start.chatgptAuthTokens requires experimentalApi capability")
	case loginType == protocol.LoginAPIKey && s.options.Restriction.ForbidAPIKey:
		return invalid("API key login is disabled. Use ChatGPT login instead.")
	case external && s.options.Restriction.ForbidTokens:
		return invalid("External ChatGPT auth is disabled. Use API key login instead.")
	case loginType != protocol.LoginAPIKey && s.options.Restriction.ForbidTokens:
		return invalid("ChatGPT login is disabled. Use API key login instead.")
	case !external && s.options.Engine.Snapshot().LoginMethod() == machine.MethodExternal:
		return invalid("External auth is active. Use account/login/start (chatgptAuthTokens) to update it or account/logout to clear it.")
	}
	return nil
}

func (s *Server) loginAPIKey(id jsonrpc.ID, key secret.Token) {
	_ = s.login(id, protocol.LoginAPIKey, machine.Credential{Method: machine.MethodAPIKey, APIKey: key}, "failed to save api key")
}

// login saves a credential that is complete, and answers. It interrupts the login under
// way before. The error has been answered.
func (s *Server) login(id jsonrpc.ID, loginType string, c machine.Credential, failure string) error {
	ctx, cancel := s.commandContext()
	defer cancel()
	err := s.options.Audience.endLogin(ctx, s.options.Logins)
	if err == nil {
		err = s.options.Engine.Login(ctx, c)
	}
	if err != nil {
		s.conn.ReplyError(id, internal(fmt.Sprintf("%s: %v", failure, err)))
		return err
	}
	s.announce(true, func() { s.conn.Reply(id, protocol.LoginResponse{Type: loginType}) }, func(each *Server) {
		each.notify(protocol.LoginCompleted, protocol.LoginCompletedNotification{Success: true})
		each.notifyUpdated()
	})
	return nil
}

func browserResponse(id string, prompt login.Prompt) any {
	return protocol.ChatGPTLoginResponse{Type: protocol.LoginChatGPT, LoginID: id, AuthURL: prompt.AuthURL}
}

func deviceResponse(id string, prompt login.Prompt) any {
	return protocol.DeviceCodeLoginResponse{
		Type: protocol.LoginDeviceCode, LoginID: id, UserCode: prompt.UserCode, VerificationURL: prompt.VerificationURL,
	}
}

// follow begins a login that the user has to complete, answers the request for it, and
// notifies the clients of its end. The new login interrupts the one before, of whose end
// the clients are notified first.
func (s *Server) follow(id jsonrpc.ID, start func() *login.Attempt, as func(string, login.Prompt) any) {
	attempt, before, reported := s.options.Audience.begin(start)
	s.inflight.Go(func() {
		defer close(reported)
		prompt, err := attempt.Prompt() // by now the attempt before is over
		if before != nil {
			<-before
		}
		if err != nil {
			s.conn.ReplyError(id, startError(err))
			return
		}
		s.tell(false, func() { s.conn.Reply(id, as(attempt.ID, prompt)) })
		s.notifyCompleted(attempt.ID, attempt.Wait())
	})
}

func startError(err error) *jsonrpc.Error {
	if errors.Is(err, oauth.ErrNoDeviceLogin) {
		return invalid(err.Error())
	}
	return internal(err.Error())
}

// notifyCompleted notifies the clients of the end of a login. The errors have Codex's texts.
func (s *Server) notifyCompleted(loginID string, err error) {
	ended := protocol.LoginCompletedNotification{LoginID: &loginID, Success: err == nil}
	if err != nil {
		ended.Error = protocol.Nullable(err.Error())
	}
	s.announce(err == nil, nil, func(each *Server) {
		each.notify(protocol.LoginCompleted, ended)
		if err == nil {
			each.notifyUpdated()
		}
	})
}

var cancelParams = objectOf("CancelLoginAccountParams",
	text("loginId", func(p *protocol.LoginCancelParams) *string { return &p.LoginID }).must())

// loginCancel answers before the clients are notified of the end of the login.
func (s *Server) loginCancel(id jsonrpc.ID, params protocol.LoginCancelParams) {
	if !isUUID(params.LoginID) {
		s.conn.ReplyError(id, invalid("invalid login id: "+params.LoginID))
		return
	}
	cancelled := s.options.Logins.Cancel(params.LoginID, func() {
		s.conn.Reply(id, protocol.LoginCancelResponse{Status: protocol.CancelCanceled})
	})
	if !cancelled {
		s.conn.Reply(id, protocol.LoginCancelResponse{Status: protocol.CancelNotFound})
	}
}

// isUUID reports whether text has the form of a login id (RFC 9562 section 4), with
// hyphens or without.
func isUUID(text string) bool {
	digits := strings.ReplaceAll(text, "-", "")
	if len(digits) != 32 || strings.Trim(strings.ToLower(digits), "0123456789abcdef") != "" {
		return false
	}
	return len(text) == 32 || len(text) == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-'
}

// revocationLimit is how long the answer to a logout waits for the revocation. The
// login is deleted before that, also for the requests behind this one.
const revocationLimit = 2 * time.Second

// accountLogout deletes the login, and answers when its tokens are revoked or
// revocationLimit is over.
func (s *Server) accountLogout(id jsonrpc.ID, _ struct{}) {
	ctx, cancel := s.commandContext()
	defer cancel()
	err := s.options.Audience.endLogin(ctx, s.options.Logins)
	var revoked <-chan engine.Revocation
	if err == nil {
		revoked, err = s.options.Engine.Logout(ctx)
	}
	if err != nil {
		s.conn.ReplyError(id, internal(fmt.Sprintf("failed to log out: %v", err)))
		return
	}
	select {
	case <-revoked:
		s.replyLogout(id)
	default:
		s.inflight.Go(func() {
			select {
			case <-revoked:
			case <-time.After(revocationLimit):
			}
			s.replyLogout(id)
		})
	}
}

// replyLogout answers a logout. The notification shows the login as it is by then: a
// login behind the logout may have been answered before.
func (s *Server) replyLogout(id jsonrpc.ID) {
	s.announce(true, func() { s.conn.Reply(id, protocol.LogoutResponse{}) }, (*Server).notifyUpdated)
}
