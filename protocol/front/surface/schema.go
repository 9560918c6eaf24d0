package surface

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Read makes the table of a Codex from its ClientRequest.json, as `codex app-server
// generate-json-schema` writes it without and with --experimental. An error says that one
// of them is no such file: use BuiltIn.
func Read(stable, experimental []byte) (*Table, error) {
	before, err := readRequests(stable)
	if err != nil {
		return nil, err
	}
	after, err := readRequests(experimental)
	if err != nil {
		return nil, err
	}
	t := &Table{Methods: map[string]Method{}, Params: map[string][]Param{}, Shapes: map[string]Shape{}}
	for method, params := range after.methods {
		was, isStable := before.methods[method]
		if !isStable {
			t.Methods[method] = after.method(params)
			continue
		}
		found := newParams(method, before.object(was), after.object(params), before, after)
		found = append(found, after.granular(params)...)
		if len(found) > 0 {
			t.Params[method] = inOrder(method, found)
			t.Shapes[method] = after.shape(params, shapeDepth)
		}
	}
	return t, nil
}

// requests is a ClientRequest.json.
type requests struct {
	definitions map[string]schema
	methods     map[string]schema // with the schema of the params
	isOld       bool              // of a Codex that had persistExtendedHistory: it looked at values in another way
}

// schema is the part of a JSON schema that this package reads.
type schema struct {
	Ref        string            `json:"$ref"`
	Type       texts             `json:"type"`
	Enum       []any             `json:"enum"`
	Properties map[string]schema `json:"properties"`
	Required   []string          `json:"required"`
	Default    json.RawMessage   `json:"default"` // null if null is the default; nil if there is none
	AllOf      []schema          `json:"allOf"`
	AnyOf      []schema          `json:"anyOf"`
	OneOf      []schema          `json:"oneOf"`
	Items      *schema           `json:"items"`
	Additional *schema           `json:"additionalProperties"`
	isAny      bool
}

// UnmarshalJSON also reads true, the schema of any value, and false, which stands where no
// other members are known, and a list of schemas, which is not read.
func (s *schema) UnmarshalJSON(text []byte) error {
	if text[0] == 't' || text[0] == 'f' || text[0] == '[' {
		s.isAny = true
		return nil
	}
	type plain schema
	return json.Unmarshal(text, (*plain)(s))
}

// texts is one text or a list of them.
type texts []string

func (t *texts) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		*t = make(texts, 1)
		return json.Unmarshal(text, &(*t)[0])
	}
	return json.Unmarshal(text, (*[]string)(t))
}

var errNoRequests = errors.New("it lists no requests")

