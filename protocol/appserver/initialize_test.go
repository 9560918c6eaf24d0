package appserver

import (
	"encoding/json"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/protocol"
)

func TestMethodsNeedTheHandshake(t *testing.T) {
	params := map[string]string{
		protocol.LoginStart:  `{"type":"apiKey","apiKey":"sk-1"}`,
		protocol.LoginCancel: `{"loginId":"11111111-1111-1111-1111-111111111111"}`,
	}
	synctest.Test(t, func(t *testing.T) {
		s, close := open(t, nil, nil)
		defer close()
		for _, method := range methodNames {
			if method == protocol.Initialize {
				continue
			}
			given := params[method]
			if given == "" {
				given = `{}`
			}
			_, message := errorOf(t, s.answer(method, given))
			require.Equal(t, "Not initialized", message, method)
		}
		s.shakeHands()
		require.Contains(t, s.answer(protocol.GetAuthStatus, `{"includeToken":true}`), `"authMethod":null`, "and no login was made")
	})
}

// A struct of Codex's decoder may come as the sequence of its values, as 0.171.0 does it.
func TestParamsMayBeTheirValuesWithoutNames(t *testing.T) {
	for _, params := range []string{
		`[{"name":"editor","version":"9"},null]`,
		`[["editor",null,"9"],{"experimentalApi":true}]`,
		`{"clientInfo":["editor",null,"9"],"capabilities":[false,false,true,false,false,["a/b"],null]}`,
	} {
		synctest.Test(t, func(t *testing.T) {
			s, close := open(t, apiKey("sk-1"), nil)
			defer close()
			require.Contains(t, s.answer(protocol.Initialize, params), `"userAgent":`, params)
			require.Equal(t, strings.Contains(params, "true"), s.server.experimental, params)
			require.Contains(t, s.answer(protocol.GetAuthStatus, `[true,null]`), `"authToken":"sk-1"`)
			require.Contains(t, s.answer(protocol.AccountRead, `[]`), `"type":"apiKey"`)
		})
	}
}

// What a server behind gets has the form of what the client sent.
func TestParamsForAServerBehindKeepTheirForm(t *testing.T) {
	for params, want := range map[string]string{
		`{"clientInfo":["e",null,"1"]}`:                            `{"capabilities":{"experimentalApi":true,"optOutNotificationMethods":["x/y"]},"clientInfo":["e",null,"1"]}`,
		`[{"name":"e","version":"1"},null]`:                        `[{"name":"e","version":"1"},{"experimentalApi":true,"optOutNotificationMethods":["x/y"]}]`,
		`[["e",null,"1"],[true,true,false,false,true,["a/b"],{}]]`: `[["e",null,"1"],[true,true,true,false,true,["a/b","x/y"],{}]]`,
	} {
		require.Equal(t, want, string(Outfitted(json.RawMessage(params), "x/y")))
	}
}

func TestInitializeIsAnsweredOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, close := open(t, nil, nil)
		defer close()
		for _, name := range []string{`a\nb`, `a\u0000`, `\u007f`, `é`} {
			var raw string
			require.NoError(t, json.Unmarshal([]byte(`"`+name+`"`), &raw))
			_, message := errorOf(t, s.answer(protocol.Initialize, `{"clientInfo":{"name":"`+name+`","version":"1"}}`))
			require.Equal(t, "Invalid clientInfo.name: '"+raw+"'. Must be a valid HTTP header value.", message)
		}
		s.shakeHands()
		_, message := errorOf(t, s.answer(protocol.Initialize, `{"clientInfo":{"name":"editor","version":"9"}}`))
		require.Equal(t, "Already initialized", message)
	})
}

