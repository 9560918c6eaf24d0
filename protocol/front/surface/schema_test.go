package surface

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// stableSchema and experimentalSchema are two small files of the form that Codex writes.
const (
	stableSchema = `{
		"definitions": {
			"AskForApproval": {"oneOf": [{"type": "string", "enum": ["never"]}, {"type": "object", "properties": {"granular": true}}]},
			"Start": {"type": "object", "properties": {"cwd": {"type": "string"}, "defer": {"$ref": "#/definitions/Defer"}, "policy": {"anyOf": [{"$ref": "#/definitions/AskForApproval"}, {"type": "null"}]}}},
			"Defer": {"type": "object"}
		},
		"oneOf": [
			{"properties": {"method": {"enum": ["start"]}, "params": {"$ref": "#/definitions/Start"}}},
			{"properties": {"method": {"enum": ["reset"]}, "params": {"type": "null"}}}
		]
	}`
	experimentalSchema = `{
		"definitions": {
			"AskForApproval": {"oneOf": [{"type": "string", "enum": ["never"]}, {"type": "object", "properties": {"granular": true}}]},
			"Start": {"type": "object", "properties": {
				"cwd": {"type": "string"}, "defer": {"$ref": "#/definitions/Defer"}, "policy": {"anyOf": [{"$ref": "#/definitions/AskForApproval"}, {"type": "null"}]},
				"raw": {"type": "boolean"}, "saved": {"type": ["boolean", "null"]}, "path": {"type": ["string", "null"], "default": null},
				"tools": {"type": ["array", "null"]}, "mode": {"anyOf": [{"$ref": "#/definitions/Mode"}, {"type": "null"}]}, "any": true, "loop": {"$ref": "#/definitions/Loop"}
			}},
			"Defer": {"type": "object", "properties": {"output": {"type": "boolean"}}},
			"Mode": {"type": "string", "enum": ["one"]},
			"Loop": {"allOf": [{"$ref": "#/definitions/Loop"}]},
			"Search": {"type": "object", "properties": {"term": {"type": "string"}}, "required": ["term"]}
		},
		"oneOf": [
			{"properties": {"method": {"enum": ["start"]}, "params": {"$ref": "#/definitions/Start"}}},
			{"properties": {"method": {"enum": ["reset"]}, "params": {"type": "null"}}},
			{"properties": {"method": {"enum": ["search"]}, "params": {"$ref": "#/definitions/Search"}}},
			{"properties": {"method": {"enum": ["status"]}, "params": {"anyOf": [{"$ref": "#/definitions/Search"}, {"type": "null"}]}}},
			{"properties": {"method": {"enum": ["clean"]}, "params": {"type": "null"}}}
		]
	}`
)

func TestReadFindsWhatOnlyTheExperimentalSchemaHas(t *testing.T) {
	table, err := Read([]byte(stableSchema), []byte(experimentalSchema))
	require.NoError(t, err)
	require.True(t, table.Shapes["start"].fits(json.RawMessage(`{"mode":"one","loop":{"loop":{}}}`)))
	require.False(t, table.Shapes["start"].fits(json.RawMessage(`{"mode":"two"}`)))
	table.Shapes = nil
	require.Equal(t, &Table{
		Methods: map[string]Method{
			"search": {Kinds: "oa", Required: []string{"term"}},
			"status": {Kinds: "oa", Required: []string{"term"}, IsOptional: true},
			"clean":  {},
		},
		Params: map[string][]Param{"start": {
			{Path: "any", Reason: "start.any", Kinds: anyKind},
			{Path: "defer.output", Reason: "start.defer.output", Kinds: "b", Absent: "false"},
			{Path: "loop", Reason: "start.loop", Kinds: anyKind},
			{Path: "mode", Reason: "start.mode", Kinds: "s"},
			{Path: "path", Reason: "start.path", Kinds: "s", Absent: `""`},
			{Path: "policy.granular", Reason: "askForApproval.granular", Kinds: anyKind},
			{Path: "raw", Reason: "start.raw", Kinds: "b", Absent: "false"},
			{Path: "saved", Reason: "start.saved", Kinds: "b"},
			{Path: "tools", Reason: "start.tools", Kinds: "a"},
		}},
	}, table)
}

func TestReadRefusesWhatIsNoSchemaOfRequests(t *testing.T) {
	for _, text := range []string{"", "{", "[]", "{}", `{"oneOf":[]}`, `{"oneOf":[{"properties":{}}]}`, `{"definitions":{"A":7}}`} {
		_, err := Read([]byte(text), []byte(experimentalSchema))
		require.Error(t, err, text)
		_, err = Read([]byte(stableSchema), []byte(text))
		require.Error(t, err, text)
	}
}

func TestTableSurvivesBeingKept(t *testing.T) {
	text, err := json.Marshal(BuiltIn())
	require.NoError(t, err)
	kept := new(Table)
	require.NoError(t, json.Unmarshal(text, kept))
	require.Equal(t, BuiltIn(), kept)
}
