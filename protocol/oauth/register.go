package oauth

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/legible"
	"github.com/bezoar-auth/bezoar/protocol/outbound"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// Registration is what bezoar asks an issuer to know it as (RFC 7591 section 2): a public
// client on this machine that logs a user in with a browser and refreshes.
type Registration struct {
	RedirectURIs []string
	Scopes       []string // of the logins, nil for none in particular
}

// Registered is the client that an issuer has made of it.
type Registered struct {
	ClientID   string
	AuthMethod profile.AuthMethod
	Secret     secret.Token // that the issuer insists on; absent for a public client
	ExpiresAt  time.Time    // of the secret, zero for never
}

// registrationRequest is the client metadata of RFC 7591 section 2. application_type is that
// of OpenID Connect Registration, without which an issuer may want https in redirect URIs.
type registrationRequest struct {
	Name            string   `json:"client_name"`
	ApplicationType string   `json:"application_type"`
	RedirectURIs    []string `json:"redirect_uris"`
	GrantTypes      []string `json:"grant_types"`
	ResponseTypes   []string `json:"response_types"`
	AuthMethod      string   `json:"token_endpoint_auth_method"`
	Scope           string   `json:"scope,omitempty"`
}

// registrationAnswer is RFC 7591 section 3.2, either of them.
type registrationAnswer struct {
	ClientID    string `json:"client_id"`
	Secret      string `json:"client_secret"`
	ExpiresAt   int64  `json:"client_secret_expires_at"`
	AuthMethod  string `json:"token_endpoint_auth_method"`
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

// RegistrationProblem is why there is no client: a closed set.
type RegistrationProblem string

const (
	NoRegistration      RegistrationProblem = "no registration"      // the issuer has no endpoint for it
	RegistrationRefused RegistrationProblem = "registration refused" // by the issuer: Status, Code and Description say why
	RegistrationUnknown RegistrationProblem = "registration unknown" // there is no answer, or none that can be read: there may be a client
)

// RegistrationError reports that an issuer has made no client. The user describes one in
// config.toml, or tries again later for RegistrationUnknown.
type RegistrationError struct {
	Problem     RegistrationProblem
	Issuer      string
	Status      int              // of the answer; 0 for none
	Way         evidence.Problem // of RegistrationUnknown, "" for an answer that cannot be read
	Code        string           // of the issuer, bounded and legible, as is Description
	Description string
}

func (e *RegistrationError) Error() string {
	switch {
	case e.Problem == NoRegistration:
		return e.Issuer + " does not let programs register themselves"
	case e.Problem == RegistrationUnknown && e.Way != "":
		return fmt.Sprintf("%s has not answered the registration: %v", e.Issuer, e.Way)
	case e.Problem == RegistrationUnknown:
		return fmt.Sprintf("%s has answered the registration with something that cannot be read (status %d)", e.Issuer, e.Status)
	}
	text := fmt.Sprintf("%s does not register this program (status %d", e.Issuer, e.Status)
	if e.Code != "" {
		text += ", " + e.Code
	}
	if e.Description != "" {
		text += ": " + e.Description
	}
	return text + ")"
}

// Register registers bezoar as a client of an issuer whose metadata was discovered, with one
// request (RFC 7591 section 3). It is not repeated: each one may make a client.
//
// The error is a [*RegistrationError].
func (c *Client) Register(ctx context.Context, m profile.Metadata, r Registration) (Registered, error) {
	failed := &RegistrationError{Problem: NoRegistration, Issuer: legible.Brief(outbound.WithoutQuery(m.Issuer))}
	from, err := url.Parse(m.Issuer)
	if m.RegistrationEndpoint == "" || err != nil || !c.MayAsk(m.RegistrationEndpoint) || !mayLeadTo(from, m.RegistrationEndpoint) {
		return Registered{}, failed
	}
	ctx, cancel := context.WithTimeout(ctx, discoveryLimit)
	defer cancel()
	content, _ := json.Marshal(requestFor(r)) // strings
	request, err := c.options.Rules.NewRequest(ctx, http.MethodPost, m.RegistrationEndpoint, bytes.NewReader(content))
	if err != nil {
		return Registered{}, failed
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "bezoar")
	response, err := c.Transport().RoundTrip(request)
	if err != nil {
		failed.Problem, failed.Way = RegistrationUnknown, outbound.ProblemOf(ctx, err)
		return Registered{}, failed
	}
	defer response.Body.Close()
	body, err := outbound.ReadBody(response.Body, bodyLimitBytes)
	var said registrationAnswer
	isObject := err == nil && readObject([]byte(outbound.Text(body)), &said)
	failed.Status = response.StatusCode
	return said.registered(isObject, failed)
}

func requestFor(r Registration) registrationRequest {
	return registrationRequest{
		Name: "bezoar", ApplicationType: "native", RedirectURIs: r.RedirectURIs, Scope: strings.Join(r.Scopes, " "),
		GrantTypes: []string{"authorization_code", "refresh_token"}, ResponseTypes: []string{"code"}, AuthMethod: string(profile.AuthNone),
	}
}

// registered is the client of an answer, or failed, filled in.
func (a registrationAnswer) registered(isObject bool, failed *RegistrationError) (Registered, error) {
	if failed.Status < 200 || failed.Status >= 300 {
		failed.Problem, failed.Code, failed.Description = RegistrationRefused, legible.Brief(a.Code), legible.Brief(a.Description)
		return Registered{}, failed
	}
	made := Registered{ClientID: a.ClientID, AuthMethod: profile.AuthNone, Secret: secret.New(a.Secret)}
	switch {
	case a.AuthMethod != "":
		made.AuthMethod = profile.AuthMethod(a.AuthMethod)
	case a.Secret != "":
		made.AuthMethod = profile.AuthBasic // the default of RFC 7591 section 2
	}
	if a.ExpiresAt > 0 {
		made.ExpiresAt = time.Unix(a.ExpiresAt, 0)
	}
	isMethod := slices.Contains([]profile.AuthMethod{profile.AuthNone, profile.AuthBasic, profile.AuthPost}, made.AuthMethod)
	needsSecret := made.AuthMethod != profile.AuthNone
	if !isObject || a.ClientID == "" || !isMethod || needsSecret && a.Secret == "" {
		failed.Problem = RegistrationUnknown
		return Registered{}, failed
	}
	if !needsSecret {
		made.Secret, made.ExpiresAt = secret.Token{}, time.Time{}
	}
	return made, nil
}
