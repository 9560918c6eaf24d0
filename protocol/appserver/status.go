package appserver

import (
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

func wantsToken(ask *machine.Ask) *bool   { return &ask.Token }
func wantsRefresh(ask *machine.Ask) *bool { return &ask.Refresh }

var (
	getAuthStatusParams = objectOf("GetAuthStatusParams",
		boolean("includeToken", wantsToken).orNull(), boolean("refreshToken", wantsRefresh).orNull())

	getAccountParams = objectOf("GetAccountParams", boolean("refreshToken", wantsRefresh))
)

// known is what can be answered at once. For a provider that needs no login that
// is everything but a refresh that is demanded, as in the reference.
func (s *Server) known(ask machine.Ask) (snapshot *machine.State, ok bool) {
	if !s.RequiresAuth && !ask.Refresh {
		return s.Engine.Snapshot(), true
	}
	return s.Engine.TryAnswer(ask)
}

// getAuthStatus is the poll.
func (s *Server) getAuthStatus(id jsonrpc.ID, ask machine.Ask) {
	if snapshot, ok := s.known(ask); ok {
		s.replyStatus(id, ask, snapshot)
		return
	}
	s.queue(ask, func(snapshot *machine.State) { s.replyStatus(id, ask, snapshot) })
}

func (s *Server) replyStatus(id jsonrpc.ID, ask machine.Ask, snapshot *machine.State) {
	s.conn.ReplyAppend(id, func(line []byte) []byte {
		if !s.RequiresAuth {
			return s.status.append(line, "", secret.Token{}, false)
		}
		var token secret.Token
		if ask.Token {
			token = snapshot.TokenAt(s.Now())
		}
		return s.status.append(line, snapshot.Method(), token, true)
	})
}

// accountRead shows who is logged in. A poisoned login keeps its account: the
// user needs a new login and not a forced logout.
func (s *Server) accountRead(id jsonrpc.ID, ask machine.Ask) {
	if snapshot, ok := s.known(ask); ok {
		s.replyAccount(id, snapshot)
		return
	}
	s.queue(ask, func(snapshot *machine.State) { s.replyAccount(id, snapshot) })
}

func (s *Server) replyAccount(id jsonrpc.ID, snapshot *machine.State) {
	response := protocol.AccountReadResponse{RequiresOpenaiAuth: s.RequiresAuth}
	if s.RequiresAuth {
		response.Account, response.UserID = account(snapshot)
	}
	s.conn.Reply(id, response)
}

func account(snapshot *machine.State) (account any, userID *string) {
	switch snapshot.Credential.Method {
	case "":
		return nil, nil
	case machine.MethodAPIKey:
		return protocol.APIKeyAccount{Type: protocol.AccountAPIKey}, nil
	}
	who := snapshot.Account
	return protocol.ChatGPTAccount{
		Type: protocol.AccountChatGPT, Email: nullable(who.Email), PlanType: chatgpt.PlanName(who.PlanType),
	}, nullable(who.UserID)
}

// accountUpdated tells who is logged in by now. It may be called concurrently: a
// login and a logout that meet must not be told in the wrong order.
func (s *Server) accountUpdated() {
	s.latest.Lock()
	defer s.latest.Unlock()
	s.notify(protocol.AccountUpdated, updated(s.Engine.Snapshot()))
}

// updated is the notification for the login that a snapshot shows.
func updated(snapshot *machine.State) protocol.AccountUpdatedNotification {
	credential := snapshot.Credential
	update := protocol.AccountUpdatedNotification{AuthMode: nullable(string(credential.Method))}
	if credential.Method != "" && credential.Method != machine.MethodAPIKey {
		plan := chatgpt.PlanName(snapshot.Account.PlanType)
		update.PlanType = &plan
	}
	return update
}

func nullable(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
