package schematest

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/protocol/schema"
)

// play feeds lines, "> " of the client and "< " of the server, and returns
// what is wrong with the last one of the server.
func play(t *testing.T, lines string) error {
	t.Helper()
	conversation := New(t)
	var last error
	for line := range strings.Lines(lines) {
		line = strings.TrimSpace(line)
		require.NoError(t, last)
		if said, ok := strings.CutPrefix(line, "> "); ok {
			conversation.Client([]byte(said))
		} else if said, ok := strings.CutPrefix(line, "< "); ok {
			last = conversation.check([]byte(said))
		}
	}
	return last
}

// Taken from Codex's own conversations (codex-auth.md and the
// conformance scenarios), with the members that this server adds or leaves out.
func TestSoundConversationsPass(t *testing.T) {
	for name, lines := range map[string]string{
		"handshake": `
			> {"id":0,"method":"initialize","params":{"clientInfo":{"name":"probe","version":"0.1"}}}
			< {"id":0,"result":{"userAgent":"probe/0.169.0 (Debian 12.0.0; x86_64) xterm (probe; 0.1)","codexHome":"/home/u/.codex","platformFamily":"unix","platformOs":"linux"}}
			< {"method":"configWarning","params":{"summary":"s","details":null,"path":"/home/u/.codex/config.toml"},"emittedAtMs":1764057600000}
			> {"method":"initialized"}`,
		"signed out": `
			> {"id":1,"method":"getAuthStatus","params":{"includeToken":true,"refreshToken":false}}
			< {"id":1,"result":{"authMethod":null,"authToken":null,"requiresOpenaiAuth":true}}
			> {"id":"two","method":"account/read","params":{}}
			< {"id":"two","result":{"account":null,"requiresOpenaiAuth":true,"userId":null,"workspaceRouting":null}}`,
		"key": `
			> {"id":1,"method":"account/login/start","params":{"type":"apiKey","apiKey":"sk-test"}}
			< {"id":1,"result":{"type":"apiKey"}}
			< {"method":"account/login/completed","params":{"loginId":null,"success":true,"error":null,"onboardingEntrypoint":null},"emittedAtMs":1}
			< {"method":"account/updated","params":{"authMode":"apikey","planType":null,"reason":null},"emittedAtMs":1}
			> {"id":2,"method":"account/logout"}
			< {"id":2,"result":{}}
			< {"method":"account/updated","params":{"authMode":null,"planType":null,"reason":null},"emittedAtMs":1}`,
		"browser": `
			> {"id":1,"method":"account/login/start","params":{"type":"chatgpt"}}
			< {"id":1,"result":{"type":"chatgpt","loginId":"0b9b3a0e-6f5c-4d0e-9b57-3a3c5b0f3a11","authUrl":"http://127.0.0.1/oauth/authorize?state=s"}}
			> {"id":2,"method":"account/login/cancel","params":{"loginId":"0b9b3a0e-6f5c-4d0e-9b57-3a3c5b0f3a11"}}
			< {"id":2,"result":{"status":"canceled"}}
			< {"method":"account/login/completed","params":{"loginId":"0b9b3a0e-6f5c-4d0e-9b57-3a3c5b0f3a11","success":false,"error":"Login server error: Login was not completed","onboardingEntrypoint":null},"emittedAtMs":1}`,
		"device code": `
			> {"id":1,"method":"account/login/start","params":{"type":"chatgptDeviceCode"}}
			< {"id":1,"result":{"type":"chatgptDeviceCode","loginId":"l","userCode":"ABCD-1234","verificationUrl":"http://127.0.0.1/codex/device"}}`,
		"external tokens": `
			> {"id":1,"method":"account/login/start","params":{"type":"chatgptAuthTokens","accessToken":"a.b.c","chatgptAccountId":"acct"}}
			< {"id":1,"result":{"type":"chatgptAuthTokens"}}
			< {"id":0,"method":"account/chatgptAuthTokens/refresh","params":{"reason":"unauthorized","previousAccountId":"acct"}}
			> {"id":0,"result":{"accessToken":"d.e.f","chatgptAccountId":"acct","chatgptPlanType":null}}`,
		"rate limits": `
			> {"id":1,"method":"account/rateLimits/read"}
			< {"id":1,"result":{"ordinaryUsageAllowed":null,"rateLimits":` + limits + `,"rateLimitsByLimitId":{"codex":` + limits + `},"rateLimitResetCredits":{"availableCount":2,"credits":null},"accountId":"acct_123","rateLimitUpsell":null}}`,
		"health": `
			> {"id":1,"method":"account/health/read"}
			< {"id":1,"result":` + health + `}
			< {"method":"account/health/updated","params":` + health + `,"emittedAtMs":1}`,
		"one id for two requests": `
			> {"id":1,"method":"account/read","params":{}}
			> {"id":1,"method":"account/logout"}
			< {"id":1,"result":{}}
			< {"id":1,"result":{"account":{"type":"apiKey"},"requiresOpenaiAuth":true,"userId":null,"workspaceRouting":null}}`,
		"one id, and the second is refused first": `
			> {"id":1,"method":"account/logout"}
			> {"id":1,"method":"no/such"}
			< {"id":1,"error":{"code":-32600,"message":"Invalid request"}}
			< {"id":1,"result":{}}`,
		"refusal": `
			> {"id":1,"method":"thread/start","params":{}}
			< {"id":1,"error":{"code":-32600,"message":"Invalid request"}}`,
	} {
		t.Run(name, func(t *testing.T) { require.NoError(t, play(t, lines)) })
	}
}

