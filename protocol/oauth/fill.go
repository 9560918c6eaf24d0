package oauth

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/url"
	"strings"

	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// values are what a request is filled in with, by what stands in its holes.
type values map[string]string

// redirectURI is the key of the redirect URI: its port is known, and so is all of it.
const redirectURI = "redirect_uri"

// and is v with one more value.
func (v values) and(hole, value string) values {
	more := maps.Clone(v)
	more[hole] = value
	return more
}

// of is the value of a field. What was filled in is not looked at again: a token may have
// braces too.
func (v values) of(field profile.Field) string {
	if whole, isKnown := v[redirectURI]; isKnown && field.Name == redirectURI {
		return whole
	}
	var pairs []string
	for _, hole := range field.Holes {
		pairs = append(pairs, hole, v[hole])
	}
	return strings.NewReplacer(pairs...).Replace(field.Value)
}

// fill is a request with its values, without the fields that are empty.
func (v values) fill(fields []profile.Field) []profile.Field {
	var filled []profile.Field
	for _, each := range fields {
		if value := v.of(each); value != "" {
			filled = append(filled, profile.Field{Name: each.Name, Value: value})
		}
	}
	return filled
}

// encode is the body of a request and its type.
func encode(encoding profile.Encoding, fields []profile.Field) (contentType string, body []byte) {
	if encoding == profile.JSON {
		return "application/json", encodeJSON(fields)
	}
	form := url.Values{}
	for _, each := range fields {
		form.Add(each.Name, each.Value)
	}
	return "application/x-www-form-urlencoded", []byte(form.Encode())
}

// encodeJSON is an object with the fields in their order. Several of one name, which
// resources have, are a list.
func encodeJSON(fields []profile.Field) []byte {
	var names []string
	all := map[string][]string{}
	for _, each := range fields {
		if all[each.Name] == nil {
			names = append(names, each.Name)
		}
		all[each.Name] = append(all[each.Name], each.Value)
	}
	body := bytes.NewBufferString("{")
	for i, name := range names {
		if i > 0 {
			body.WriteByte(',')
		}
		key, _ := json.Marshal(name)
		value, _ := json.Marshal(all[name])
		if len(all[name]) == 1 {
			value, _ = json.Marshal(all[name][0])
		}
		body.Write(append(append(key, ':'), value...))
	}
	return append(body.Bytes(), '}')
}

// query is a query with the fields in their order, with a blank as +.
func query(fields []profile.Field) string {
	members := make([]string, len(fields))
	for i, each := range fields {
		members[i] = url.QueryEscape(each.Name) + "=" + url.QueryEscape(each.Value)
	}
	return strings.Join(members, "&")
}
