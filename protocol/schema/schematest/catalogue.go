// Package schematest checks in tests what a server sends: against the schema that this
// program publishes, read strictly (a member without a name in it is a mistake), and against
// Codex's, where Codex has one (departures lists where it has none).
package schematest

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/bezoar-auth/bezoar/protocol/schema"
)

// catalogue has the compiled schemas of one publisher, by the names of types.
type catalogue map[string]*jsonschema.Schema

// ours has the schemas that this program publishes, closed: a member without a name in them
// is a mistake.
var ours = sync.OnceValue(func() catalogue {
	documents := map[string]any{}
	for file, content := range schema.JSON() {
		if file != schema.Bundle {
			documents[typeOf(file)] = closed(decode(content))
		}
	}
	return compile(documents)
})

//go:embed testdata/codex-0.171.0
var published embed.FS

// codex has the schemas that Codex publishes.
var codex = sync.OnceValue(func() catalogue {
	documents := map[string]any{}
	for name, content := range codexFiles() {
		documents[name] = decode(content)
	}
	return compile(documents)
})

// codexFiles has Codex's schemas by the names of types.
func codexFiles() map[string][]byte {
	files := map[string][]byte{}
	folder := must(fs.Sub(published, "testdata/codex-0.171.0"))
	for _, entry := range must(fs.ReadDir(folder, ".")) {
		files[typeOf(entry.Name())] = must(fs.ReadFile(folder, entry.Name()))
	}
	return files
}

func typeOf(file string) string { return strings.TrimSuffix(file, ".json") }

func compile(documents map[string]any) catalogue {
	compiler := jsonschema.NewCompiler()
	for name, document := range documents {
		if err := compiler.AddResource("schema:"+name, document); err != nil {
			panic(err)
		}
	}
	all := catalogue{}
	for name := range documents {
		all[name] = compiler.MustCompile("schema:" + name)
	}
	return all
}

// closed forbids members without a name in all objects that have named ones.
func closed(document any) any {
	switch value := document.(type) {
	case []any:
		for i := range value {
			value[i] = closed(value[i])
		}
	case map[string]any:
		for name := range value {
			value[name] = closed(value[name])
		}
		if _, ok := value["properties"].(map[string]any); ok {
			value["additionalProperties"] = false
		}
	}
	return document
}

// conforms reports how a value fails to be of a type, by either schema.
func conforms(name string, value any) error {
	own, published := ours()[name]
	theirs, known := codex()[name]
	if !published && !known {
		return fmt.Errorf("there is no schema of a type %s", name)
	}
	var problems []error
	if published {
		problems = append(problems, own.Validate(value))
	}
	if known && departures[name] == "" {
		problems = append(problems, theirs.Validate(value))
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func decode(content []byte) any { return must(jsonschema.UnmarshalJSON(bytes.NewReader(content))) }

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// departures are the types of messages that are not checked against a schema of Codex, and
// why. All others are.
var departures = map[string]string{
	"GetAuthStatusParams":              "Codex serves the method and publishes no schema of it",
	"GetAuthStatusResponse":            "Codex serves the method and publishes no schema of it",
	"ConfigWarningNotification":        "not of the account surface; path is left out where Codex may write null",
	"GetAccountHealthResponse":         "Codex has no such method",
	"AccountHealthUpdatedNotification": "Codex has no such method",
}

// leftOut are the types that Codex publishes and this program does not, and why.
var leftOut = map[string]string{
	"AccountSessionsListParams":            "experimental, and a home holds one login",
	"AccountSessionsResponse":              "experimental, and a home holds one login",
	"AccountSessionsSwitchParams":          "experimental, and a home holds one login",
	"AccountSessionsSwitchResponse":        "experimental, and a home holds one login",
	"AccountRateLimitsUpdatedNotification": "follows the use of models, and this server serves none",
	"JSONRPCMessage":                       "any line at all",
	"JSONRPCNotification":                  "ClientNotification and ServerNotification say more",
	"JSONRPCRequest":                       "ClientRequest and ServerRequest say more",
}
