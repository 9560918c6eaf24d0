package profile

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine/history"
)

// key is one key of a table [issuers.NAME].
type key struct {
	name string
	read func(p *Profile, value any) []problem
}

// keys are all of them. They are made when a table is read, so that a start costs nothing.
var keys = sync.OnceValue(func() []key {
	return []key{
		text("display_name", isDisplayName, func(p *Profile) *string { return &p.DisplayName }),
		text("issuer", isIssuer, func(p *Profile) *string { return &p.Issuer }),
		word("discovery", func(p *Profile) *Discovery { return &p.Discovery }, DiscoveryAuto, DiscoveryOIDC, DiscoveryOAuth, DiscoveryMCP, DiscoveryNone),
		text("authorization_endpoint", isEndpoint, func(p *Profile) *string { return &p.Endpoints.Authorization }),
		text("token_endpoint", isEndpoint, func(p *Profile) *string { return &p.Endpoints.Token }),
		text("device_authorization_endpoint", isEndpoint, func(p *Profile) *string { return &p.Endpoints.Device }),
		text("revocation_endpoint", isEndpoint, func(p *Profile) *string { return &p.Endpoints.Revocation }),
		text("userinfo_endpoint", isEndpoint, func(p *Profile) *string { return &p.Endpoints.Userinfo }),
		text("jwks_uri", isEndpoint, func(p *Profile) *string { return &p.Endpoints.Keys }),
		text("client_id", isClientID, func(p *Profile) *string { return &p.ClientID }),
		texts("client_secret_command", isArgument, func(p *Profile) *[]string { return &p.Secret.Command }).atLeast(1),
		text("client_secret_env", isVariable, func(p *Profile) *string { return &p.Secret.Env }),
		word("token_endpoint_auth_method", func(p *Profile) *AuthMethod { return &p.AuthMethod }, AuthNone, AuthBasic, AuthPost),
		word("request_encoding", func(p *Profile) *Encoding { return &p.RequestEncoding }, Form, JSON),
		word("exchange_encoding", func(p *Profile) *Encoding { return &p.ExchangeEncoding }, Form, JSON),
		texts("scopes", isScope, func(p *Profile) *[]string { return &p.Scopes }),
		texts("resource", isResource, func(p *Profile) *[]string { return &p.Resources }),
		params("authorization_params", func(p *Profile) *map[string]string { return &p.AuthorizationParams }, ofLogins, placeholdersOfLogins),
		params("refresh_params", func(p *Profile) *map[string]string { return &p.RefreshParams }, ofRefreshes, placeholdersOfRefreshes),
		is("refresh_send_scope", func(p *Profile) *bool { return &p.RefreshSendsScope }),
		text("redirect_uri", isRedirect, func(p *Profile) *string { return &p.RedirectURI }),
		{"redirect_ports", ports},
		word("device_flow", func(p *Profile) *DeviceFlow { return &p.DeviceFlow }, DeviceAuto, DeviceRFC8628, DeviceCodex, DeviceNone),
		word("id_token", func(p *Profile) *IDToken { return &p.IDToken }, IDTokenAuto, IDTokenRead, IDTokenNone),
		text("subject_claim", isClaim, func(p *Profile) *string { return &p.SubjectClaim }),
		text("email_claim", isClaim, func(p *Profile) *string { return &p.EmailClaim }),
		{"access_token_expiry", expiry},
		span("assumed_lifetime", time.Second, func(p *Profile) *time.Duration { return &p.AssumedLifetime }),
		span("refresh_before", 0, func(p *Profile) *time.Duration { return &p.RefreshBefore }),
		word("refresh_rotation", func(p *Profile) *Rotation { return &p.Rotation }, Rotating, Static),
		span("refresh_reuse_leeway", 0, func(p *Profile) *time.Duration { return &p.ReuseLeeway }),
		rows(Refused), rows(Misconfigured), rows(LoginNeeded),
		is("standard_rows", func(p *Profile) *bool { return &p.Answers.Standard }),
		word("bare_401", func(p *Profile) *Meaning { return &p.Answers.Bare401 }, Misconfigured, Refused),
		text("error_pointer", isClaim, func(p *Profile) *string { return &p.Answers.ErrorPointer }),
	}
})

