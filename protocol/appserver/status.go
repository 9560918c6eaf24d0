package appserver

import (
	"encoding/json"
	"strconv"
	"sync/atomic"
	"time"

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

// statusEncoder writes protocol.GetAuthStatusResponse as JSON. It is written by
// hand for the one answer that is given many times a second, where encoding/json
// would be most of the work; a property holds it to the same bytes. It may be used
// concurrently.
type statusEncoder struct {
	lastPlain atomic.Pointer[string] // the last text that is its own JSON: polls hand out the same token
}

// append appends a status. Whatever is "" or absent is null.
func (e *statusEncoder) append(line []byte, method machine.Method, token secret.Token, requiresAuth bool) []byte {
	line = append(line, `{"authMethod":`...)
	line = e.appendText(line, string(method), method == "")
	line = append(line, `,"authToken":`...)
	line = e.appendText(line, token.Reveal(), token.IsAbsent())
	line = append(line, `,"requiresOpenaiAuth":`...)
	line = strconv.AppendBool(line, requiresAuth)
	return append(line, '}')
}

func (e *statusEncoder) appendText(line []byte, text string, null bool) []byte {
	switch {
	case null:
		return append(line, "null"...)
	case e.plain(text):
		line = append(line, '"')
		line = append(line, text...)
		return append(line, '"')
	}
	quoted, _ := json.Marshal(text) // a string can always be encoded
	return append(line, quoted...)
}

// isPlain reports whether text is its own JSON but for the quotes. Tokens are,
// and to find out takes longer than all the rest.
func (e *statusEncoder) plain(text string) bool {
	const shortBytes = 16 // a method, and no reason to forget the token
	if last := e.lastPlain.Load(); last != nil && *last == text {
		return true
	}
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return false
		}
	}
	if len(text) > shortBytes {
		kept := text // text itself would be moved to the heap for each call
		e.lastPlain.Store(&kept)
	}
	return true
}

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
