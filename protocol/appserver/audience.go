package appserver

import (
	"context"
	"slices"
	"sync"

	"github.com/bezoar-auth/bezoar/protocol/login"
)

// Audience has the clients of one engine. What one of them does to the login, all are
// notified of, as in Codex. The zero Audience has no client yet; a Server joins it with
// the handshake, and leaves it with [Server.Finish].
type Audience struct {
	mu      sync.Mutex
	servers []*Server // guarded by mu

	loginMu  sync.Mutex      // held while a login begins: the logins are reported in their order
	reported <-chan struct{} // closed when the clients were notified of the end of the latest login; nil before the first
}

func (a *Audience) join(s *Server) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !s.hasLeft {
		a.servers = append(a.servers, s)
	}
}

func (a *Audience) leave(s *Server) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s.hasLeft = true
	a.servers = slices.DeleteFunc(a.servers, func(each *Server) bool { return each == s })
}

// others are the clients but one.
func (a *Audience) others(one *Server) []*Server {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(a.servers), func(each *Server) bool { return each == one })
}

// announce sends what a login or a logout of this client leads to: the answer, if reply is
// not nil, and then what each client is notified of. What a connection holds back (see
// [Server.Hold]) delays no other.
func (s *Server) announce(isNew bool, reply func(), notify func(each *Server)) {
	s.tell(isNew, func() {
		if reply != nil {
			reply()
		}
		notify(s)
	})
	for _, each := range s.options.Audience.others(s) {
		each.tell(isNew, func() { notify(each) })
	}
}

// begin begins a login that interrupts the one before. before is closed when the clients
// were notified of the end of that one, nil if there was none; the caller closes reported
// when they were notified of the end of this one.
func (a *Audience) begin(start func() *login.Attempt) (attempt *login.Attempt, before <-chan struct{}, reported chan<- struct{}) {
	a.loginMu.Lock()
	defer a.loginMu.Unlock()
	end := make(chan struct{})
	before, a.reported = a.reported, end
	return start(), before, end
}

// endLogin interrupts the login under way and waits until the clients were notified.
func (a *Audience) endLogin(ctx context.Context, logins *login.Manager) error {
	a.loginMu.Lock()
	reported := a.reported
	a.loginMu.Unlock()
	if err := logins.End(ctx); err != nil || reported == nil {
		return err
	}
	<-reported // soon: the login is over
	return nil
}
