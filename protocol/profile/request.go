package profile

import (
	"maps"
	"slices"
	"strings"
)

// Request is what is sent for a login, a refresh or a logout, before it is filled in.
type Request struct {
	Method   string // GET for what a browser opens
	URL      string
	Encoding Encoding
	Basic    bool // client_id and secret are in the Authorization header (RFC 6749 section 2.3.1)
	Fields   []Field
}

// Field is one member of a request. What its value has in braces, such as {code}, is filled
// in when the request is made; a field is left out whose value is empty then.
type Field struct{ Name, Value string }

// Requests are all requests of a profile. One without a URL is not made.
type Requests struct {
	Authorization Request // opened in a browser (RFC 6749 section 4.1.1)
	Exchange      Request // of the code that comes of it
	Device        Request // for a login on another device (RFC 8628 section 3.1)
	Refresh       Request
	Revocation    Request // RFC 7009 section 2.1
}

// Requests are the requests of the profile to these endpoints.
func (p Profile) Requests(to Endpoints) Requests {
	login := []Field{{"response_type", "code"}, {"client_id", p.ClientID}, {"redirect_uri", p.RedirectURI}}
	login = append(login, p.scope()...)
	login = append(login, Field{"code_challenge", "{challenge}"}, Field{"code_challenge_method", "S256"}, Field{"state", "{state}"})
	if p.AsksForOpenID() && p.IDToken == IDTokenAuto {
		login = append(login, Field{"nonce", "{nonce}"})
	}
	login = append(append(login, p.resource()...), sorted(p.AuthorizationParams)...)

	exchange := p.posted(to.Token, p.ExchangeEncoding, Field{"grant_type", "authorization_code"}, Field{"code", "{code}"},
		Field{"redirect_uri", p.RedirectURI}, Field{"code_verifier", "{verifier}"})
	exchange.Fields = append(exchange.Fields, p.resource()...)

	refresh := p.posted(to.Token, p.RequestEncoding, Field{"grant_type", "refresh_token"}, Field{"refresh_token", "{refresh_token}"})
	if p.RefreshSendsScope {
		refresh.Fields = append(refresh.Fields, p.scope()...)
	}
	refresh.Fields = append(append(refresh.Fields, p.resource()...), sorted(p.RefreshParams)...)

	return Requests{
		Authorization: Request{Method: "GET", URL: to.Authorization, Encoding: Form, Fields: login},
		Exchange:      exchange,
		Device:        p.device(to.Device),
		Refresh:       refresh,
		Revocation:    p.posted(to.Revocation, p.RequestEncoding, Field{"token", "{refresh_token}"}, Field{"token_type_hint", "refresh_token"}),
	}
}

// device is the first request of a login on another device.
func (p Profile) device(address string) Request {
	switch p.DeviceFlow {
	case DeviceNone:
		return Request{}
	case DeviceCodex:
		return Request{Method: "POST", URL: address, Encoding: JSON, Fields: []Field{{"client_id", p.ClientID}}}
	}
	r := p.posted(address, Form, p.scope()...)
	r.Fields = append(r.Fields, p.resource()...)
	return r
}

// posted is a request to an endpoint where the client says who it is.
func (p Profile) posted(address string, encoding Encoding, fields ...Field) Request {
	r := Request{Method: "POST", URL: address, Encoding: encoding, Basic: p.AuthMethod == AuthBasic}
	if !r.Basic {
		r.Fields = append(r.Fields, Field{"client_id", p.ClientID})
	}
	if p.AuthMethod == AuthPost {
		r.Fields = append(r.Fields, Field{"client_secret", "{client_secret}"})
	}
	r.Fields = append(r.Fields, fields...)
	return r
}

func (p Profile) scope() []Field {
	if len(p.Scopes) == 0 {
		return nil
	}
	return []Field{{"scope", strings.Join(p.Scopes, " ")}}
}

// resource is a field for each resource (RFC 8707 section 2).
func (p Profile) resource() []Field {
	var fields []Field
	for _, each := range p.Resources {
		fields = append(fields, Field{"resource", each})
	}
	return fields
}

func sorted(params map[string]string) []Field {
	var fields []Field
	for _, name := range slices.Sorted(maps.Keys(params)) {
		fields = append(fields, Field{name, params[name]})
	}
	return fields
}
