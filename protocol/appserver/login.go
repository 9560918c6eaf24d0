package appserver

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// loginTypes lists the types of a login in the order in which an error names them.
var loginTypes = []string{protocol.LoginAPIKey}

// loginParams is what the types of a login take; Type says which.
type loginParams struct {
	Type   string
	APIKey secret.Token
}

var (
	loginType   = objectOf("LoginAccountParams", text("type", func(p *loginParams) *string { return &p.Type }).must())
	apiKeyLogin = objectOf("LoginAccountParams", secretText("apiKey", func(p *loginParams) *secret.Token { return &p.APIKey }).must())
)

// decodeLoginStart looks at the type first: it says which members there are.
func decodeLoginStart(request jsonrpc.Request) (loginParams, *jsonrpc.Error) {
	params, err := loginType.params(request)
	if err != nil {
		return params, err
	}
	switch params.Type {
	case protocol.LoginAPIKey:
		return params, apiKeyLogin.decode(request.Params, &params)
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
	s.loginAPIKey(id, params.APIKey)
}

func (s *Server) loginAPIKey(id jsonrpc.ID, key secret.Token) {
	if s.Restriction.ForbidAPIKey {
		s.conn.ReplyError(id, invalid("API key login is disabled. Use ChatGPT login instead."))
		return
	}
	ctx, cancel := s.briefly()
	defer cancel()
	if err := s.Engine.Login(ctx, machine.Credential{Method: machine.MethodAPIKey, APIKey: key}); err != nil {
		s.conn.ReplyError(id, internal(fmt.Sprintf("failed to save api key: %v", err)))
		return
	}
	s.conn.Reply(id, protocol.LoginResponse{Type: protocol.LoginAPIKey})
	s.notify(protocol.LoginCompleted, protocol.LoginCompletedNotification{Success: true})
	s.notify(protocol.AccountUpdated, updated(s.Engine.Snapshot()))
}

type cancelRequest struct{ LoginID string }

var cancelParams = objectOf("CancelLoginAccountParams",
	text("loginId", func(p *cancelRequest) *string { return &p.LoginID }).must())

func (s *Server) loginCancel(id jsonrpc.ID, cancel cancelRequest) {
	if !isUUID(cancel.LoginID) {
		s.conn.ReplyError(id, invalid("invalid login id: "+cancel.LoginID))
		return
	}
	s.conn.Reply(id, protocol.LoginCancelResponse{Status: protocol.CancelNotFound})
}

func (s *Server) accountLogout(id jsonrpc.ID, _ struct{}) {
	ctx, cancel := s.briefly()
	defer cancel()
	if err := s.Engine.Logout(ctx); err != nil {
		s.conn.ReplyError(id, internal(fmt.Sprintf("failed to log out: %v", err)))
		return
	}
	s.conn.Reply(id, protocol.LogoutResponse{})
	s.notify(protocol.AccountUpdated, protocol.AccountUpdatedNotification{})
}

// isUUID reports whether text has the form of a login id (RFC 9562), with its
// hyphens or without.
func isUUID(text string) bool {
	digits := strings.ReplaceAll(text, "-", "")
	if len(digits) != 32 || strings.Trim(strings.ToLower(digits), "0123456789abcdef") != "" {
		return false
	}
	return len(text) == 32 || len(text) == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-'
}
