package appserver

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/protocol"
)

// TestDecodingErrorsHaveCodexsTexts is Codex's table of decoding
// errors, before the handshake: decoding comes first.
func TestDecodingErrorsHaveCodexsTexts(t *testing.T) {
	const variants = "`initialize`, `account/read`, `account/login/start`, `account/login/cancel`, `account/logout`, `account/rateLimits/read`, `account/health/read`, `getAuthStatus`"
	table := []struct{ method, params, message string }{
		{"nope/x", ``, "unknown variant `nope/x`, expected one of " + variants},
		{"nope/x", `{}`, "unknown variant `nope/x`, expected one of " + variants},
		{"GetAuthStatus", `{}`, "unknown variant `GetAuthStatus`, expected one of " + variants},
		{"initialized", ``, "unknown variant `initialized`, expected one of " + variants},
		{"", `{}`, "unknown variant ``, expected one of " + variants},

		{protocol.Initialize, ``, "missing field `params`"},
		{protocol.Initialize, `null`, "missing field `params`"},
		{protocol.Initialize, `{}`, "missing field `clientInfo`"},
		{protocol.Initialize, `[]`, "invalid length 0, expected struct InitializeParams with 2 elements"},
		{protocol.Initialize, `[{"name":"a","version":"1"}]`, "invalid length 1, expected struct InitializeParams with 2 elements"},
		{protocol.Initialize, `[{"name":"a","version":"1"},null,3]`, "invalid length 3, expected 2 elements in sequence"},
		{protocol.Initialize, `[["a","1"],null]`, "invalid length 2, expected struct ClientInfo with 3 elements"},
		{protocol.Initialize, `[[3,null,"1"],null]`, "invalid type: integer `3`, expected a string"},
		{protocol.Initialize, `[["a",null,"1"],[]]`, "invalid length 5, expected struct InitializeCapabilities with 7 elements"},
		{protocol.Initialize, `[["a",null,"1"],[true,true,["x"]]]`, "invalid type: sequence, expected a boolean"},
		{protocol.Initialize, `[["a",null,"1"],[true,true,true,true,true,"x"]]`, `invalid type: string "x", expected a sequence`},
		{protocol.Initialize, `{"clientInfo":{"version":"1"}}`, "missing field `name`"},
		{protocol.Initialize, `{"clientInfo":{"name":"a"}}`, "missing field `version`"},
		{protocol.Initialize, `{"clientInfo":{"name":"a","version":1}}`, "invalid type: integer `1`, expected a string"},
		{protocol.Initialize, `{"clientInfo":{"name":null,"version":"1"}}`, "invalid type: null, expected a string"},
		{protocol.Initialize, `{"clientInfo":{"name":"a","title":true,"version":"1"}}`, "invalid type: boolean `true`, expected a string"},
		{protocol.Initialize, `{"clientInfo":"a"}`, `invalid type: string "a", expected struct ClientInfo`},
		{protocol.Initialize, `{"clientInfo":null}`, "invalid type: null, expected struct ClientInfo"},
		{protocol.Initialize, `{"clientInfo":{"name":"a","version":"1"},"capabilities":5}`, "invalid type: integer `5`, expected struct InitializeCapabilities"},
		{protocol.Initialize, `{"clientInfo":{"name":"a","version":"1"},"capabilities":{"experimentalApi":null}}`, "invalid type: null, expected a boolean"},
		{protocol.Initialize, `{"clientInfo":{"name":"a","version":"1"},"capabilities":{"optOutNotificationMethods":"x"}}`, `invalid type: string "x", expected a sequence`},
		{protocol.Initialize, `{"clientInfo":{"name":"a","version":"1"},"capabilities":{"optOutNotificationMethods":["x",1.5]}}`, "invalid type: floating point `1.5`, expected a string"},
		{protocol.Initialize, `{"clientInfo":{"name":"a","version":"1"},"capabilities":{"optOutNotificationMethods":["x",null]}}`, "invalid type: null, expected a string"},

		{protocol.GetAuthStatus, ``, "missing field `params`"},
		{protocol.GetAuthStatus, `null`, "missing field `params`"},
		{protocol.GetAuthStatus, `true`, "invalid type: boolean `true`, expected struct GetAuthStatusParams"},
		{protocol.GetAuthStatus, `{"includeToken":"x"}`, `invalid type: string "x", expected a boolean`},
		{protocol.GetAuthStatus, `{"includeToken":"\"\u00e9"}`, `invalid type: string "\"é", expected a boolean`},
		{protocol.GetAuthStatus, `{"includeToken":1}`, "invalid type: integer `1`, expected a boolean"},
		{protocol.GetAuthStatus, `{"includeToken":1e3}`, "invalid type: floating point `1e3`, expected a boolean"},
		{protocol.GetAuthStatus, `{"refreshToken":[true]}`, "invalid type: sequence, expected a boolean"},
		{protocol.GetAuthStatus, `{"refreshToken":{}}`, "invalid type: map, expected a boolean"},
		{protocol.GetAuthStatus, `[true]`, "invalid length 1, expected struct GetAuthStatusParams with 2 elements"},
		{protocol.GetAuthStatus, `["x",null]`, `invalid type: string "x", expected a boolean`},
		{protocol.GetAuthStatus, `[null,null,1]`, "invalid length 3, expected 2 elements in sequence"},
		{protocol.GetAuthStatus, `{"includeToken":1,"refreshToken":"x"}`, "invalid type: integer `1`, expected a boolean"},
		{protocol.GetAuthStatus, `{"includeToken":true,"includeToken":true}`, "duplicate field `includeToken`"},
		{protocol.GetAuthStatus, `{"includeToken":true,"include\u0054oken":true}`, "duplicate field `includeToken`"},

		{protocol.AccountRead, ``, "missing field `params`"},
		{protocol.AccountRead, `{"refreshToken":null}`, "invalid type: null, expected a boolean"},
		{protocol.AccountRead, `[null]`, "invalid type: null, expected a boolean"},
		{protocol.AccountRead, `[false,1]`, "invalid length 2, expected 1 element in sequence"},
		{protocol.AccountRead, `5`, "invalid type: integer `5`, expected struct GetAccountParams"},

		{protocol.LoginStart, ``, "missing field `params`"},
		{protocol.LoginStart, `{}`, "missing field `type`"},
		{protocol.LoginStart, `{"apiKey":"sk-1"}`, "missing field `type`"},
		{protocol.LoginStart, `{"type":"bogus"}`, "unknown variant `bogus`, expected one of `apiKey`, `chatgpt`, `chatgptDeviceCode`, `chatgptAuthTokens`"},
		{protocol.LoginStart, `{"type":"apikey","apiKey":"sk-1"}`, "unknown variant `apikey`, expected one of `apiKey`, `chatgpt`, `chatgptDeviceCode`, `chatgptAuthTokens`"},
		{protocol.LoginStart, `{"type":"amazonBedrock"}`, "unknown variant `amazonBedrock`, expected one of `apiKey`, `chatgpt`, `chatgptDeviceCode`, `chatgptAuthTokens`"},
		{protocol.LoginStart, `{"type":"apiKey"}`, "missing field `apiKey`"},
		{protocol.LoginStart, `{"type":"apiKey","apiKey":null}`, "invalid type of field `apiKey`, expected a string"},
		{protocol.LoginStart, `{"type":"apiKey","apiKey":{"sk-1":1}}`, "invalid type of field `apiKey`, expected a string"},
		{protocol.LoginStart, `"sk-1"`, "invalid type, expected struct LoginAccountParams"},

		{protocol.LoginCancel, ``, "missing field `params`"},
		{protocol.LoginCancel, `[]`, "invalid length 0, expected struct CancelLoginAccountParams with 1 element"},
		{protocol.LoginCancel, `{}`, "missing field `loginId`"},
		{protocol.LoginCancel, `{"loginId":5}`, "invalid type: integer `5`, expected a string"},
	}
	synctest.Test(t, func(t *testing.T) {
		s, close := open(t, nil, nil)
		defer close()
		for _, row := range table {
			code, message := errorOf(t, s.answer(row.method, row.params))
			require.Equal(t, -32600, code, row)
			require.Equal(t, "Invalid request: "+row.message, message, row)
		}
	})
}

func TestUnknownMembersAreIgnored(t *testing.T) {
	inBubble(t, apiKey("sk-1"), func(t *testing.T, s *site) {
		for _, params := range []string{
			`{"includeToken":true}`,
			`{"includeToken":true,"refreshToken":null,"more":{"includeToken":false}}`,
			`{"include\u0054oken":true,"INCLUDETOKEN":false}`,
			` { "includeToken" : true } `,
		} {
			require.Contains(t, s.answer(protocol.GetAuthStatus, params), `"authToken":"sk-1"`, params)
		}
		for _, params := range []string{`{}`, `{"includeToken":null}`, `{"includeToken":false}`} {
			require.Contains(t, s.answer(protocol.GetAuthStatus, params), `"authToken":null`, params)
		}
	})
}

// TestEveryMethodIsListedOnce compares the list in the error with the table of methods.
func TestEveryMethodIsListedOnce(t *testing.T) {
	require.Len(t, methodNames, len(methods))
	for _, name := range methodNames {
		require.Contains(t, methods, name)
		require.Equal(t, 1, strings.Count(strings.Join(methodNames, " ")+" ", name+" "), name)
	}
}
