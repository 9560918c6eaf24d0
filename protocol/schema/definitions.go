package schema

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// definitions are the nodes of all types, by their names.
func definitions() map[string]*node {
	all := map[string]*node{}
	for _, each := range types() {
		n := each.node
		switch {
		case each.goType != nil:
			n = record(each.goType)
		case each.variants != nil:
			n = union(each.name, each.variants)
		}
		named := *n
		named.Title, named.Description = each.name, each.about
		all[each.name] = &named
	}
	for _, kind := range []Kind{ClientRequest, ClientNotification, ServerRequest, ServerNotification} {
		all[string(kind)] = messages(kind)
	}
	for _, method := range Methods() {
		about(all, method.Params, "The parameters of "+method.Name+".")
		about(all, method.Result, "The answer to "+method.Name+".")
	}
	return all
}

// about describes a type that has no description of its own.
func about(all map[string]*node, name, text string) {
	if n := all[name]; n != nil && n.Description == "" {
		n.Description = text
	}
}

var kindAbout = map[Kind]string{
	ClientRequest:      "What a client can ask.",
	ClientNotification: "What a client can say unasked.",
	ServerRequest:      "What the server can ask.",
	ServerNotification: "What the server can say unasked.",
}

// messages is the union of all messages of a kind, which differ by their method.
func messages(kind Kind) *node {
	all := &node{Title: string(kind), Description: kindAbout[kind]}
	for _, method := range Methods() {
		if method.Kind == kind {
			all.OneOf = append(all.OneOf, method.message())
		}
	}
	return all
}

func (m Method) message() *node {
	var parts []member
	if m.Result != "" {
		parts = append(parts, member{"id", ref("RequestId")})
	}
	parts = append(parts, member{"method", words(m.Name)})
	if m.Params != "" {
		parts = append(parts, member{"params", ref(m.Params)})
	}
	if m.Kind == ServerNotification {
		parts = append(parts, member{"emittedAtMs", integer64()})
	}
	n := object(parts...)
	n.Description = m.About
	if m.Result != "" {
		n.Description += fmt.Sprintf(" Answered by %s.", m.Result)
	}
	return n
}

// direct has the names of the definitions that n itself refers to.
func direct(n *node) map[string]bool {
	found := map[string]bool{}
	if n.Ref != "" {
		found[strings.TrimPrefix(n.Ref, refPrefix)] = true
	}
	for _, each := range n.children() {
		maps.Copy(found, direct(each))
	}
	return found
}

// references has the names that n refers to, itself or through others.
func references(n *node, all map[string]*node) map[string]bool {
	found := map[string]bool{}
	for names := direct(n); len(names) > 0; {
		further := map[string]bool{}
		for name := range names {
			found[name] = true
			maps.Copy(further, direct(all[name]))
		}
		maps.DeleteFunc(further, func(name string, _ bool) bool { return found[name] })
		names = further
	}
	return found
}

// record is the node of a struct of package protocol, whose package documentation says how
// the fields are read.
func record(of reflect.Type) *node {
	n := &node{Type: kinds{"object"}}
	for i := range of.NumField() {
		field := of.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		n.Properties = append(n.Properties, member{name, fieldNode(field)})
		if !slices.Contains([]string{"omitempty", "omitzero"}, options) {
			n.Required = append(n.Required, name)
		}
	}
	return n
}

func fieldNode(field reflect.StructField) *node {
	switch tag := field.Tag.Get("schema"); tag {
	case "":
		return valueNode(field.Type)
	case null:
		return &node{Type: kinds{null}}
	case "nullable":
		return valueNode(field.Type).orNull()
	case "date-time":
		n := valueNode(field.Type)
		n.Format = tag
		return n
	default:
		if kind := field.Type.Kind(); kind == reflect.Pointer || kind == reflect.Interface {
			return ref(tag).orNull()
		}
		return ref(tag)
	}
}

func valueNode(of reflect.Type) *node {
	switch of.Kind() {
	case reflect.String:
		return text()
	case reflect.Bool:
		return &node{Type: kinds{"boolean"}}
	case reflect.Int32, reflect.Int64:
		return &node{Type: kinds{"integer"}, Format: of.Kind().String()}
	case reflect.Pointer:
		return valueNode(of.Elem()).orNull()
	case reflect.Slice:
		return (&node{Type: kinds{"array"}, Items: valueNode(of.Elem())}).orNull()
	case reflect.Map:
		return (&node{Type: kinds{"object"}, Values: valueNode(of.Elem())}).orNull()
	case reflect.Struct:
		return ref(nameOf(of))
	}
	panic(fmt.Sprintf("the schema has no form for %v", of))
}

// nameOf is the published name of a struct.
func nameOf(of reflect.Type) string {
	for _, each := range types() {
		if each.goType == of {
			return each.name
		}
	}
	panic(fmt.Sprintf("%v is not in the table of types", of))
}

// union is the node of a value that is one of several structs, which differ by their member
// "type".
func union(name string, variants []variant) *node {
	n := &node{}
	for _, each := range variants {
		one := record(each.goType)
		one.Title = strings.ToUpper(each.tag[:1]) + each.tag[1:] + name
		for i := range one.Properties {
			if one.Properties[i].name == "type" {
				one.Properties[i].value = words(each.tag)
			}
		}
		n.OneOf = append(n.OneOf, one)
	}
	return n
}
