package issuer

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/protocol/legible"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// report is what a profile means.
type report struct {
	Profile     string              `json:"profile"`
	DisplayName string              `json:"displayName"`
	Issuer      *string             `json:"issuer"`
	BuiltIn     bool                `json:"builtIn"`
	Mistakes    []mistake           `json:"mistakes"`
	Endpoints   map[string]endpoint `json:"endpoints"` // by what they are for; one that is not there is left out
	Checks      []cli.Finding       `json:"checks"`
	Requests    []request           `json:"requests"` // those that can be made
	Note        *string             `json:"note"`
}

// endpoint is an address and where it comes from.
type endpoint struct {
	URL  string `json:"url"`
	From source `json:"from"`
}

// source is where an endpoint comes from.
type source string

const (
	fromProfile   source = "profile"
	fromDiscovery source = "discovery"
	fromCodex     source = "built in"
	fromSettings  source = "environment"
)

// request is what would be sent.
type request struct {
	For      string   `json:"for"` // login, exchange, device, refresh, logout
	Method   string   `json:"method"`
	URL      string   `json:"url"`
	Encoding string   `json:"encoding"` // query, form, json
	Basic    bool     `json:"basic"`    // client_id and client_secret are in the Authorization header
	Members  []member `json:"members"`
}

type member struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// purposes are what requests are for, as a person reads it.
var purposes = map[string]string{
	"login": "A login opens in a browser", "exchange": "The code that comes back is posted", "device": "A login on another device begins with",
	"refresh": "A refresh posts", "logout": "A logout posts",
}

func (r request) print(out io.Writer) {
	how := map[string]string{"query": "", "form": ", as a form", "json": ", as JSON"}[r.Encoding]
	if r.Basic {
		how += ", with client_id and secret in the Authorization header"
	}
	fmt.Fprintf(out, "\n%s%s:\n  %s %s\n", purposes[r.For], how, r.Method, legible.Line(r.URL))
	width := 0
	for _, each := range r.Members {
		width = max(width, len(each.Name))
	}
	for _, each := range r.Members {
		fmt.Fprintf(out, "    %-*s  %s\n", width, legible.Line(each.Name), legible.Line(each.Value))
	}
}

// requestsOf are the requests that can be made, in the order of a login's life.
func requestsOf(all profile.Requests) []request {
	found := []request{}
	for _, each := range []struct {
		of   string
		what profile.Request
	}{
		{"login", all.Authorization}, {"exchange", all.Exchange}, {"device", all.Device}, {"refresh", all.Refresh}, {"logout", all.Revocation},
	} {
		if each.what.URL == "" || each.of == "exchange" && all.Authorization.URL == "" {
			continue
		}
		r := request{For: each.of, Method: each.what.Method, URL: each.what.URL, Encoding: string(each.what.Encoding), Basic: each.what.Basic, Members: []member{}}
		if r.Method == "GET" {
			r.Encoding = "query"
		}
		for _, field := range each.what.Fields {
			r.Members = append(r.Members, member{field.Name, field.Value})
		}
		found = append(found, r)
	}
	return found
}

// broken is the report of a profile that cannot be read.
func broken(name string, err error) report {
	r := report{Profile: name, DisplayName: name, Mistakes: mistakesOf(err), Endpoints: map[string]endpoint{}, Checks: []cli.Finding{}, Requests: []request{}}
	for _, each := range profile.Errors(err) {
		where := "--config"
		if each.Line > 0 {
			where = fmt.Sprintf("line %d", each.Line)
		}
		r.Checks = append(r.Checks, cli.Finding{Check: "profile", Result: cli.ResultFail, Found: strings.TrimSuffix(where+", "+cmp.Or(each.Key, each.Table()), ", ") + ": " + each.Problem})
	}
	return r
}