// TestClientIsIntroducedToTheIssuer: the name of the client is in two headers of every
// request to the issuer.
func TestClientIsIntroducedToTheIssuer(t *testing.T) {
	var originator, agent string
	synctest.Test(t, func(t *testing.T) {
		s, close := open(t, nil, func(o *Options, _ *engine.Options) {
			o.Introduce = func(name, userAgent string) { originator, agent = name, userAgent }
		})
		defer close()
		line := s.answer(protocol.Initialize, `{"clientInfo":{"name":"my editor","title":"Mine","version":"9\u00fc\n"},"capabilities":null}`)
		var answer struct{ Result protocol.InitializeResponse }
		require.NoError(t, json.Unmarshal([]byte(line), &answer))
		require.Equal(t, "/home/ada/.codex", answer.Result.CodexHome)
		require.Equal(t, agent, answer.Result.UserAgent)
		require.Equal(t, platformOS(), answer.Result.PlatformOS)
		require.Equal(t, platformFamily(), answer.Result.PlatformFamily)
	})
	require.Equal(t, "my editor", originator)
	require.Regexp(t, `^my editor/1\.2\.3 \(.+ .+; .+\) xterm \(my editor; 9__\)$`, agent)
	switch {
	case runtime.GOOS == "windows":
		require.Regexp(t, `\(Windows [0-9]+\.[0-9]+\.[0-9]+; `, agent)
	case runtime.GOOS == "darwin":
		require.Regexp(t, `\(Mac OS [0-9]+\.[0-9]+\.[0-9]+; `, agent)
	case runtime.GOOS == "linux" && isDebian12(t):
		require.Contains(t, agent, "(Debian 12.0.0; ")
	}
}

func TestClientOfTheCommandLineIsIntroducedAtOnce(t *testing.T) {
	for name, want := range map[string]string{"my editor": "my editor", "tab\nbed": ""} {
		var originator string
		New(nil, Options{
			Client: &protocol.ClientInfo{Name: name, Version: "1"}, Introduce: func(name, _ string) { originator = name },
		})
		require.Equal(t, want, originator)
	}
}

func isDebian12(t *testing.T) bool {
	release, err := os.ReadFile("/etc/os-release")
	require.NoError(t, err)
	return strings.Contains(string(release), "ID=debian") && strings.Contains(string(release), `VERSION_ID="12"`)
}

func TestVersionHasThreeNumbers(t *testing.T) {
	for given, want := range map[string]string{"": "unknown", "12": "12.0.0", "22.04": "22.04.0", "1.2.3": "1.2.3", "1.2.3.4": "1.2.3.4"} {
		require.Equal(t, want, semantic(given))
	}
}

func TestConfigurationWarningsFollowTheHandshake(t *testing.T) {
	details := "line 3"
	synctest.Test(t, func(t *testing.T) {
		s, close := open(t, nil, func(o *Options, _ *engine.Options) {
			o.Warnings = []protocol.ConfigWarningNotification{{Summary: "one", Details: &details, Path: "/p"}, {Summary: "two"}}
		})
		defer close()
		said := s.ask(hello)
		require.Len(t, said, 3)
		require.Contains(t, said[0], `"id":"hello"`)
		require.Contains(t, said[1], `{"method":"configWarning","params":{"summary":"one","details":"line 3","path":"/p"},"emittedAtMs":`)
		require.Contains(t, said[2], `"params":{"summary":"two","details":null}`)
	})
}

func TestOptedOutNotificationsAreNotSent(t *testing.T) {
	all := []string{protocol.ConfigWarning, protocol.LoginCompleted, protocol.AccountUpdated}
	for _, unwanted := range [][]string{{}, {protocol.AccountUpdated}, {protocol.ConfigWarning, "no/such"}, all} {
		synctest.Test(t, func(t *testing.T) {
			s, close := open(t, nil, func(o *Options, _ *engine.Options) {
				o.Warnings = []protocol.ConfigWarningNotification{{Summary: "one"}}
			})
			defer close()
			list, err := json.Marshal(unwanted)
			require.NoError(t, err)
			said := strings.Join(s.ask(
				`{"id":1,"method":"initialize","params":{"clientInfo":{"name":"e","version":"1"},"capabilities":{"optOutNotificationMethods":`+string(list)+`}}}`,
				`{"id":2,"method":"account/login/start","params":{"type":"apiKey","apiKey":"sk-1"}}`,
			), "\n")
			for _, method := range all {
				unwanted := strings.Contains(string(list), `"`+method+`"`)
				require.Equal(t, !unwanted, strings.Contains(said, `"method":"`+method+`"`), "%s of %s", method, list)
			}
		})
	}
}