// wrong is what a key reports whose value is not what it has to be; none if that is "".
func wrong(name, want string) []problem {
	if want == "" {
		return nil
	}
	return []problem{{name: name, text: want}}
}

// text is a key with a text, for which check returns what it has to be, or "".
func text(name string, check func(string) string, at func(*Profile) *string) key {
	return key{name, func(p *Profile, value any) []problem {
		given, ok := value.(string)
		if !ok {
			return wrong(name, "want a text in quotes")
		}
		if want := check(given); want != "" {
			return wrong(name, want)
		}
		*at(p) = given
		return nil
	}}
}

// word is a key with one of a few words.
func word[T ~string](name string, at func(*Profile) *T, words ...T) key {
	return key{name, func(p *Profile, value any) []problem {
		given, ok := value.(string)
		if !ok || !slices.Contains(words, T(given)) {
			return wrong(name, "want "+choice(words))
		}
		*at(p) = T(given)
		return nil
	}}
}

func choice[T ~string](words []T) string {
	var quoted []string
	for _, each := range words {
		quoted = append(quoted, `"`+string(each)+`"`)
	}
	last := len(quoted) - 1
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}

// is is a key with true or false.
func is(name string, at func(*Profile) *bool) key {
	return key{name, func(p *Profile, value any) []problem {
		given, ok := value.(bool)
		if !ok {
			return wrong(name, "want true or false")
		}
		*at(p) = given
		return nil
	}}
}

// span is a key with a time, of least or more.
func span(name string, least time.Duration, at func(*Profile) *time.Duration) key {
	return key{name, func(p *Profile, value any) []problem {
		given, _ := value.(string)
		long, err := time.ParseDuration(given)
		if err != nil || long < least {
			return wrong(name, `want a time such as "5m" or "2s"`)
		}
		*at(p) = long
		return nil
	}}
}

// texts is a key with a list of texts.
func texts(name string, check func(string) string, at func(*Profile) *[]string) key {
	return key{name, func(p *Profile, value any) []problem {
		list, ok := value.([]any)
		if !ok {
			return wrong(name, "want a list of texts in quotes")
		}
		given := []string{}
		for _, each := range list {
			text, ok := each.(string)
			if !ok {
				return wrong(name, "want a list of texts in quotes")
			}
			if want := check(text); want != "" {
				return wrong(name, want)
			}
			given = append(given, text)
		}
		*at(p) = given
		return nil
	}}
}

// atLeast is the key with n members or more.
func (k key) atLeast(n int) key {
	return key{k.name, func(p *Profile, value any) []problem {
		if list, ok := value.([]any); ok && len(list) < n {
			return wrong(k.name, "the list is empty")
		}
		return k.read(p, value)
	}}
}

// params is a key with a table of what a request has besides its own members. A value may
// have one of the placeholders, which is filled in when the request is made.
func params(name string, at func(*Profile) *map[string]string, own, placeholders []string) key {
	return key{name, func(p *Profile, value any) []problem {
		table, ok := value.(map[string]any)
		if !ok {
			return wrong(name, "want a table of texts")
		}
		var problems []problem
		given := map[string]string{}
		for _, member := range slices.Sorted(maps.Keys(table)) {
			text, ok := table[member].(string)
			switch {
			case !ok:
				problems = append(problems, problem{name: name, member: member, text: "want a text in quotes"})
			case slices.Contains(own, member):
				problems = append(problems, problem{name: name, member: member, text: "bezoar sets this itself, from the other keys"})
			case member == "client_secret":
				problems = append(problems, problem{name: name, member: member, text: secretElsewhere})
			case !hasOnly(text, placeholders):
				problems = append(problems, problem{name: name, member: member, text: "what is in braces has to be one of " + strings.Join(placeholders, ", ")})
			}
			given[member] = text
		}
		if len(problems) == 0 {
			*at(p) = given
		}
		return problems
	}}
}

