package appserver

import (
	"cmp"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// sessions answers accountSession/list (AccountSessionsResponse of Codex 0.171.0).
type sessions struct {
	ActiveID *string   `json:"activeSessionId"`
	Sessions []session `json:"sessions"`
}

type session struct {
	ID          string      `json:"sessionId"`
	Email       *string     `json:"email"`
	UserID      *string     `json:"userId"`
	DisplayName *string     `json:"displayName"`
	ImageURL    *string     `json:"imageUrl"`
	LastUsedAt  int64       `json:"lastUsedAt"` // Unix time, in seconds
	IsActive    bool        `json:"isActive"`
	AccountID   *string     `json:"selectedWorkspaceAccountId"`
	Workspaces  []workspace `json:"workspaces"`
}

type workspace struct {
	AccountID string  `json:"accountId"`
	Name      *string `json:"name"` // this server looks no workspace up
	ImageURL  *string `json:"imageUrl"`
	Kind      *string `json:"kind"`
}

// ListSessions answers accountSession/list for a proxy of a Codex that has it: there is the
// one login, or none. As in Codex, a key and tokens that the client gave are no session.
func (s *Server) ListSessions(request jsonrpc.Request) {
	if !s.initialized {
		s.conn.ReplyError(request.ID, invalid("Not initialized"))
		return
	}
	s.conn.Reply(request.ID, sessionsOf(s.options.Engine.Snapshot()))
}

func sessionsOf(login machine.Snapshot) sessions {
	if login.LoginMethod() != machine.MethodTokens {
		return sessions{Sessions: []session{}}
	}
	who, account := login.Account(), login.AccountID()
	only := session{
		ID: cmp.Or(who.UserID, account), Email: protocol.Nullable(who.Email), UserID: protocol.Nullable(who.UserID),
		LastUsedAt: login.LastRefresh().Unix(), IsActive: true, AccountID: protocol.Nullable(account), Workspaces: []workspace{},
	}
	if account != "" {
		only.Workspaces = append(only.Workspaces, workspace{AccountID: account})
	}
	return sessions{ActiveID: &only.ID, Sessions: []session{only}}
}