func readRequests(text []byte) (*requests, error) {
	var file struct {
		Definitions map[string]schema `json:"definitions"`
		OneOf       []schema          `json:"oneOf"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("schema of requests: %w", err)
	}
	r := &requests{definitions: file.Definitions, methods: map[string]schema{}}
	for _, each := range file.OneOf {
		if names := each.Properties["method"].Enum; len(names) == 1 {
			name, _ := names[0].(string)
			r.methods[name] = each.Properties["params"]
		}
	}
	if len(r.methods) == 0 {
		return nil, fmt.Errorf("schema of requests: %w", errNoRequests)
	}
	_, r.isOld = r.object(r.methods["thread/start"]).Properties["persistExtendedHistory"]
	return r, nil
}

// depthLimit ends the way along references that lead back to themselves.
const depthLimit = 8

// object is the definition that a schema refers to, past null and references.
func (r *requests) object(s schema) schema {
	for range depthLimit {
		choices := slices.DeleteFunc(slices.Concat(s.AllOf, s.AnyOf), func(c schema) bool { return slices.Equal(c.Type, texts{"null"}) })
		switch {
		case s.Ref != "":
			s = r.definitions[s.Ref[strings.LastIndex(s.Ref, "/")+1:]]
		case len(choices) == 1:
			s = choices[0]
		default:
			return s
		}
	}
	return schema{}
}

// method is what a method with these params takes.
func (r *requests) method(params schema) Method {
	if slices.Equal(params.Type, texts{"null"}) {
		return Method{}
	}
	kinds, isOptional := r.kinds(params, depthLimit)
	return Method{Kinds: kinds, IsOptional: isOptional, Required: slices.Sorted(slices.Values(r.object(params).Required))}
}

// newParams are the members that an object has in after and not in before, with those of
// its members one step down.
func newParams(path string, was, is schema, before, after *requests) []Param {
	var found []Param
	for _, name := range slices.Sorted(maps.Keys(is.Properties)) {
		old, isStable := was.Properties[name]
		if !isStable {
			found = append(found, after.param(path+"."+name, is.Properties[name]))
			continue
		}
		if strings.Count(path, ".") == 0 {
			found = append(found, newParams(path+"."+name, before.object(old), after.object(is.Properties[name]), before, after)...)
		}
	}
	return found
}

// param is an experimental member. What counts as none is what Codex's own type of it
// says, as far as the schema shows the type.
func (r *requests) param(reason string, s schema) Param {
	method, path, _ := strings.Cut(reason, ".")
	kinds, isNullable := r.kinds(s, depthLimit)
	p := Param{Path: path, Reason: method + "." + cmp.Or(renamed[path], path), Kinds: kinds, NullCounts: nullCounts[reason]}
	switch {
	case !isNullable && kinds == "b":
		p.Absent = "false"
	case !isNullable && kinds == "a", r.isOld && kinds == "a":
		p.Absent = "[]"
	case isNullable && kinds == "s" && string(s.Default) == "null":
		p.Absent = `""`
	}
	return p
}

// renamed are members that Codex calls otherwise when it refuses them.
var renamed = map[string]string{"persistExtendedHistory": "persistFullHistory"}

// nullCounts are the members for which null is a value. The schema does not tell them
// from others that may be null.
var nullCounts = map[string]bool{"thread/list.projectId": true}

// letters are the kinds of values that Codex decodes as a type. An array of its members
// is as good as an object.
var letters = map[string]string{"object": "oa", "array": "a", "string": "s", "number": "n", "integer": "n", "boolean": "b"}

// kinds are the letters of the values that a schema allows, and whether null is allowed.
// A schema that says nothing that is known here allows all.
func (r *requests) kinds(s schema, depth int) (kinds string, isNullable bool) {
	if s.Ref != "" {
		s = r.definitions[s.Ref[strings.LastIndex(s.Ref, "/")+1:]]
	}
	choices := slices.Concat(s.AllOf, s.AnyOf, s.OneOf)
	if s.isAny || depth == 0 || len(s.Type)+len(choices) == 0 {
		return anyKind, true
	}
	for _, each := range s.Type {
		isNullable = isNullable || each == "null"
		kinds += letters[each]
	}
	if len(s.Type) > 0 {
		choices = nil // they only say more about it
	}
	for _, each := range choices {
		inner, nullable := r.kinds(each, depth-1)
		isNullable = isNullable || nullable
		kinds += inner
	}
	kinds = strings.Map(func(kind rune) rune {
		if strings.ContainsRune(kinds, kind) {
			return kind
		}
		return -1
	}, anyKind)
	return kinds, isNullable
}

// granular are the params with an approval policy. Codex refuses one form of it, which
// the schema does not mark.
func (r *requests) granular(params schema) []Param {
	var found []Param
	for name, each := range r.object(params).Properties {
		isPolicy := strings.HasSuffix(each.Ref, "/AskForApproval") ||
			slices.ContainsFunc(slices.Concat(each.AllOf, each.AnyOf), func(c schema) bool { return strings.HasSuffix(c.Ref, "/AskForApproval") })
		if isPolicy {
			found = append(found, Param{Path: name + ".granular", Reason: "askForApproval.granular", Kinds: anyKind})
		}
	}
	return found
}

// inOrder sorts params as Codex looks at them, as far as that is known. Others follow by
// their names.
func inOrder(method string, params []Param) []Param {
	known := builtIn().Params[method]
	place := func(p Param) int {
		at := slices.IndexFunc(known, func(k Param) bool { return k.Path == p.Path })
		if at < 0 {
			return len(known)
		}
		return at
	}
	slices.SortFunc(params, func(a, b Param) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a.Path, b.Path))
	})
	return params
}
