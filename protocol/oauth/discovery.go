package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/protocol/outbound"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// discoveryLimit bounds a discovery, both requests of it.
const discoveryLimit = 20 * time.Second

// Discover asks the issuer of a profile for its metadata: at the address of OpenID Connect
// Discovery (section 4), and then at that of RFC 8414 (section 3), with one GET each. It
// follows no redirect. The metadata counts if it names the issuer as the profile does, byte
// for byte (RFC 8414 section 3.3): another issuer's could send a token to a stranger.
// Metadata that does not count ends the search, and so does no answer: the other address is at
// the same host.
//
// A profile whose discovery is none has no metadata, and no request is made. The error is a
// [*DiscoveryError].
func (c *Client) Discover(ctx context.Context, p profile.Profile) (profile.Metadata, error) {
	ctx, cancel := context.WithTimeout(ctx, discoveryLimit)
	defer cancel()
	var failed DiscoveryError
	for _, address := range p.WellKnown() {
		metadata, look := c.look(ctx, address)
		if look.Problem == "" {
			return metadata, c.check(p, metadata, look)
		}
		failed.Looks = append(failed.Looks, look)
		if look.Problem == NoAnswer {
			break // the other address is at the same host
		}
	}
	if len(failed.Looks) > 0 {
		return profile.Metadata{}, &failed
	}
	return profile.Metadata{}, nil
}

// DiscoveryProblem is why an answer is no metadata of the issuer: a closed set.
type DiscoveryProblem string

const (
	NotFound        DiscoveryProblem = "not found"      // 404 or 410: the issuer has no metadata here
	WrongStatus     DiscoveryProblem = "wrong status"   // another one that is not 200
	NoAnswer        DiscoveryProblem = "no answer"      // Way says why
	IsPage          DiscoveryProblem = "a page"         // of a portal, or for people
	NotJSON         DiscoveryProblem = "no JSON object" // or longer than a megabyte
	OtherIssuer     DiscoveryProblem = "another issuer" // Issuer says which
	NoTokenEndpoint DiscoveryProblem = "no token endpoint"
	EndpointRefused DiscoveryProblem = "endpoint refused" // Endpoint is no https address

	// Those of a protected resource, see [Client.FindResource].
	OtherResource  DiscoveryProblem = "another resource" // Resource says which
	OtherOrigin    DiscoveryProblem = "another origin"   // the metadata is not where the resource is
	NamesNoIssuer  DiscoveryProblem = "names no issuer"
	IssuerRefused  DiscoveryProblem = "issuer refused"    // Issuer is no https address, or one of this machine
	IssuerUnlisted DiscoveryProblem = "issuer not listed" // Issuer, which the user has named
)

// DiscoveryError reports that an issuer's metadata was not found, or cannot be trusted. The
// profile, or what is between here and the issuer, has to be corrected, unless the last look
// has NoAnswer, a 5xx or a page: then try again later.
type DiscoveryError struct {
	Looks []Look // where the metadata was looked for, in this order; one at least
}

// Look is one address that was asked for metadata.
type Look struct {
	Address  string
	Problem  DiscoveryProblem
	Status   int              // of the answer; 0 for none
	Way      evidence.Problem // of NoAnswer
	Issuer   string           // of OtherIssuer: the issuer that it names, bounded and legible
	Endpoint string           // of EndpointRefused: the name of the member
	Resource string           // of OtherResource: the resource that it is about, bounded and legible
}

func (e *DiscoveryError) Error() string {
	var all []string
	for _, each := range e.Looks {
		all = append(all, each.String())
	}
	return strings.Join(all, "; ")
}

// Has reports whether one of the looks has the problem.
func (e *DiscoveryError) Has(problem DiscoveryProblem) bool {
	return slices.ContainsFunc(e.Looks, func(l Look) bool { return l.Problem == problem })
}

