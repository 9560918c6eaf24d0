package appserver

import (
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// healthRead says how the login fares. It is one load of the snapshot: nobody is
// asked, nothing is read from the disk and nothing changes by it.
func (s *Server) healthRead(id jsonrpc.ID, _ struct{}) {
	if !s.experimental {
		s.conn.ReplyError(id, invalid("account/health/read requires experimentalApi capability"))
		return
	}
	s.conn.Reply(id, health(s.Engine.Snapshot(), s.Now()))
}

// healthChanged tells a client that takes experimental messages, on the engine's
// goroutine.
func (s *Server) healthChanged(_, to *machine.State) {
	s.notify(protocol.HealthUpdated, protocol.HealthUpdatedNotification(health(to, s.Now())))
}

func health(s *machine.State, now time.Time) protocol.HealthReadResponse {
	of := s.Assess(now.Round(0))
	response := protocol.HealthReadResponse{
		State: string(of.Phase), Reason: nullable(of.Reason), Action: string(of.Action),
		Unsaved: of.Unsaved, InDoubt: of.InDoubt,
		Since: timestamp(s.Since), Fingerprint: nullable(s.Credential.Fingerprint().Short()),
		LastAttemptAt: timestamp(s.LastAttempt), NextAttemptAt: timestamp(of.NextAttemptAt),
	}
	if !s.Token().IsAbsent() {
		response.AccessExpiresAt = timestamp(s.Expiry)
	}
	return response
}

// timestamp is a time as RFC 3339 has it, nil for none.
func timestamp(at time.Time) *string {
	if at.IsZero() {
		return nil
	}
	text := at.UTC().Format(time.RFC3339)
	return &text
}
