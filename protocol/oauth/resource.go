package oauth

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/bezoar-auth/bezoar/protocol/legible"
	"github.com/bezoar-auth/bezoar/protocol/loopback"
	"github.com/bezoar-auth/bezoar/protocol/outbound"
)

// Resource is a protected resource, such as an MCP server, as it describes itself (RFC 9728).
type Resource struct {
	URL     string   // what it calls itself: the resource of a login (RFC 8707)
	Name    string   // for people, bounded and legible; "" for none
	Issuers []string // whose tokens it takes, one at least; the first is the one to use
	Scopes  []string // to ask for at a login, nil for none in particular
}

// protectedResource is the metadata of RFC 9728 section 2, as far as bezoar needs it.
type protectedResource struct {
	Resource string   `json:"resource"`
	Issuers  []string `json:"authorization_servers"`
	Scopes   []string `json:"scopes_supported"`
	Name     string   `json:"resource_name"`
}

// FindResource asks a protected resource who issues its tokens, with one GET without a token,
// and one or two for its metadata (RFC 9728 sections 3 and 5): at the address that its 401
// names, or else at the well-known one of its path, and then of its host. It follows no
// redirect. issuer is the one that the user wants, "" for the resource's first.
//
// The metadata counts if it is of the same origin and about this address, or about one that
// this lies below, as MCP's own libraries have it. What a resource names is asked later,
// without a secret, and then trusted with a login; so an issuer has to be https, and a
// resource elsewhere cannot lead to this machine.
//
// The error is a [*DiscoveryError].
func (c *Client) FindResource(ctx context.Context, address, issuer string) (Resource, error) {
	ctx, cancel := context.WithTimeout(ctx, discoveryLimit)
	defer cancel()
	u, err := url.Parse(address)
	if err != nil || !c.MayAsk(address) {
		return Resource{}, &DiscoveryError{Looks: []Look{{Address: legible.Brief(outbound.WithoutQuery(address)), Problem: EndpointRefused, Endpoint: "the resource"}}}
	}
	challenge, look := c.challenge(ctx, u)
	if look.Problem == NoAnswer {
		return Resource{}, &DiscoveryError{Looks: []Look{look}}
	}
	var failed DiscoveryError
	for _, place := range metadataPlaces(u, challenge) {
		var found protectedResource
		look := Look{Problem: OtherOrigin}
		if sameOrigin(place, u) {
			look = c.read(ctx, place, &found)
		}
		look.Address = legible.Brief(outbound.WithoutQuery(place))
		if look.Problem == "" {
			look = c.judge(look, found, u, issuer)
		}
		if look.Problem == "" {
			return resourceOf(found, challenge, issuer), nil
		}
		failed.Looks = append(failed.Looks, look)
	}
	return Resource{}, &failed
}

// challenge asks the resource without a token, which it should refuse.
func (c *Client) challenge(ctx context.Context, u *url.URL) (outbound.Challenge, Look) {
	look := Look{Address: outbound.WithoutQuery(u.String())}
	request, err := c.options.Rules.NewRequest(ctx, http.MethodGet, u.String(), nil)
	if err == nil {
		request.Header.Set("User-Agent", "bezoar")
		request.Header.Set("Accept", "application/json, text/event-stream")
		var response *http.Response
		if response, err = c.Transport().RoundTrip(request); err == nil {
			response.Body.Close()
			look.Status = response.StatusCode
			if response.StatusCode == http.StatusUnauthorized {
				return outbound.Bearer(response.Header), look
			}
			return outbound.Challenge{}, look
		}
	}
	look.Problem, look.Way = NoAnswer, outbound.ProblemOf(ctx, err)
	return outbound.Challenge{}, look
}

// metadataPlaces are where the metadata may be, in the order of MCP's authorization.
func metadataPlaces(u *url.URL, challenge outbound.Challenge) []string {
	if named := challenge.Params["resource_metadata"]; named != "" {
		return []string{named}
	}
	const known = "/.well-known/oauth-protected-resource"
	root := u.Scheme + "://" + u.Host + known
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	below := root + path
	if u.RawQuery != "" {
		below += "?" + u.RawQuery
	}
	return slices.Compact([]string{below, root})
}

// judge says what is wrong with metadata that was found.
func (c *Client) judge(look Look, found protectedResource, asked *url.URL, wanted string) Look {
	if !covers(found.Resource, asked) {
		look.Problem, look.Resource = OtherResource, legible.Brief(outbound.WithoutQuery(found.Resource))
		return look
	}
	if len(found.Issuers) == 0 {
		look.Problem = NamesNoIssuer
		return look
	}
	chosen := found.Issuers[0]
	if wanted != "" {
		chosen = wanted
	}
	look.Issuer = legible.Brief(outbound.WithoutQuery(chosen))
	switch {
	case !slices.Contains(found.Issuers, chosen):
		look.Problem = IssuerUnlisted
	case !c.MayAsk(chosen) || !mayLeadTo(asked, chosen):
		look.Problem = IssuerRefused
	}
	return look
}

// resourceOf is what a login at the resource needs. The scopes of its 401 count more than
// those that it supports (MCP's authorization, Scope Selection Strategy).
func resourceOf(found protectedResource, challenge outbound.Challenge, wanted string) Resource {
	r := Resource{URL: found.Resource, Name: legible.Brief(found.Name), Issuers: found.Issuers, Scopes: found.Scopes}
	if scope := strings.Fields(challenge.Params["scope"]); len(scope) > 0 {
		r.Scopes = scope
	}
	if i := slices.Index(r.Issuers, wanted); i > 0 {
		r.Issuers = append([]string{wanted}, slices.Delete(slices.Clone(r.Issuers), i, i+1)...)
	}
	return r
}

// covers reports whether the resource is the one at an address, or one that this lies below.
func covers(resource string, asked *url.URL) bool {
	r, err := url.Parse(resource)
	if err != nil || !sameOrigin(resource, asked) || r.Fragment != "" || r.User != nil {
		return false
	}
	own, other := strings.TrimSuffix(r.EscapedPath(), "/"), strings.TrimSuffix(asked.EscapedPath(), "/")
	return (own == other || strings.HasPrefix(other, own+"/")) && (r.RawQuery == "" || r.RawQuery == asked.RawQuery)
}

// sameOrigin reports whether two addresses are of one scheme, host and port (RFC 6454 section 4).
func sameOrigin(address string, as *url.URL) bool {
	u, err := url.Parse(address)
	return err == nil && origin(u) == origin(as)
}

func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// mayLeadTo reports whether a server may name an address that is asked then: one elsewhere
// must not make this program ask what listens on this machine.
func mayLeadTo(from *url.URL, address string) bool {
	u, err := url.Parse(address)
	return err == nil && (!loopback.Host(u.Hostname()) || loopback.Host(from.Hostname()))
}

// ofResource is String for the problems of a resource.
func (l Look) ofResource() string {
	switch l.Problem {
	case OtherResource:
		if l.Resource == "" {
			return l.Address + " names no resource"
		}
		return l.Address + " is about another resource: " + l.Resource
	case OtherOrigin:
		return l.Address + " is named as the place of the metadata, and is at another origin than the resource"
	case NamesNoIssuer:
		return l.Address + " names no issuer (authorization_servers)"
	case IssuerUnlisted:
		return l.Address + " does not name the issuer " + l.Issuer
	}
	return l.Address + " names an issuer that is no https address, or one of this machine: " + l.Issuer
}
