package appserver

import (
	"context"
	"errors"
	"strings"

	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
	"github.com/bezoar-auth/bezoar/protocol/login"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

func asBrowserLogin(id string, prompt login.Prompt) any {
	return protocol.ChatGPTLoginResponse{Type: protocol.LoginChatGPT, LoginID: id, AuthURL: prompt.AuthURL}
}

func asDeviceLogin(id string, prompt login.Prompt) any {
	return protocol.DeviceCodeLoginResponse{
		Type: protocol.LoginDeviceCode, LoginID: id, UserCode: prompt.UserCode, VerificationURL: prompt.VerificationURL,
	}
}

// follow answers the request for a login that a person has to bring to its end,
// and reports the end when it comes. It has ended the login before it, and the
// client hears of that first.
func (s *Server) follow(id jsonrpc.ID, attempt *login.Attempt, as func(string, login.Prompt) any) {
	before, told := s.prevLoginReported, make(chan struct{})
	s.prevLoginReported = told
	s.inflight.Go(func() {
		defer close(told)
		prompt, err := attempt.Prompt() // by now nothing is left of the one before
		if before != nil {
			<-before
		}
		if err != nil {
			s.conn.ReplyError(id, startError(err))
			return
		}
		s.conn.Reply(id, as(attempt.ID, prompt))
		s.completed(attempt.ID, attempt.Wait())
	})
}

// endLogin ends the login that is under way and waits until the client was told.
// It is called on the reading goroutine.
func (s *Server) endLogin(ctx context.Context) error {
	if err := s.Logins.End(ctx); err != nil || s.prevLoginReported == nil {
		return err
	}
	<-s.prevLoginReported // which waits for nobody any more
	return nil
}

func startError(err error) *jsonrpc.Error {
	if errors.Is(err, oauth.ErrNoDeviceLogin) {
		return invalid(err.Error())
	}
	return internal(err.Error())
}

// completed says how a login has ended. Its errors have the reference's texts.
func (s *Server) completed(loginID string, err error) {
	ended := protocol.LoginCompletedNotification{LoginID: &loginID, Success: err == nil}
	if err != nil {
		ended.Error = nullable(err.Error())
	}
	s.notify(protocol.LoginCompleted, ended)
	if err == nil {
		s.accountUpdated()
	}
}

var cancelParams = objectOf("CancelLoginAccountParams",
	text("loginId", func(p *protocol.LoginCancelParams) *string { return &p.LoginID }).must())

// loginCancel answers before the end of the login is told.
func (s *Server) loginCancel(id jsonrpc.ID, params protocol.LoginCancelParams) {
	if !isUUID(params.LoginID) {
		s.conn.ReplyError(id, invalid("invalid login id: "+params.LoginID))
		return
	}
	cancelled := s.Logins.Cancel(params.LoginID, func() {
		s.conn.Reply(id, protocol.LoginCancelResponse{Status: protocol.CancelCanceled})
	})
	if !cancelled {
		s.conn.Reply(id, protocol.LoginCancelResponse{Status: protocol.CancelNotFound})
	}
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
