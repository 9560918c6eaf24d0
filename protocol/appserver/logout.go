package appserver

import (
	"fmt"
	"time"

	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// revocationLimit is how long a logout's answer waits for the issuer to be
// told. The login is gone before that, for everything behind it too.
const revocationLimit = 2 * time.Second

func (s *Server) accountLogout(id jsonrpc.ID, _ struct{}) {
	ctx, cancel := s.briefly()
	defer cancel()
	err := s.endLogin(ctx)
	var revoked <-chan struct{}
	if err == nil {
		revoked, err = s.Engine.Logout(ctx)
	}
	if err != nil {
		s.conn.ReplyError(id, internal(fmt.Sprintf("failed to log out: %v", err)))
		return
	}
	select {
	case <-revoked:
		s.loggedOut(id)
	default:
		s.inflight.Go(func() {
			select {
			case <-revoked:
			case <-time.After(revocationLimit):
			}
			s.loggedOut(id)
		})
	}
}

// loggedOut tells the login as it is by now: a login behind the logout may have
// been answered before it.
func (s *Server) loggedOut(id jsonrpc.ID) {
	s.conn.Reply(id, protocol.LogoutResponse{})
	s.accountUpdated()
}