// String is what was found at the address, for a person.
func (l Look) String() string {
	switch l.Problem {
	case NotFound, WrongStatus:
		return fmt.Sprintf("%s answers with status %d", l.Address, l.Status)
	case NoAnswer:
		return fmt.Sprintf("%s gives no answer: %s", l.Address, l.Way)
	case IsPage:
		return l.Address + " answers with a page"
	case NotJSON:
		return l.Address + " answers with something that is no JSON object"
	case OtherIssuer:
		if l.Issuer == "" {
			return l.Address + " names no issuer"
		}
		return l.Address + " names another issuer: " + l.Issuer
	case EndpointRefused:
		return l.Address + " has no https address as " + l.Endpoint
	case OtherResource, OtherOrigin, NamesNoIssuer, IssuerRefused, IssuerUnlisted:
		return l.ofResource()
	}
	return l.Address + " has no token_endpoint"
}

// look asks one address for the metadata of an issuer.
func (c *Client) look(ctx context.Context, address string) (metadata profile.Metadata, look Look) {
	look = c.read(ctx, address, &metadata)
	return metadata, look
}

// read asks one address for a JSON object.
func (c *Client) read(ctx context.Context, address string, into any) Look {
	look := Look{Address: address}
	request, err := c.options.Rules.NewRequest(ctx, http.MethodGet, address, nil)
	if err != nil {
		look.Problem, look.Way = NoAnswer, outbound.ProblemOf(ctx, err)
		return look
	}
	request.Header.Set("User-Agent", "bezoar") // which client asks is nothing to an issuer
	response, err := c.Transport().RoundTrip(request)
	if err != nil {
		look.Problem, look.Way = NoAnswer, outbound.ProblemOf(ctx, err)
		return look
	}
	defer response.Body.Close()
	body, err := outbound.ReadBody(response.Body, bodyLimitBytes)
	look.Status = response.StatusCode
	switch {
	case look.Status == http.StatusNotFound, look.Status == http.StatusGone:
		look.Problem = NotFound
	case look.Status != http.StatusOK:
		look.Problem = WrongStatus
	case outbound.IsPage(response.Header, body):
		look.Problem = IsPage
	case err != nil:
		look.Problem, look.Way = NoAnswer, outbound.ProblemOf(ctx, err)
	case !readObject([]byte(outbound.Text(body)), into):
		look.Problem = NotJSON
	}
	return look
}

// readObject reports whether the text is a JSON object. A member of a wrong type is left
// out, and does not hide the others.
func readObject(text []byte, into any) bool {
	if !json.Valid(text) || text[0] != '{' {
		return false
	}
	err := json.Unmarshal(text, into)
	_, isOfAType := errors.AsType[*json.UnmarshalTypeError](err)
	return err == nil || isOfAType
}

// check is a [*DiscoveryError] if metadata that was found is not to be used.
func (c *Client) check(p profile.Profile, m profile.Metadata, look Look) error {
	switch refused := c.refused(p, m); {
	case m.Issuer != p.Issuer:
		look.Problem, look.Issuer = OtherIssuer, cleaned(m.Issuer)
	case p.Endpoints.With(m).Token == "":
		look.Problem = NoTokenEndpoint
	case refused != "":
		look.Problem, look.Endpoint = EndpointRefused, refused
	default:
		return nil
	}
	return &DiscoveryError{Looks: []Look{look}}
}

// refused is the name of an endpoint of the metadata to which nothing may be sent, and which
// the profile does not replace. An issuer elsewhere must not make this program ask what
// listens on this machine.
func (c *Client) refused(p profile.Profile, m profile.Metadata) string {
	issuer, err := url.Parse(p.Issuer)
	for _, each := range p.Endpoints.Discovered(m) {
		if err != nil || !c.MayAsk(each.Address) || !mayLeadTo(issuer, each.Address) {
			return each.Name
		}
	}
	return ""
}

// MayAsk reports whether an address is one to which a secret may be sent: an absolute URL
// of the web without a password in it, and no plain HTTP to another machine.
func (c *Client) MayAsk(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil && u.Fragment == "" &&
		c.options.Rules.Permit(u)
}
