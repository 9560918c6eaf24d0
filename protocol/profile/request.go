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
	Basic    bool   // ClientID and the secret are in the Authorization header (RFC 6749 section 2.3.1)
	ClientID string // Fields have it too, unless Basic
	Fields   []Field
}

// Field is one member of a request. What its value has of Holes is filled in when the
// request is made; a field is left out whose value is empty then. Braces that are no hole
// are sent as they are: a client_id, a scope or a resource may have them.
type Field struct {
	Name, Value string
	Holes       []string // such as {code}; nil: the value is sent as it is
}

// NeedsSecret reports whether the client proves by its secret that it is the client.
func (r Request) NeedsSecret() bool {
	return r.Basic || slices.ContainsFunc(r.Fields, func(f Field) bool { return slices.Contains(f.Holes, "{client_secret}") })
}

// Requests are all requests of a profile. One without a URL is not made.
type Requests struct {
	Authorization    Request // opened in a browser (RFC 6749 section 4.1.1)
	Exchange         Request // of the code that comes of it
	KeyExchange      Request // of an ID token for an API key, of Codex alone (RFC 8693)
	Device           Request // for a login on another device (RFC 8628 section 3.1)
	DevicePoll       Request // whether it is finished (RFC 8628 section 3.4)
	Refresh          Request
	Revocation       Request // of a refresh token (RFC 7009 section 2.1)
	AccessRevocation Request // of an access token, for a login that has no other
}

// Requests are the requests of the profile to these endpoints.
func (p Profile) Requests(to Endpoints) Requests {
	exchange := p.posted(to.Token, p.ExchangeEncoding, literal("grant_type", "authorization_code"), filled("code", "{code}"),
		p.redirect(), filled("code_verifier", "{verifier}"))
	exchange.Fields = append(exchange.Fields, p.resource()...)

	refresh := p.posted(to.Token, p.RequestEncoding, literal("grant_type", "refresh_token"), filled("refresh_token", "{refresh_token}"))
	if p.RefreshSendsScope {
		refresh.Fields = append(refresh.Fields, p.scope()...)
	}
	refresh.Fields = append(append(refresh.Fields, p.resource()...), extra(p.RefreshParams, placeholdersOfRefreshes)...)

	all := Requests{
		Authorization: Request{Method: "GET", URL: to.Authorization, Encoding: Form, Fields: p.authorization()},
		Exchange:      exchange,
		Device:        p.device(to.Device),
		DevicePoll:    p.devicePoll(to),
		Refresh:       refresh,
	}
	all.Revocation = p.revocation(to.Revocation, "{refresh_token}", "refresh_token")
	all.AccessRevocation = p.revocation(to.Revocation, "{access_token}", "access_token")
	if p.IsCodex {
		all.KeyExchange = p.posted(to.Token, Form, literal("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
			literal("requested_token", "openai-api-key"), filled("subject_token", "{id_token}"),
			literal("subject_token_type", "urn:ietf:params:oauth:token-type:id_token"))
		all.AccessRevocation.Fields = all.AccessRevocation.Fields[:2] // Codex does not say who it is then
	}
	return all
}

func (p Profile) authorization() []Field {
	fields := []Field{literal("response_type", "code"), literal("client_id", p.ClientID), p.redirect()}
	fields = append(fields, p.scope()...)
	fields = append(fields, filled("code_challenge", "{challenge}"), literal("code_challenge_method", "S256"), filled("state", "{state}"))
	if p.SendsNonce() {
		fields = append(fields, filled("nonce", "{nonce}"))
	}
	fields = append(append(fields, p.resource()...), extra(p.AuthorizationParams, placeholdersOfLogins)...)
	if p.IsCodex {
		slices.SortStableFunc(fields, func(a, b Field) int { return slices.Index(codexOrder, a.Name) - slices.Index(codexOrder, b.Name) })
	}
	return fields
}

// SendsNonce reports whether a login asks for an ID token that has its nonce.
func (p Profile) SendsNonce() bool { return p.AsksForOpenID() && p.IDToken == IDTokenAuto }

// codexOrder is in which order Codex has the members. To an issuer it means nothing.
var codexOrder = []string{"response_type", "client_id", "redirect_uri", "scope", "code_challenge", "code_challenge_method",
	"id_token_add_organizations", "codex_cli_simplified_flow", "state", "originator", "allowed_workspace_id"}

// device is the first request of a login on another device.
func (p Profile) device(address string) Request {
	switch p.DeviceFlow {
	case DeviceNone:
		return Request{}
	case DeviceCodex:
		return Request{Method: "POST", URL: address, Encoding: JSON, Fields: []Field{literal("client_id", p.ClientID)}}
	}
	r := p.posted(address, Form, p.scope()...)
	r.Fields = append(r.Fields, p.resource()...)
	return r
}

// devicePoll asks the token endpoint, or, at Codex's issuer, what is beside the endpoint for
// a user code.
func (p Profile) devicePoll(to Endpoints) Request {
	switch {
	case p.DeviceFlow == DeviceNone || to.Device == "":
		return Request{}
	case p.DeviceFlow == DeviceCodex:
		address := to.Device[:strings.LastIndex(to.Device, "/")+1] + "token"
		return Request{Method: "POST", URL: address, Encoding: JSON, Fields: []Field{filled("device_auth_id", "{device_code}"), filled("user_code", "{user_code}")}}
	}
	return p.posted(to.Token, Form, literal("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), filled("device_code", "{device_code}"))
}

func (p Profile) revocation(address, token, kind string) Request {
	r := p.posted(address, p.RequestEncoding)
	r.Fields = append([]Field{filled("token", token), literal("token_type_hint", kind)}, r.Fields...)
	return r
}

// posted is a request to an endpoint where the client says who it is.
func (p Profile) posted(address string, encoding Encoding, fields ...Field) Request {
	r := Request{Method: "POST", URL: address, Encoding: encoding, Basic: p.AuthMethod == AuthBasic, ClientID: p.ClientID}
	if !r.Basic {
		r.Fields = append(r.Fields, literal("client_id", p.ClientID))
	}
	if p.AuthMethod == AuthPost {
		r.Fields = append(r.Fields, filled("client_secret", "{client_secret}"))
	}
	r.Fields = append(r.Fields, fields...)
	return r
}

func literal(name, value string) Field { return Field{Name: name, Value: value} }

// filled is a field that is one hole.
func filled(name, hole string) Field { return Field{name, hole, []string{hole}} }

// redirect is the redirect URI, of which a login knows the port.
func (p Profile) redirect() Field { return Field{"redirect_uri", p.RedirectURI, []string{portPlace}} }

func (p Profile) scope() []Field {
	if len(p.Scopes) == 0 {
		return nil
	}
	return []Field{literal("scope", strings.Join(p.Scopes, " "))}
}

// resource is a field for each resource (RFC 8707 section 2).
func (p Profile) resource() []Field {
	var fields []Field
	for _, each := range p.Resources {
		fields = append(fields, literal("resource", each))
	}
	return fields
}

func extra(given map[string]string, holes []string) []Field {
	var fields []Field
	for _, name := range slices.Sorted(maps.Keys(given)) {
		fields = append(fields, Field{name, given[name], holes})
	}
	return fields
}
