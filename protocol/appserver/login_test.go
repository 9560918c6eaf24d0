package appserver

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/store/memory"
)

const (
	loginLine  = `{"id":"login","method":"account/login/start","params":{"type":"apiKey","apiKey":"sk-1"}}`
	logoutLine = `{"id":"logout","method":"account/logout"}`
	statusLine = `{"id":"status","method":"getAuthStatus","params":{"includeToken":true}}`
)

// inOrder requires that the lines begin with the given texts.
func inOrder(t *testing.T, said []string, beginnings ...string) {
	t.Helper()
	require.Len(t, said, len(beginnings))
	for i, beginning := range beginnings {
		require.True(t, strings.HasPrefix(said[i], beginning), "line %d is %s", i, said[i])
	}
}

const (
	loginCompleted = `{"method":"account/login/completed","params":{"loginId":null,"success":true,"error":null,"onboardingEntrypoint":null},"emittedAtMs":`
	updatedToKey   = `{"method":"account/updated","params":{"authMode":"apikey","planType":null,"reason":null},"emittedAtMs":`
	updatedToNone  = `{"method":"account/updated","params":{"authMode":null,"planType":null,"reason":null},"emittedAtMs":`
)

func TestLoginIsAnsweredThenCompletedThenAnnounced(t *testing.T) {
	inBubble(t, tokens("access-1", "refresh-1"), func(t *testing.T, s *site) {
		inOrder(t, s.ask(loginLine, statusLine), `{"id":"login","result":{"type":"apiKey"}}`, loginCompleted, updatedToKey,
			`{"id":"status","result":{"authMethod":"apikey","authToken":"sk-1","requiresOpenaiAuth":true}}`)
		record, err := s.store.Load(t.Context())
		require.NoError(t, err)
		require.True(t, record.Credential.Equal(*apiKey("sk-1")), "and is stored, in place of what was there")
	})
}

func TestLogoutWithoutALoginIsAnsweredAndAnnounced(t *testing.T) {
	for _, stored := range []*machine.Credential{nil, apiKey("sk-1"), tokens("access-1", "refresh-1")} {
		inBubble(t, stored, func(t *testing.T, s *site) {
			for _, params := range []string{``, `,"params":null`, `,"params":{}`} {
				said := s.ask(strings.Replace(logoutLine, `"}`, `"`+params+`}`, 1))
				inOrder(t, said, `{"id":"logout","result":{}}`, updatedToNone)
				inOrder(t, s.ask(statusLine), `{"id":"status","result":{"authMethod":null,"authToken":null,`)
			}
			_, err := s.store.Load(t.Context())
			require.ErrorIs(t, err, persist.ErrNotFound)
		})
	}
}

// TestPipelineIsAnsweredInItsOrder: a login or logout takes effect before any
// request behind it is answered, and it answers the requests that wait.
func TestPipelineIsAnsweredInItsOrder(t *testing.T) {
	inBubble(t, tokens("access-1", "refresh-1"), func(t *testing.T, s *site) {
		s.issuer.answers = []endpoint.Answer{grants("access-2", "refresh-2")}
		said := s.ask(
			`{"id":"patient","method":"getAuthStatus","params":{"includeToken":true,"refreshToken":true}}`,
			statusLine, logoutLine,
		)
		inOrder(t, said,
			`{"id":"status","result":{"authMethod":"chatgpt","authToken":"access-1",`,
			`{"id":"patient","result":{"authMethod":null,"authToken":null,`,
			`{"id":"logout"`, updatedToNone)
		inOrder(t, s.ask(statusLine, loginLine, statusLine),
			`{"id":"status","result":{"authMethod":null,"authToken":null,`,
			`{"id":"login"`, loginCompleted, updatedToKey, `{"id":"status","result":{"authMethod":"apikey","authToken":"sk-1",`)
		time.Sleep(2 * issuerTakes)
		require.Empty(t, s.said())
		inOrder(t, s.ask(statusLine), `{"id":"status","result":{"authMethod":"apikey","authToken":"sk-1",`)
	})
}

func TestKeyIsTakenAsItIs(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *site) {
		for _, key := range []string{``, ` `, ` sk \n`} {
			inOrder(t, s.ask(strings.Replace(loginLine, "sk-1", key, 1)), `{"id":"login","result"`, loginCompleted, updatedToKey)
			require.Contains(t, s.answer(protocol.AccountRead, `{}`), `"account":{"type":"apiKey"}`)
		}
	})
}

func TestForbiddenLoginChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, close := open(t, tokens("access-1", "refresh-1"), func(o *Options, _ *engine.Options) {
			o.Restriction = machine.Restriction{ForbidAPIKey: true}
		})
		defer close()
		s.shakeHands()
		said := s.ask(loginLine, statusLine)
		require.Len(t, said, 2)
		_, message := errorOf(t, said[0])
		require.Equal(t, "API key login is disabled. Use ChatGPT login instead.", message)
		require.Contains(t, said[1], `"authToken":"access-1"`)
	})
}

// brokenStore can be read and cannot be written.
type brokenStore struct{ *memory.Store }

func (brokenStore) Replace(context.Context, machine.Credential) error { return errors.New("disk full") }
func (brokenStore) Delete(context.Context) error                      { return errors.New("disk full") }

func TestLoginThatCannotBeStoredIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, close := open(t, tokens("access-1", "refresh-1"), func(_ *Options, o *engine.Options) {
			o.Store = brokenStore{o.Store.(*memory.Store)}
		})
		defer close()
		s.shakeHands()
		for _, line := range []string{loginLine, logoutLine} {
			said := s.ask(line, statusLine)
			require.Len(t, said, 2)
			code, message := errorOf(t, said[0])
			require.Equal(t, -32603, code)
			require.Contains(t, []string{
				"failed to save api key: store login: disk full", "failed to log out: remove stored login: disk full",
			}, message)
			require.Contains(t, said[1], `"authToken":"access-1"`)
		}
	})
}

func TestLoginIDIsAUUID(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *site) {
		for _, id := range []string{"11111111-1111-1111-1111-11111111abcD", "11111111111111111111111111111111"} {
			require.Equal(t, `{"id":1,"result":{"status":"notFound"}}`, s.answer(protocol.LoginCancel, `{"loginId":"`+id+`"}`))
		}
		for _, id := range []string{
			"", "zzz", "11111111-1111-1111-1111-11111111111", "11111111-1111-1111-1111-1111111111111",
			"11111111-1111-1111-1111-11111111111g", "1111111-11111-1111-1111-111111111111", "1111111111111111-1111111111111111----",
		} {
			_, message := errorOf(t, s.answer(protocol.LoginCancel, `{"loginId":"`+id+`"}`))
			require.Equal(t, "invalid login id: "+id, message)
		}
	})
}
