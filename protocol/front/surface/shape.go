package surface

import (
	"encoding/json"
	"slices"
	"strings"
)

// Shape is what Codex can decode of a value, as far as its schema shows that. The zero
// Shape is any value.
type Shape struct {
	Kinds    string           `json:"kinds,omitempty"`    // as those of a Param; "" for any value
	Null     bool             `json:"null,omitempty"`     // null will do
	Texts    []string         `json:"texts,omitempty"`    // the strings that will do; none: all
	Required []string         `json:"required,omitempty"` // the members that an object has to have
	Members  map[string]Shape `json:"members,omitempty"`
	Each     *Shape           `json:"each,omitempty"`  // the elements of an array, or the members of an object of any names
	OneOf    []Shape          `json:"oneOf,omitempty"` // one of these, and nothing above counts
}

// fits is false if Codex certainly fails to decode the value.
func (s Shape) fits(value json.RawMessage) bool {
	if len(s.OneOf) > 0 {
		return slices.ContainsFunc(s.OneOf, func(each Shape) bool { return each.fits(value) })
	}
	kind := kindOf(value)
	switch {
	case s.Kinds == "":
		return true
	case kind == "":
		return s.Null
	case !strings.Contains(s.Kinds, kind):
		return false
	case kind == "s":
		return len(s.Texts) == 0 || slices.Contains(s.Texts, textOf(value))
	case kind == "o":
		return s.fitsMembers(members(value))
	case kind == "a" && s.Each != nil:
		var all []json.RawMessage
		return json.Unmarshal(value, &all) == nil && !slices.ContainsFunc(all, func(v json.RawMessage) bool { return !s.Each.fits(v) })
	}
	return true
}

func (s Shape) fitsMembers(given map[string]json.RawMessage) bool {
	if slices.ContainsFunc(s.Required, func(name string) bool { return given[name] == nil }) {
		return false
	}
	for name, value := range given {
		if of, ok := s.Members[name]; ok && !of.fits(value) {
			return false
		}
		if s.Each != nil && !s.Each.fits(value) {
			return false
		}
	}
	return true
}

func textOf(value json.RawMessage) string {
	var text string
	_ = json.Unmarshal(value, &text)
	return text
}

// shapeDepth is how many steps into params a shape goes, a reference and a choice being one
// each. What is deeper is any value.
const shapeDepth = 9

// shape is what a schema shows.
func (r *requests) shape(s schema, depth int) Shape {
	if depth == 0 || s.isAny {
		return Shape{}
	}
	if s.Ref != "" {
		return r.shape(r.definitions[s.Ref[strings.LastIndex(s.Ref, "/")+1:]], depth-1)
	}
	if len(s.AllOf) == 1 && len(s.Type) == 0 {
		return r.shape(s.AllOf[0], depth-1)
	}
	if choices := slices.Concat(s.AnyOf, s.OneOf); len(choices) > 0 && len(s.AllOf)+len(s.Properties) == 0 {
		var found Shape
		for _, each := range choices {
			found.OneOf = append(found.OneOf, r.shape(each, depth-1))
		}
		return found
	}
	if len(s.AllOf)+len(s.AnyOf)+len(s.OneOf) > 0 {
		return Shape{} // this package does not join schemas
	}
	return r.plainShape(s, depth)
}

// plainShape is that of a schema without choices.
func (r *requests) plainShape(s schema, depth int) Shape {
	found := Shape{Required: s.Required}
	for _, each := range s.Type {
		found.Null = found.Null || each == "null"
		found.Kinds += letters[each]
	}
	for _, each := range s.Enum {
		if text, ok := each.(string); ok {
			found.Texts = append(found.Texts, text)
		}
	}
	if found.Kinds == "" && found.Null {
		return Shape{Kinds: "-", Null: true} // null alone
	}
	if found.Kinds == "a" && s.Items != nil {
		found.Each = r.inner(*s.Items, depth)
	}
	if found.Kinds == letters["object"] && len(s.Properties) == 0 && s.Additional != nil {
		found.Kinds, found.Each = "o", r.inner(*s.Additional, depth)
	}
	for name, each := range s.Properties {
		if inner := r.inner(each, depth); inner != nil {
			if found.Members == nil {
				found.Members = map[string]Shape{}
			}
			found.Members[name] = *inner
		}
	}
	return found
}

// inner is the shape of a part, nil for any value.
func (r *requests) inner(s schema, depth int) *Shape {
	found := r.shape(s, depth-1)
	if found.Kinds == "" && len(found.OneOf) == 0 {
		return nil
	}
	return &found
}
