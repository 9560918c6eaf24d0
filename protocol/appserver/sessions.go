package appserver

import (
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// ListSessions answers accountSession/list. It is no method of a server that stands alone.
func (s *Server) ListSessions(request jsonrpc.Request) {
	s.conn.Reply(request.ID, struct{}{})
}
