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

	getAccountParams = objectOf("GetAccountParams", boolean("refreshToken", wantsRefresh).orDefault())
)

// getAuthStatus is the poll. Most polls are answered here from the engine's snapshot, on
// the reading goroutine, with no allocation but the parameters. A poll that needs a
// refresh goes through the engine's queue; so does one that needs a look at the store,
// unless the store's stamp is unchanged: see [engine.Engine.TryAnswer] and
// [engine.Engine.Enqueue].
func (s *Server) getAuthStatus(id jsonrpc.ID, ask machine.Ask) {
	if snapshot, ok := s.known(ask); ok {
		s.replyStatus(id, ask, snapshot)
		return
	}
	s.queue(ask, func(snapshot machine.Snapshot) { s.replyStatus(id, ask, snapshot) })
}

// known is the snapshot that answers at once, if one does. As in Codex, a provider that
// needs no login has one for everything but a demanded refresh.
func (s *Server) known(ask machine.Ask) (snapshot machine.Snapshot, ok bool) {
	if !s.options.RequiresAuth && !ask.Refresh {
		return s.options.Engine.Snapshot(), true
	}
	return s.options.Engine.TryAnswer(ask)
}

// queueLimit is how many requests of a client may wait for a refresh. Beyond it, the
// connection reads no further line until the refresh or its deadline has answered them:
// a client that demands a million refreshes waits, and does not fill the memory.
const queueLimit = 4096

// queue has the engine answer when the refresh or the look is done.
func (s *Server) queue(ask machine.Ask, answer func(machine.Snapshot)) {
	s.queued <- struct{}{}
	s.options.Engine.Enqueue(ask, func(snapshot machine.Snapshot) {
		<-s.queued
		answer(snapshot)
	})
}

// replyStatus answers a poll. Whether the token is shown is decided here: the client
// asked for it, and TokenAt withholds one that has expired or was refused.
func (s *Server) replyStatus(id jsonrpc.ID, ask machine.Ask, snapshot machine.Snapshot) {
	s.conn.ReplyAppend(id, func(line []byte) []byte {
		if !s.options.RequiresAuth {
			return s.status.append(line, "", secret.Token{}, false)
		}
		var token secret.Token
		if ask.Token {
			token = snapshot.TokenAt(s.options.Now())
		}
		return s.status.append(line, snapshot.Method(), token, true)
	})
}

// accountRead shows which account is logged in. A poisoned login keeps its account:
// the user needs a new login and not a forced logout.
func (s *Server) accountRead(id jsonrpc.ID, ask machine.Ask) {
	if snapshot, ok := s.known(ask); ok {
		s.replyAccount(id, snapshot)
		return
	}
	s.queue(ask, func(snapshot machine.Snapshot) { s.replyAccount(id, snapshot) })
}

func (s *Server) replyAccount(id jsonrpc.ID, snapshot machine.Snapshot) {
	response := protocol.AccountReadResponse{RequiresOpenaiAuth: s.options.RequiresAuth}
	if s.options.RequiresAuth {
		response.Account, response.UserID = account(snapshot)
	}
	s.conn.Reply(id, response)
}

func account(snapshot machine.Snapshot) (account any, userID *string) {
	switch snapshot.LoginMethod() {
	case "":
		return nil, nil
	case machine.MethodAPIKey:
		return protocol.APIKeyAccount{Type: protocol.AccountAPIKey}, nil
	}
	who := snapshot.Account()
	return protocol.ChatGPTAccount{
		Type: protocol.AccountChatGPT, Email: protocol.Nullable(who.Email), PlanType: chatgpt.PlanName(who.PlanType),
	}, protocol.Nullable(who.UserID)
}

// notifyUpdated notifies the client of the login as it is now. It may be called
// concurrently: the last notification shows the latest login.
func (s *Server) notifyUpdated() {
	s.update.Lock()
	defer s.update.Unlock()
	s.notify(protocol.AccountUpdated, updatedNotification(s.options.Engine.Snapshot()))
}

// updatedNotification is the notification for the login that a snapshot shows.
func updatedNotification(snapshot machine.Snapshot) protocol.AccountUpdatedNotification {
	method := snapshot.LoginMethod()
	update := protocol.AccountUpdatedNotification{AuthMode: protocol.Nullable(string(method))}
	if method != "" && method != machine.MethodAPIKey {
		plan := chatgpt.PlanName(snapshot.Account().PlanType)
		update.PlanType = &plan
	}
	return update
}

// statusEncoder encodes protocol.GetAuthStatusResponse. It is written by hand for the
// one answer that is sent many times a second, where encoding/json would be most of the
// work; a property compares its bytes with those of encoding/json. It may be used
// concurrently.
type statusEncoder struct {
	lastPlain atomic.Pointer[string] // the last text that is its own JSON: polls show the same token
}

// append appends a status. An empty method and an absent token are null.
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

// plain reports whether text is its own JSON but for the quotes. Tokens are; the check
// takes longer than the rest of the encoding, so that the last text is remembered.
func (e *statusEncoder) plain(text string) bool {
	const shortBytes = 16 // a method, which does not replace the token
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

// healthRead shows the health of the login. It reads the snapshot and nothing else:
// no issuer, no disk, and nothing changes.
func (s *Server) healthRead(id jsonrpc.ID, _ struct{}) {
	if !s.experimental {
		s.conn.ReplyError(id, invalid("account/health/read requires experimentalApi capability"))
		return
	}
	if s.options.IsHealthAsked {
		s.beginHealth()
	}
	s.conn.Reply(id, health(s.options.Engine.Snapshot(), s.options.Now()))
}

// beginHealth has the client notified of every change of the health, until endHealth. Once
// is enough.
func (s *Server) beginHealth() {
	s.healthMu.Lock()
	defer s.healthMu.Unlock()
	if s.stopHealth == nil && !s.isDeaf {
		s.stopHealth = s.options.Engine.Subscribe(s.healthChanged)
	}
}

// endHealth may be called before beginHealth, which does nothing then.
func (s *Server) endHealth() {
	s.healthMu.Lock()
	defer s.healthMu.Unlock()
	s.isDeaf = true
	if s.stopHealth != nil {
		s.stopHealth()
	}
}

// healthChanged notifies a client with the experimentalApi capability. The engine calls
// it on its own goroutine.
func (s *Server) healthChanged(_, to machine.Snapshot) {
	s.notify(protocol.HealthUpdated, protocol.HealthUpdatedNotification(health(to, s.options.Now())))
}

func health(s machine.Snapshot, now time.Time) protocol.HealthReadResponse {
	of := s.Assess(now.Round(0))
	response := protocol.HealthReadResponse{
		State: string(of.Phase), Reason: protocol.Nullable(of.Reason), Action: string(of.Action),
		Unsaved: of.Unsaved, InDoubt: of.InDoubt,
		Since: protocol.Timestamp(s.Since()), Fingerprint: protocol.Nullable(s.Access().Short()),
		LastAttemptAt: protocol.Timestamp(s.LastAttempt()), NextAttemptAt: protocol.Timestamp(of.NextAttemptAt),
	}
	if !s.Token().IsAbsent() {
		response.AccessExpiresAt = protocol.Timestamp(s.Expiry())
	}
	return response
}
