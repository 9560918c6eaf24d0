package appserver

// Hold has what the client is sent about a login or a logout pass through hold, in its
// order: a proxy sends it when the other server has the login too. hold returns at once,
// for the reading goroutine may call it, and later calls send, in the same order, exactly
// once each. isNew says that the login is another one now. Call it before the first
// request.
func (s *Server) Hold(hold func(isNew bool, send func())) { s.hold = hold }

// tell sends the client something about a login or a logout, now or when hold lets it.
// A request is not answered before that.
func (s *Server) tell(isNew bool, send func()) {
	if s.hold == nil {
		send()
		return
	}
	sent := s.inflight.begin()
	s.hold(isNew, func() {
		defer sent()
		send()
	})
}
