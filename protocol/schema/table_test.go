package schema

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// vocabulary reads what package protocol exports: the names of its types and
// the values of its constants.
func vocabulary(t *testing.T) (typeNames, constants []string) {
	files, err := filepath.Glob("../*.go")
	require.NoError(t, err)
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch spec := n.(type) {
			case *ast.TypeSpec:
				typeNames = append(typeNames, spec.Name.Name)
			case *ast.ValueSpec:
				for _, value := range spec.Values {
					constants = append(constants, must(strconv.Unquote(value.(*ast.BasicLit).Value)))
				}
			}
			return true
		})
	}
	require.NotEmpty(t, typeNames)
	require.NotEmpty(t, constants)
	return typeNames, constants
}

func TestEveryTypeOfTheProtocolIsPublished(t *testing.T) {
	known := map[string]bool{}
	for _, each := range types() {
		if each.goType != nil {
			known[each.goType.Name()] = true
		}
		for _, variant := range each.variants {
			known[variant.goType.Name()] = true
		}
	}
	typeNames, _ := vocabulary(t)
	for _, name := range typeNames {
		require.True(t, known[name], "protocol.%s is not in the table of types", name)
	}
}

func TestEveryWordOfTheProtocolIsPublished(t *testing.T) {
	known := map[string]bool{}
	for _, method := range Methods() {
		known[method.Name] = true
	}
	for _, each := range types() {
		for _, variant := range each.variants {
			known[variant.tag] = true
		}
		if each.node != nil {
			for _, word := range each.node.Enum {
				known[word] = true
			}
		}
	}
	_, constants := vocabulary(t)
	for _, word := range constants {
		require.True(t, known[word], "%q is neither a method nor a word of any set", word)
	}
}

func TestEveryTypeOfTheTableIsUsed(t *testing.T) {
	all := definitions()
	used := map[string]bool{}
	for _, method := range Methods() {
		for _, name := range []string{method.Params, method.Result} {
			if name != "" {
				require.Contains(t, all, name, method.Name)
				used[name] = true
			}
		}
	}
	for _, n := range all {
		for name := range direct(n) {
			require.Contains(t, all, name, n.Title)
			used[name] = true
		}
	}
	for _, each := range types() {
		envelope := each.name == "JSONRPCResponse" || each.name == "JSONRPCError"
		require.True(t, used[each.name] || envelope, each.name)
		require.NotEmpty(t, all[each.name].Description, each.name)
	}
}

// A value of the Go type is written with exactly the members that its schema
// requires when it is empty, and with all of them when it is full: the
// schema and encoding/json agree on null and on members that may be left out.
func TestGoWritesWhatTheSchemaSays(t *testing.T) {
	for _, each := range types() {
		if each.goType == nil {
			continue
		}
		n := record(each.goType)
		empty, full := reflect.New(each.goType).Elem(), reflect.New(each.goType).Elem()
		for i := range full.NumField() {
			fill(full.Field(i))
		}
		requireMembers(t, n.Required, empty, each.name)
		var all []string
		for _, member := range n.Properties {
			all = append(all, member.name)
		}
		requireMembers(t, all, full, each.name)
		for name, value := range written(empty) {
			require.Equal(t, value == nil, mayBeNull(n, name), "%s.%s", each.name, name)
		}
	}
}

func requireMembers(t *testing.T, want []string, value reflect.Value, name string) {
	t.Helper()
	var got []string
	for member := range written(value) {
		got = append(got, member)
	}
	require.ElementsMatch(t, want, got, name)
}

func written(value reflect.Value) map[string]any {
	var members map[string]any
	if err := json.Unmarshal(must(json.Marshal(value.Interface())), &members); err != nil {
		panic(err)
	}
	return members
}

func mayBeNull(n *node, name string) bool {
	for _, member := range n.Properties {
		if member.name != name {
			continue
		}
		for _, kind := range append(member.value.Type, last(member.value.AnyOf).Type...) {
			if kind == null {
				return true
			}
		}
	}
	return false
}

func last(nodes []*node) *node {
	if len(nodes) == 0 {
		return &node{}
	}
	return nodes[len(nodes)-1]
}

// fill gives a field some value that is not its zero one.
func fill(field reflect.Value) {
	switch field.Kind() {
	case reflect.String:
		field.SetString("x")
	case reflect.Bool:
		field.SetBool(true)
	case reflect.Int32, reflect.Int64:
		field.SetInt(1)
	case reflect.Pointer:
		field.Set(reflect.New(field.Type().Elem()))
	case reflect.Slice:
		field.Set(reflect.MakeSlice(field.Type(), 1, 1))
	case reflect.Map:
		field.Set(reflect.MakeMap(field.Type()))
	case reflect.Struct:
		for i := range field.NumField() {
			fill(field.Field(i))
		}
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
