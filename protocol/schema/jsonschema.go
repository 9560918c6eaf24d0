package schema

import (
	"bytes"
	"encoding/json"
	"slices"
)

// Bundle is the file of [JSON] that has all types in one.
const Bundle = "app_server_protocol.schemas.json"

const draft07 = "http://json-schema.org/draft-07/schema#"

// JSON writes the protocol as JSON Schema, draft-07: a file for each type, and
// [Bundle]. Each file stands alone. The result is content by file name; it is
// the same every time.
func JSON() map[string][]byte {
	all := definitions()
	files := map[string][]byte{}
	for name, n := range all {
		file := *n
		file.Definitions = map[string]*node{}
		for each := range references(n, all) {
			file.Definitions[each] = all[each]
		}
		files[name+".json"] = file.encode()
	}
	bundle := node{
		Title:       "AppServerProtocol",
		Description: "All types of the app-server protocol's account surface.",
		Definitions: all,
	}
	files[Bundle] = bundle.encode()
	return files
}

// encode is the content of a file.
func (n *node) encode() []byte {
	n.Schema = draft07
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(n); err != nil {
		panic(err) // a node is plain data
	}
	return out.Bytes()
}

// node is a JSON Schema as this package writes it: the few keywords that the
// protocol needs, in the order in which a reader wants them. The zero node
// accepts everything.
type node struct {
	Schema      string           `json:"$schema,omitempty"`
	Title       string           `json:"title,omitempty"`
	Description string           `json:"description,omitempty"`
	Ref         string           `json:"$ref,omitempty"`
	Type        kinds            `json:"type,omitempty"`
	Format      string           `json:"format,omitempty"`
	Enum        []string         `json:"enum,omitempty"`
	Items       *node            `json:"items,omitempty"`
	Properties  members          `json:"properties,omitempty"`
	Values      *node            `json:"additionalProperties,omitempty"` // of a map
	Required    []string         `json:"required,omitempty"`
	AnyOf       []*node          `json:"anyOf,omitempty"`
	OneOf       []*node          `json:"oneOf,omitempty"`
	Definitions map[string]*node `json:"definitions,omitempty"`
}

// kinds are the JSON types that a value may have.
type kinds []string

// MarshalJSON writes a single kind without brackets.
func (k kinds) MarshalJSON() ([]byte, error) {
	if len(k) == 1 {
		return json.Marshal(k[0])
	}
	return json.Marshal([]string(k))
}

// members are the properties of an object, in the order of the Go type.
type members []member

type member struct {
	name  string
	value *node
}

// MarshalJSON writes the object that a map would write in another order.
func (m members) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	for i, each := range m {
		value, err := json.Marshal(each.value)
		if err != nil {
			return nil, err
		}
		name, _ := json.Marshal(each.name) // a string
		out.WriteByte("{,"[min(i, 1)])
		out.Write(name)
		out.WriteByte(':')
		out.Write(value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

const null = "null"

func text() *node             { return &node{Type: kinds{"string"}} }
func integer64() *node        { return &node{Type: kinds{"integer"}, Format: "int64"} }
func words(w ...string) *node { return &node{Type: kinds{"string"}, Enum: w} }

// object has the members, all of them required.
func object(all ...member) *node {
	n := &node{Type: kinds{"object"}, Properties: all}
	for _, each := range all {
		n.Required = append(n.Required, each.name)
	}
	return n
}

// ref is the definition of that name.
func ref(name string) *node { return &node{Ref: refPrefix + name} }

const refPrefix = "#/definitions/"

// orNull accepts null as well.
func (n *node) orNull() *node {
	if n.Type == nil {
		return &node{AnyOf: []*node{n, {Type: kinds{null}}}}
	}
	also := *n
	also.Type = append(kinds{}, append(n.Type, null)...)
	return &also
}

// alternatives are the nodes of which a value matches one.
func (n *node) alternatives() []*node { return slices.Concat(n.AnyOf, n.OneOf) }

// children are the nodes directly below.
func (n *node) children() []*node {
	all := n.alternatives()
	for _, each := range n.Properties {
		all = append(all, each.value)
	}
	for _, each := range []*node{n.Items, n.Values} {
		if each != nil {
			all = append(all, each)
		}
	}
	return all
}