// ports reads redirect_ports.
func ports(p *Profile, value any) []problem {
	list, ok := value.([]any)
	var given []int
	for _, each := range list {
		port, isNumber := each.(int64)
		ok = ok && isNumber && port >= 0 && port <= 65535
		given = append(given, int(port))
	}
	if !ok || len(given) == 0 {
		return wrong("redirect_ports", "want a list of ports, such as [0], which is any free one, or [8400, 8401]")
	}
	p.RedirectPorts = given
	return nil
}

// expiry reads access_token_expiry.
func expiry(p *Profile, value any) []problem {
	list, ok := value.([]any)
	var given []ExpirySource
	for _, each := range list {
		text, _ := each.(string)
		source := ExpirySource(text)
		ok = ok && (source == ExpiresIn || source == ExpClaim) && !slices.Contains(given, source)
		given = append(given, source)
	}
	if !ok || len(given) == 0 {
		return wrong("access_token_expiry", `want a list of "expires_in" and "exp", each once at most`)
	}
	p.Expiry = given
	return nil
}

// reasonOf is the word for why a refresh token is refused; "" for no such word.
func reasonOf(word string) history.Reason {
	switch word {
	case "expired":
		return history.ReasonExpired
	case "reused":
		return history.ReasonReused
	case "revoked":
		return history.ReasonRevoked
	case "invalid_grant":
		return history.ReasonInvalidGrant
	case "unexplained":
		return history.ReasonUnexplained
	}
	return ""
}

// rows reads the rows of answers that have one meaning, such as
// { status = 400, error = "invalid_request", reason = "expired" }.
func rows(meaning Meaning) key {
	name := listOf[meaning]
	return key{name, func(p *Profile, value any) []problem {
		tables, ok := tablesOf(value)
		if !ok {
			return wrong(name, "want a list of tables, each with status, error or both")
		}
		var problems []problem
		for i, table := range tables {
			row, wrong := rowOf(table, meaning)
			for _, each := range wrong {
				each.name, each.row, each.isRow = name, i, true
				problems = append(problems, each)
			}
			p.Answers.Rows = append(p.Answers.Rows, row)
		}
		return problems
	}}
}

// tablesOf are the tables of a list, which can be written in two ways.
func tablesOf(value any) (tables []map[string]any, ok bool) {
	if tables, ok = value.([]map[string]any); ok {
		return tables, true
	}
	list, ok := value.([]any)
	for _, each := range list {
		table, isTable := each.(map[string]any)
		ok = ok && isTable
		tables = append(tables, table)
	}
	return tables, ok
}

func rowOf(table map[string]any, meaning Meaning) (Row, []problem) {
	row := Row{Meaning: meaning}
	if meaning == Refused {
		row.Reason = history.ReasonInvalidGrant
	}
	var problems []problem
	say := func(member, text string) { problems = append(problems, problem{member: member, text: text}) }
	for _, member := range slices.Sorted(maps.Keys(table)) {
		given, _ := table[member].(string)
		switch member {
		case "status":
			status, _ := table[member].(int64)
			if row.Status = int(status); status < 200 || status > 599 {
				say(member, "want an HTTP status from 200 to 599")
			}
		case "error":
			if row.Code = strings.ToLower(given); !isCode(given) {
				say(member, "want an error code in quotes")
			}
		case "reason":
			if row.Reason = reasonOf(given); row.Reason == "" || meaning != Refused {
				say(member, `of refusals alone; want "expired", "reused", "revoked", "invalid_grant" or "unexplained"`)
			}
		default:
			say(member, "there is no such key; a row has status and error, and one of refusals a reason")
		}
	}
	if row.Status == 0 && row.Code == "" && len(problems) == 0 {
		say("", "it would cover every answer; want status, error or both")
	}
	return row, problems
}