const (
	limits = `{"limitId":"codex","limitName":null,"normalModelSlug":null,"primary":{"usedPercent":42,"windowDurationMins":60,"resetsAt":1735689720},` +
		`"secondary":null,"credits":{"hasCredits":true,"unlimited":false,"balance":"9.99"},"individualLimit":null,"spendControlReached":false,"planType":"pro","rateLimitReachedType":null}`
	health = `{"state":"Stale","reason":null,"since":"2026-11-25T08:00:00Z","fingerprint":"0a1b2c3d","accessExpiresAt":null,"lastAttemptAt":"2026-11-25T08:00:00.5Z",` +
		`"nextAttemptAt":null,"unsaved":false,"inDoubt":false,"action":"wait"}`
)

func TestMistakesOfTheServerAreFound(t *testing.T) {
	const ask = `> {"id":1,"method":"getAuthStatus","params":{}}` + "\n"
	const read = `> {"id":1,"method":"account/read","params":{}}` + "\n"
	for name, lines := range map[string]string{
		"a null left out":       ask + `< {"id":1,"result":{"authMethod":null,"requiresOpenaiAuth":true}}`,
		"a member too many":     ask + `< {"id":1,"result":{"authMethod":null,"authToken":null,"requiresOpenaiAuth":true,"refreshToken":"r"}}`,
		"an unknown mode":       ask + `< {"id":1,"result":{"authMethod":"ApiKey","authToken":null,"requiresOpenaiAuth":true}}`,
		"a wrong type":          ask + `< {"id":1,"result":{"authMethod":null,"authToken":null,"requiresOpenaiAuth":"true"}}`,
		"another method's":      ask + `< {"id":1,"result":{}}`,
		"an unknown plan":       read + `< {"id":1,"result":{"account":{"type":"chatgpt","email":null,"planType":"gold"},"requiresOpenaiAuth":true,"userId":null,"workspaceRouting":null}}`,
		"an id without request": ask + `< {"id":2,"error":{"code":-32600,"message":"no"}}`,
		"an id of another type": ask + `< {"id":"1","error":{"code":-32600,"message":"no"}}`,
		"a second answer":       ask + `< {"id":1,"error":{"code":-32600,"message":"no"}}` + "\n" + `< {"id":1,"error":{"code":-32600,"message":"no"}}`,
		"an error with details": ask + `< {"id":1,"error":{"code":-32600,"message":"no","data":"secret"}}`,
		"a fraction as code":    ask + `< {"id":1,"error":{"code":1.5,"message":"no"}}`,
		"an unknown method":     `< {"method":"account/gone","params":{},"emittedAtMs":1}`,
		"no time":               `< {"method":"account/updated","params":{"authMode":null,"planType":null,"reason":null}}`,
		"no parameters":         `< {"method":"account/updated","emittedAtMs":1}`,
		"a time that is none":   `< {"method":"account/health/updated","params":` + strings.Replace(health, "T08", " 08", 1) + `,"emittedAtMs":1}`,
		"a server's own method": `< {"id":1,"method":"getAuthStatus","params":{}}`,
		"no object":             `< []`,
		"no JSON":               `< {"id":1`,
		"two values":            `< {"method":"account/updated","params":{"authMode":null,"planType":null,"reason":null},"emittedAtMs":1}{}`,
		"result and error":      ask + `< {"id":1,"result":{"authMethod":null,"authToken":null,"requiresOpenaiAuth":true},"error":null}`,
	} {
		t.Run(name, func(t *testing.T) { require.Error(t, play(t, lines)) })
	}
}

func TestTypeChecksOneValue(t *testing.T) {
	Type(t, "PlanType", []byte(`"pro"`))
	silent := &recorder{TB: t}
	Type(silent, "PlanType", []byte(`"gold"`))
	Type(silent, "NoSuchType", []byte(`1`))
	require.Equal(t, 2, silent.failures)
}

// recorder counts failures and does not fail.
type recorder struct {
	testing.TB
	failures int
}

func (r *recorder) Errorf(string, ...any) { r.failures++ }

func TestEveryMessageHasCodexsSchemaOrAReason(t *testing.T) {
	for _, method := range schema.Methods() {
		for _, name := range []string{method.Params, method.Result} {
			if name == "" {
				continue
			}
			_, known := codex()[name]
			require.NotEqual(t, known, departures[name] != "", "%s: either Codex's schema or a reason", name)
		}
	}
}

func TestEveryTypeOfCodexIsPublishedOrHasAReason(t *testing.T) {
	files := codexFiles()
	require.NotEmpty(t, files)
	for name := range files {
		_, published := ours()[name]
		require.NotEqual(t, published, leftOut[name] != "", "%s: either a type or a reason", name)
	}
	require.Subset(t, slices.Collect(maps.Keys(files)), slices.Collect(maps.Keys(leftOut)))
}

func TestCodexsSchemaIsCheckedToo(t *testing.T) {
	const onlyTheirs = "AccountRateLimitsUpdatedNotification"
	require.NotContains(t, ours(), onlyTheirs)
	require.NoError(t, conforms(onlyTheirs, decode([]byte(`{"rateLimits":{}}`))))
	require.Error(t, conforms(onlyTheirs, decode([]byte(`{}`))))
}
