package profile

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// Each of these returns what a value has to be, or "" if it is that. None repeats it.

func isDisplayName(text string) string {
	if text == "" || len(text) > 100 || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "want a name of 100 letters at most, on one line"
	}
	return ""
}

// isName reports whether a profile can have a name: it is typed at a shell and may become
// the name of a file.
func isName(name string) bool {
	foreign := func(r rune) bool {
		return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-' || r == '_')
	}
	return name != "" && len(name) <= 64 && !strings.ContainsFunc(name, foreign)
}

// web parses an absolute URL of the web.
func web(text string) (*url.URL, string) {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "":
		return nil, "want an absolute https URL"
	case u.User != nil:
		return nil, "leave user name and password out of the URL: it is shown"
	}
	return u, ""
}

// isIssuer is RFC 8414 section 2.
func isIssuer(text string) string {
	_, want := web(text)
	if want == "" && strings.ContainsAny(text, "?#") {
		want = "want a URL without ? and #, as the issuer itself writes it"
	}
	return want
}

// isEndpoint is RFC 6749 sections 3.1 and 3.2.
func isEndpoint(text string) string {
	_, want := web(text)
	if want == "" && strings.Contains(text, "#") {
		want = "want a URL without #"
	}
	return want
}

// isResource is RFC 8707 section 2.
func isResource(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || strings.Contains(text, "#") || u.User != nil {
		return "want absolute URIs without #"
	}
	return ""
}

// portPlace is where the port of a redirect URI goes.
const portPlace = "{port}"

func takesPort(redirect string) bool { return strings.Contains(redirect, portPlace) }

// isRedirect is RFC 8252 section 7.3: the browser comes back to this machine, at an address
// on which a login listens.
func isRedirect(text string) string {
	u, want := web(strings.Replace(text, ":"+portPlace, ":1", 1))
	if want != "" || u.Scheme != "http" || !slices.Contains([]string{"127.0.0.1", "::1", "localhost"}, u.Hostname()) || strings.ContainsAny(text, "?#") || takesPort(u.String()) || u.Port() == "" {
		return "want an address of this machine, such as http://127.0.0.1:{port}/callback"
	}
	return ""
}

// visible reports whether a text has visible characters and blanks alone (RFC 6749
// appendix A, VSCHAR).
func visible(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

func isClientID(text string) string {
	if text == "" || !visible(text) {
		return "want the client_id that the issuer has given you"
	}
	return ""
}

// isScope is RFC 6749 section 3.3.
func isScope(text string) string {
	if text == "" || !visible(text) || strings.ContainsAny(text, ` "\`) {
		return "want a list with one scope in each text, without blanks"
	}
	return ""
}

func isArgument(text string) string {
	if strings.ContainsRune(text, 0) {
		return "want the words of a command"
	}
	return ""
}

func isVariable(text string) string {
	foreign := func(r rune) bool { return !isLetter(r) && !('0' <= r && r <= '9') }
	if text == "" || !isLetter(rune(text[0])) || strings.ContainsFunc(text, foreign) {
		return "want the name of a variable, not the secret itself"
	}
	return ""
}

func isLetter(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '_' }

func isClaim(text string) string {
	if !isPointer(text) {
		return `want a JSON pointer (RFC 6901), such as "/sub"`
	}
	return ""
}

func isCode(text string) bool {
	return text != "" && len(text) <= 100 && visible(text)
}

// What a request has by itself, so that no profile can give it another value.
var (
	ofLogins = []string{"response_type", "response_mode", "client_id", "redirect_uri", "scope", "resource", "state", "nonce",
		"code_challenge", "code_challenge_method"}
	ofRefreshes = []string{"grant_type", "client_id", "refresh_token", "scope", "resource"}
)

// What is filled in when a request is made. A member is left out whose value is empty then.
var (
	placeholdersOfLogins    = []string{"{originator}", "{workspaces}"}
	placeholdersOfRefreshes = []string{"{cause}"}
)

// hasOnly reports whether all that a text has in braces are these placeholders.
func hasOnly(text string, placeholders []string) bool {
	for _, each := range placeholders {
		text = strings.ReplaceAll(text, each, "")
	}
	return !strings.ContainsAny(text, "{}")
}
