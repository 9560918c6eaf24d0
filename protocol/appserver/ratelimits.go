package appserver

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// How long the backend may take for one answer, and how long the whole request may
// take, with a refresh in between.
const (
	backendLimit    = 10 * time.Second
	rateLimitsLimit = time.Minute
)

// rateLimitsRead asks the backend, on a goroutine of its own. Requests that come
// meanwhile with the same token share the answer: a hundred windows that are opened at
// once send the backend one request.
func (s *Server) rateLimitsRead(id jsonrpc.ID, _ struct{}) {
	s.options.Engine.Ask(machine.Ask{}, func(snapshot machine.Snapshot) {
		switch snapshot.Method() {
		case "":
			s.conn.ReplyError(id, invalid("codex account authentication required to read rate limits"))
		case machine.MethodAPIKey:
			s.conn.ReplyError(id, invalid("chatgpt authentication required to read rate limits"))
		default:
			token := snapshot.Access()
			if s.limits.join(token, id) == 1 {
				s.inflight.Go(func() { s.answerRateLimits(token) })
			}
		}
	})
}

func (s *Server) answerRateLimits(token secret.Fingerprint) {
	ctx, done := s.inflight.withLimit(rateLimitsLimit)
	defer done()
	limits, err := s.rateLimits(ctx)
	if err != nil && errors.Is(context.Cause(ctx), errEnding) {
		err = errEnding
	}
	for _, id := range s.limits.leave(token) {
		if err != nil {
			s.conn.ReplyError(id, internal("failed to fetch codex rate limits: "+err.Error()))
		} else {
			s.conn.Reply(id, limits)
		}
	}
}

// sharers has the requests that wait for the same answer, by the access token that was
// current when they came.
type sharers struct {
	mu  sync.Mutex
	ids map[secret.Fingerprint][]jsonrpc.ID
}

// join adds a request and returns how many wait now.
func (s *sharers) join(token secret.Fingerprint, id jsonrpc.ID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids == nil {
		s.ids = map[secret.Fingerprint][]jsonrpc.ID{}
	}
	s.ids[token] = append(s.ids[token], id)
	return len(s.ids[token])
}

// leave removes the requests that wait and returns them.
func (s *sharers) leave(token secret.Fingerprint) []jsonrpc.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := s.ids[token]
	delete(s.ids, token)
	return waiting
}

// rateLimits asks the backend once, and once more if it refused the token and the engine
// has another one by then. A second refusal is the answer.
func (s *Server) rateLimits(ctx context.Context) (protocol.RateLimitsResponse, error) {
	snapshot, err := s.options.Engine.Status(ctx, machine.Ask{Token: true})
	if err == nil && snapshot.Rejected() { // the token is withheld: the client can renew it
		snapshot, err = s.options.Engine.Rejected(ctx, snapshot.Access())
	}
	if err != nil {
		return protocol.RateLimitsResponse{}, err
	}
	limits, err := s.askBackend(ctx, snapshot)
	refusal, ok := errors.AsType[*chatgpt.StatusError](err)
	if !ok || refusal.Status != http.StatusUnauthorized {
		return limits, err
	}
	refused := snapshot.Access()
	if snapshot, err = s.options.Engine.Rejected(ctx, refused); err != nil {
		return limits, err
	}
	if token := snapshot.Token(); token.IsAbsent() || token.Fingerprint() == refused {
		return limits, refusal
	}
	return s.askBackend(ctx, snapshot)
}

// errNoToken reports a login without a token that may be used now.
var errNoToken = errors.New("the access token was refused, and there is no other yet")

func (s *Server) askBackend(ctx context.Context, snapshot machine.Snapshot) (protocol.RateLimitsResponse, error) {
	if snapshot.Token().IsAbsent() {
		if verdict, condemned := snapshot.Verdict(); condemned {
			return protocol.RateLimitsResponse{}, errors.New(refusalMessage(verdict.Reason))
		}
		return protocol.RateLimitsResponse{}, errNoToken
	}
	ctx, cancel := context.WithTimeout(ctx, backendLimit)
	defer cancel()
	return s.options.Backend.RateLimits(ctx, chatgpt.Login{
		AccessToken: snapshot.Token(), AccountID: snapshot.AccountID(), UserID: snapshot.Account().UserID,
	})
}

// refusalMessage tells the user why a login cannot be refreshed, in Codex's words
// where it has any.
func refusalMessage(reason history.Reason) string {
	const retry = " Please log out and sign in again."
	switch reason {
	case history.ReasonExpired:
		return "Your access token could not be refreshed because your refresh token has expired." + retry
	case history.ReasonReused, history.ReasonSpent:
		return "Your access token could not be refreshed because your refresh token was already used." + retry
	case history.ReasonRevoked:
		return "Your access token could not be refreshed because your refresh token was revoked." + retry
	}
	return "Your access token could not be refreshed." + retry
}
