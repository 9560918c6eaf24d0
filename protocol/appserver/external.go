package appserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/jwt"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// externalTokens are tokens that the client obtained and refreshes itself.
type externalTokens struct {
	AccessToken secret.Token
	AccountID   string
	PlanType    *string // nil: that of the token's claim
}

var externalTokensObject = objectOf(loginParamsName,
	secretText("accessToken", func(t *externalTokens) *secret.Token { return &t.AccessToken }).must(),
	text("chatgptAccountId", func(t *externalTokens) *string { return &t.AccountID }).must(),
	optionalText("chatgptPlanType", func(t *externalTokens) **string { return &t.PlanType }))

// errNotJWT has Codex's text.
var errNotJWT = errors.New("invalid ID token format")

func (t externalTokens) credential(now time.Time) (machine.Credential, error) {
	if _, err := jwt.Parse(t.AccessToken, jwt.Paths{}); err != nil {
		return machine.Credential{}, errNotJWT
	}
	c := machine.Credential{
		Method: machine.MethodExternal, AccessToken: t.AccessToken, AccountID: t.AccountID, LastRefresh: now,
	}
	if t.PlanType != nil {
		c.PlanType = *t.PlanType
	}
	return c, nil
}

func (s *Server) loginExternal(id jsonrpc.ID, tokens externalTokens) {
	const failure = "failed to set external auth"
	c, err := tokens.credential(s.options.Now())
	switch {
	case err != nil:
		s.conn.ReplyError(id, internal(fmt.Sprintf("%s: %v", failure, err)))
	case !s.admits(c):
		s.conn.ReplyError(id, invalid(fmt.Sprintf("External auth must use workspace %s, but received %q.",
			strings.Join(s.options.Restriction.Workspaces, " or "), c.AccountID)))
	default:
		us := &giver{s.conn, s.options.Now}
		before := s.options.Renewer.giver.Swap(us) // the engine may ask as soon as it has the tokens
		if s.login(id, protocol.LoginExternalTokens, c, failure) != nil {
			s.options.Renewer.giver.CompareAndSwap(us, before)
		}
	}
}

// admits reports whether the administrator allows a login.
func (s *Server) admits(c machine.Credential) bool {
	return machine.Policy{Restriction: s.options.Restriction, Claims: chatgpt.Claims}.Admits(c)
}

// Renewer asks the client that gave external tokens for new ones, for the engine. It is
// no part of a Server because the engine is made before the first server, and has
// several. The zero Renewer has no client yet; a Server sets it.
type Renewer struct{ giver atomic.Pointer[giver] }

// giver is a client that gave external tokens, on its connection.
type giver struct {
	conn *jsonrpc.Conn
	now  func() time.Time
}

// errNoGiver is the error before external tokens were given.
var errNoGiver = errors.New("no client has given tokens")

// errGone is the error after the client has closed its connection. A client that gives
// tokens anew takes its place.
var errGone = errors.New("the client that gave the tokens has gone; a client has to give new ones, or the user to log in")

// Renew asks the client for tokens in place of those that were refused. An answer that
// comes after the end of ctx is ignored.
func (r *Renewer) Renew(ctx context.Context, login machine.Credential) (machine.Credential, error) {
	giver := r.giver.Load()
	if giver == nil {
		return machine.Credential{}, errNoGiver
	}
	return giver.renew(ctx, login)
}

func (g *giver) renew(ctx context.Context, login machine.Credential) (machine.Credential, error) {
	answer, err := g.conn.Call(ctx, protocol.ExternalRefresh, protocol.ExternalRefreshParams{
		Reason: protocol.RefreshUnauthorized, PreviousAccountID: protocol.Nullable(login.AccountID),
	})
	if refused, ok := errors.AsType[*jsonrpc.Error](err); ok {
		return machine.Credential{}, fmt.Errorf("auth refresh request failed: code=%d", refused.Code) // its message may be a secret
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return machine.Credential{}, errors.New("auth refresh request timed out after 10s")
	}
	if errors.Is(err, jsonrpc.ErrClosed) {
		return machine.Credential{}, errGone
	}
	if err != nil {
		return machine.Credential{}, fmt.Errorf("ask the client for tokens: %w", err)
	}
	return g.decode(answer)
}

func (g *giver) decode(answer json.RawMessage) (machine.Credential, error) {
	var tokens externalTokens
	if err := externalTokensObject.decode(answer, &tokens); err != nil {
		return machine.Credential{}, errors.New("the client's answer holds no tokens")
	}
	return tokens.credential(g.now())
}
