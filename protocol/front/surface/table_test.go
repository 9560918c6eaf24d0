package surface

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// request is a request of a client without experimentalApi, and what Codex 0.171.0 said
// to it, "" if it did not speak of the capability.
type request struct {
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params,omitempty"`
	Refused string          `json:"refused"`
}

func recorded(t *testing.T) []request {
	text, err := os.ReadFile("testdata/requests.jsonl")
	require.NoError(t, err)
	var all []request
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		var each request
		require.NoError(t, json.Unmarshal(lines.Bytes(), &each))
		all = append(all, each)
	}
	require.NotEmpty(t, all)
	return all
}

func TestBuiltInTableRefusesWhatCodexRefused(t *testing.T) {
	for _, each := range recorded(t) {
		require.Equal(t, each.Refused, BuiltIn().Refusal(each.Method, each.Params), "%s %s", each.Method, each.Params)
	}
}

func TestEmptyTableRefusesNothing(t *testing.T) {
	require.Empty(t, new(Table).Refusal("memory/reset", nil))
}

func TestRefusalSurvivesParamsThatAreNoJSON(t *testing.T) {
	for _, params := range []string{"", " ", "{", `{"dynamicTools":`, "[", "nul", `{"approvalPolicy":{"granular"`} {
		require.Empty(t, BuiltIn().Refusal("thread/start", json.RawMessage(params)), params)
	}
}

func TestRefusalSeesPastSpaceAndEscapes(t *testing.T) {
	for _, params := range []string{"\t{ \"dynamicTools\" :\n [] }", `{"dynamic\u0054ools":[]}`} {
		require.NotEmpty(t, BuiltIn().Refusal("thread/start", json.RawMessage(params)), params)
	}
	require.Empty(t, BuiltIn().Refusal("thread/start", json.RawMessage(` {"experimentalRawEvents" : false } `)))
}

// What each of these was answered by Codex 0.171.0 is in the words of its decoder.
func TestWhatCodexCannotDecodeIsLeftToIt(t *testing.T) {
	const granular = `{"granular":{"sandbox_approval":true,"rules":true,"skill_approval":true,"request_permissions":true,"mcp_elicitations":true}}`
	for method, all := range map[string][]string{
		"command/exec":         {`{"permissionProfile":"x"}`},
		"thread/items/list":    {`{"deferOutput":{"commandExecution":true}}`},
		"thread/resume":        {`{"threadId":"x","history":[1]}`, `{"threadId":"x","history":[{}]}`, `{"history":[]}`},
		"thread/start":         {`{"dynamicTools":[1]}`, `{"environments":[{}]}`, `{"historyMode":"zz"}`, `{"approvalPolicy":{"granular":{}}}`, `{"approvalPolicy":{"granular":1}}`, `{"dynamicTools":[],"cwd":5}`},
		"turn/steer":           {`{"threadId":"x","input":[],"expectedTurnId":"t","additionalContext":[]}`, `{"threadId":"x","input":[],"expectedTurnId":"t","responsesapiClientMetadata":{"x":1}}`},
		"turn/start":           {`{"threadId":"x","input":[],"collaborationMode":{}}`},
		"thread/start refused": {`{"dynamicTools":[]}`, `{"environments":null,"approvalPolicy":` + granular + `}`, `{"historyMode":"legacy","cwd":null,"unknown":{}}`},
		"turn/steer refused":   {`{"threadId":"x","input":[],"expectedTurnId":"t","responsesapiClientMetadata":{"x":"y"}}`},
	} {
		method, isRefused := strings.CutSuffix(method, " refused")
		for _, params := range all {
			require.Equal(t, isRefused, BuiltIn().Refusal(method, json.RawMessage(params)) != "", "%s %s", method, params)
		}
	}
}

func TestReadStateIsForExperimentalClients(t *testing.T) {
	require.True(t, IsForExperimental("thread/readState/changed"))
	require.False(t, IsForExperimental("turn/completed"))
}
