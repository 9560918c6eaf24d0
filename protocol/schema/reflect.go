package schema

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// record is the node of a struct of package protocol; the package's
// documentation says how its fields are read.
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

// union is a value of one of several structs, which their member "type" tells
// apart.
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
