package appserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
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
		s.login(id, protocol.LoginExternalTokens, c, failure)
	}
}

// admits reports whether the administrator allows a login.
func (s *Server) admits(c machine.Credential) bool {
	return machine.Policy{Restriction: s.options.Restriction, Claims: chatgpt.Claims}.Admits(c)
}

// Client asks the client on a connection for external tokens, for the engine. It
// is no part of the Server because the engine is made before the server.
type Client struct {
	Conn *jsonrpc.Conn
	Now  func() time.Time // time.Now
}

// Renew asks the client for tokens in place of those that were refused. An answer that
// comes after the end of ctx is ignored.
func (c Client) Renew(ctx context.Context, login machine.Credential) (machine.Credential, error) {
	answer, err := c.Conn.Call(ctx, protocol.ExternalRefresh, protocol.ExternalRefreshParams{
		Reason: protocol.RefreshUnauthorized, PreviousAccountID: nullable(login.AccountID),
	})
	if refused, ok := errors.AsType[*jsonrpc.Error](err); ok {
		return machine.Credential{}, fmt.Errorf("auth refresh request failed: code=%d", refused.Code) // its message may be a secret
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return machine.Credential{}, errors.New("auth refresh request timed out after 10s")
	}
	if err != nil {
		return machine.Credential{}, fmt.Errorf("ask the client for tokens: %w", err)
	}
	return c.decode(answer)
}

func (c Client) decode(answer json.RawMessage) (machine.Credential, error) {
	var tokens externalTokens
	if err := externalTokensObject.decode(answer, &tokens); err != nil {
		return machine.Credential{}, errors.New("the client's answer holds no tokens")
	}
	return tokens.credential(c.Now())
}
