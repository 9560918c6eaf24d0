package schema_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/protocol/schema"
)

// A client that was written for Codex must understand every message of this server, and
// this server every message of such a client. So the server's messages have to be a subset
// of those of Codex, and the accepted ones a superset. Both are tried on values that are
// drawn from the narrower schema.

func TestCodexSchemaAcceptsWhatThisServerSends(t *testing.T) {
	forEachType(t, sentByServer, func(t *testing.T, own, theirs []byte) {
		requireSubset(t, own, theirs)
	})
}

func TestThisServerAcceptsWhatCodexSchemaAllows(t *testing.T) {
	forEachType(t, sentByClient, func(t *testing.T, own, theirs []byte) {
		requireSubset(t, withoutForeignLogins(t, theirs), own)
	})
}

func sentByServer(m schema.Method) []string {
	if m.Kind == schema.ClientRequest {
		return []string{m.Result}
	}
	return []string{m.Params}
}

func sentByClient(m schema.Method) []string {
	if m.Kind == schema.ClientRequest {
		return []string{m.Params}
	}
	return []string{m.Result}
}

// forEachType calls check for each type that both publish.
func forEachType(t *testing.T, names func(schema.Method) []string, check func(t *testing.T, own, theirs []byte)) {
	own, checked := schema.JSON(), 0
	all := []string{"RequestId", "JSONRPCResponse", "JSONRPCError", "JSONRPCErrorError"}
	for _, method := range schema.Methods() {
		all = append(all, names(method)...)
	}
	for _, name := range all {
		theirs, err := os.ReadFile(filepath.Join("schematest/testdata/codex-0.171.0", name+".json"))
		if err != nil {
			continue // schematest has the reasons
		}
		checked++
		t.Run(name, func(t *testing.T) { check(t, own[name+".json"], theirs) })
	}
	require.Greater(t, checked, 7)
}

// requireSubset checks that every value of narrow matches wide.
func requireSubset(t *testing.T, narrow, wide []byte) {
	from, accepts := parseDocument(t, narrow), compile(t, wide)
	rapid.Check(t, func(t *rapid.T) {
		value := wire(t, from.draw(t, from))
		require.NoError(t, accepts.Validate(value), "%v", value)
	})
}

// withoutForeignLogins takes the logins at other vendors out of Codex's schema:
// they are not for this server.
func withoutForeignLogins(t *testing.T, content []byte) []byte {
	d := parseDocument(t, content)
	variants, _ := d["oneOf"].([]any)
	foreign := func(variant any) bool {
		encoded := must(json.Marshal(variant))
		return bytes.Contains(encoded, []byte("amazonBedrock"))
	}
	if variants = slices.DeleteFunc(variants, foreign); variants != nil {
		d["oneOf"] = variants
	}
	return must(json.Marshal(d))
}

func compile(t *testing.T, content []byte) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(content))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("schema:it", document))
	compiled, err := compiler.Compile("schema:it")
	require.NoError(t, err)
	return compiled
}

// wire is a value as it comes out of a decoder.
func wire(t require.TestingT, value any) any {
	decoded, err := jsonschema.UnmarshalJSON(bytes.NewReader(must(json.Marshal(value))))
	require.NoError(t, err)
	return decoded
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
