package schema_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// document is a decoded JSON Schema of which instances can be drawn. It knows
// the keywords that this package and Codex use.
type document map[string]any

func parseDocument(t *testing.T, content []byte) document {
	t.Helper()
	var d document
	require.NoError(t, json.Unmarshal(content, &d))
	return d
}

// draw makes a value that matches node, a part of the document.
func (d document) draw(t *rapid.T, node map[string]any) any {
	if ref, ok := node["$ref"].(string); ok {
		definitions := d["definitions"].(map[string]any)
		return d.draw(t, definitions[strings.TrimPrefix(ref, "#/definitions/")].(map[string]any))
	}
	if words, ok := node["enum"].([]any); ok {
		return rapid.SampledFrom(words).Draw(t, "word")
	}
	for _, keyword := range []string{"anyOf", "oneOf", "allOf"} { // Codex has only one in allOf
		if alternatives, ok := node[keyword].([]any); ok {
			return d.draw(t, rapid.SampledFrom(alternatives).Draw(t, keyword).(map[string]any))
		}
	}
	switch kind := node["type"].(type) {
	case []any:
		return d.drawKind(t, node, rapid.SampledFrom(kind).Draw(t, "kind").(string))
	case string:
		return d.drawKind(t, node, kind)
	}
	return nil // any value matches
}

func (d document) drawKind(t *rapid.T, node map[string]any, kind string) any {
	switch kind {
	case "null":
		return nil
	case "boolean":
		return rapid.Bool().Draw(t, "flag")
	case "integer":
		return rapid.Int32().Draw(t, "number")
	case "string":
		if node["format"] == "date-time" {
			return "2026-11-25T08:00:00.5Z"
		}
		return rapid.StringN(0, 5, -1).Draw(t, "text")
	case "array":
		return []any{d.draw(t, node["items"].(map[string]any))}
	}
	return d.drawObject(t, node)
}

func (d document) drawObject(t *rapid.T, node map[string]any) any {
	object := map[string]any{}
	if values, ok := node["additionalProperties"].(map[string]any); ok {
		object["key"] = d.draw(t, values)
	}
	properties, _ := node["properties"].(map[string]any)
	required, _ := node["required"].([]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if !slices.Contains(required, any(name)) && !rapid.Bool().Draw(t, "has "+name) {
			continue
		}
		property, ok := properties[name].(map[string]any)
		if !ok {
			property = map[string]any{} // true
		}
		object[name] = d.draw(t, property)
	}
	return object
}
