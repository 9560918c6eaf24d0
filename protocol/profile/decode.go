package profile

import (
	"fmt"
	"maps"
	"slices"
)

// problem is what is wrong with a table, without the line.
type problem struct {
	name   string // the key; "" for the table
	row    int    // of an array of tables, counted from 0
	isRow  bool
	member string // of a row, or of a table of params; "" for none
	text   string

	rival *problem // the place of a row that says something else of the same answers; nil for none
}

// key is the place as a person reads it.
func (p problem) key() string {
	text := p.name
	if p.isRow {
		text += fmt.Sprintf("[%d]", p.row+1)
	}
	if p.member != "" {
		text += "." + p.member
	}
	return text
}

func (p problem) path(profile string) []string {
	path := []string{tableName, profile, p.name, p.member}
	return path[:slices.Index(append(path, ""), "")]
}

// decode reads the table of a profile. It reports everything that is wrong, and not only
// the first.
func decode(name string, value any) (Profile, []problem) {
	p := defaults(name)
	if !isName(name) {
		return p, []problem{{text: "the name of a profile has small letters, digits, - and _, 64 at most"}}
	}
	table, ok := value.(map[string]any)
	if !ok {
		return p, []problem{{text: "want a table"}}
	}
	var problems []problem
	for _, key := range keys() { // in their order, for that is the order of the rows
		if given, ok := table[key.name]; ok {
			problems = append(problems, key.read(&p, given)...)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(table)) {
		if !slices.ContainsFunc(keys(), func(k key) bool { return k.name == name }) {
			problems = append(problems, problem{name: name, text: unknown(name)})
		}
	}
	bad := map[string]bool{}
	for _, each := range problems {
		bad[each.name] = true
	}
	for _, name := range []string{"client_id", "issuer"} {
		if _, ok := table[name]; !ok {
			problems = append(problems, problem{text: name + " is missing"})
		}
	}
	for _, each := range p.contradictions(table) {
		if !bad[each.name] { // one sentence for one key
			problems = append(problems, each)
		}
	}
	return p, problems
}

const secretElsewhere = "a secret does not belong into this file, which other programs read; have client_secret_command print it " +
	`(from a keyring: ["secret-tool", "lookup", …], ["security", "find-generic-password", "-w", …]), or name the variable that has it with client_secret_env`

func unknown(name string) string {
	if name == "client_secret" {
		return secretElsewhere
	}
	return "there is no such key"
}

// contradictions are what is wrong with keys that are right by themselves, and settles what
// one key says about another.
func (p *Profile) contradictions(table map[string]any) []problem {
	var problems []problem
	has := func(name string) bool { _, ok := table[name]; return ok }
	say := func(name, text string) { problems = append(problems, problem{name: name, text: text}) }

	if !has("exchange_encoding") {
		p.ExchangeEncoding = p.RequestEncoding
	}
	if !has("token_endpoint_auth_method") && !p.Secret.IsNone() {
		p.AuthMethod = AuthBasic // RFC 7591 section 2
	}
	switch {
	case len(p.Secret.Command) > 0 && p.Secret.Env != "":
		say("client_secret_env", "client_secret_command is there too; leave one of them out")
	case p.AuthMethod == AuthNone && !p.Secret.IsNone():
		say("token_endpoint_auth_method", `"none" is for a client without a secret; leave the secret out, or this key`)
	case p.AuthMethod != AuthNone && p.Secret.IsNone() && !has("client_secret_command") && !has("client_secret_env"):
		say("token_endpoint_auth_method", "it needs client_secret_command or client_secret_env")
	}
	if p.Discovery == DiscoveryNone {
		if p.Endpoints.Token == "" && !has("token_endpoint") {
			say("discovery", `"none" needs token_endpoint`)
		}
		if p.DeviceFlow == DeviceRFC8628 && p.Endpoints.Device == "" && !has("device_authorization_endpoint") {
			say("device_flow", `"rfc8628" needs device_authorization_endpoint, for discovery is "none"`)
		}
	}
	switch isOpen := takesPort(p.RedirectURI); {
	case !isOpen && has("redirect_ports"):
		say("redirect_ports", "redirect_uri has no {port} to put them into")
	case !isOpen:
		p.RedirectPorts = nil
	}
	return append(problems, p.Answers.contradictions()...)
}

// contradictions are the rows that say something else of the same answers than an earlier
// row. Of two rows that cover an answer, the more exact one counts, see [Answers.own].
func (a Answers) contradictions() (problems []problem) {
	listed, places := map[Meaning]int{}, make([]problem, len(a.Rows))
	for i, row := range a.Rows {
		places[i] = problem{name: listOf[row.Meaning], row: listed[row.Meaning], isRow: true}
		listed[row.Meaning]++
		at := slices.IndexFunc(a.Rows[:i], func(earlier Row) bool {
			return earlier.Status == row.Status && earlier.Code == row.Code && earlier != row
		})
		if at < 0 {
			continue
		}
		found := places[i]
		found.rival = &places[at]
		found.text = found.rival.key() + " says something else of the same answers; leave one of them out"
		problems = append(problems, found)
	}
	return problems
}

// listOf are the keys of the rows.
var listOf = map[Meaning]string{Refused: "refusals", Misconfigured: "misconfigured", LoginNeeded: "login_needed"}
