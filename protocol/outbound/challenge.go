package outbound

import (
	"net/http"
	"strings"
)

// Challenge is one challenge of a WWW-Authenticate header (RFC 9110 section 11.6.1). Its
// values are a server's words: bound them and make them legible before they are shown.
type Challenge struct {
	Scheme string            // in small letters
	Params map[string]string // by name, in small letters; the first of a name counts
}

// Bearer is the challenge of the scheme Bearer (RFC 6750 section 3), the zero value if an
// answer has none. Several of them are one: a server may split its parameters.
func Bearer(header http.Header) Challenge {
	found := Challenge{}
	for _, line := range header.Values("WWW-Authenticate") {
		for _, each := range challenges(line) {
			if each.Scheme != "bearer" {
				continue
			}
			if found.Params == nil {
				found = Challenge{each.Scheme, map[string]string{}}
			}
			for name, value := range each.Params {
				if _, known := found.Params[name]; !known {
					found.Params[name] = value
				}
			}
		}
	}
	return found
}

// challenges reads one line of the header. What cannot be read ends it: what stands before
// counts.
func challenges(line string) []Challenge {
	var all []Challenge
	r := fieldReader{line}
	for r.skip(" \t,"); r.rest != ""; r.skip(" \t,") {
		word := r.token()
		if word == "" {
			return all
		}
		afterWord := r
		if value, ok := r.value(); ok && len(all) > 0 {
			last := all[len(all)-1]
			if name := strings.ToLower(word); last.Params[name] == "" {
				last.Params[name] = value
			}
			continue
		}
		r = afterWord
		all = append(all, Challenge{strings.ToLower(word), map[string]string{}})
		r.token68()
	}
	return all
}

// fieldReader reads the value of a header from its beginning on.
type fieldReader struct{ rest string }

func (r *fieldReader) skip(set string) { r.rest = strings.TrimLeft(r.rest, set) }

// token reads a token (RFC 9110 section 5.6.2), "" for none.
func (r *fieldReader) token() string {
	end := strings.IndexFunc(r.rest, isSeparator)
	if end < 0 {
		end = len(r.rest)
	}
	word := r.rest[:end]
	r.rest = r.rest[end:]
	return word
}

// isSeparator reports whether a character ends a token.
func isSeparator(c rune) bool {
	return c <= ' ' || c > '~' || strings.ContainsRune(`()<>@,;:\"/[]?={}`, c)
}

// IsToken reports whether a text is a token, as the name of a header is (RFC 9110 section 5.6.2).
func IsToken(text string) bool { return text != "" && !strings.ContainsFunc(text, isSeparator) }

// value reads the rest of a parameter behind its name: =, and a token or a quoted string.
func (r *fieldReader) value() (string, bool) {
	r.skip(" \t")
	if !strings.HasPrefix(r.rest, "=") {
		return "", false
	}
	r.rest = r.rest[1:]
	r.skip(" \t")
	if strings.HasPrefix(r.rest, `"`) {
		return r.quoted()
	}
	word := r.token()
	return word, word != ""
}

// quoted reads a quoted string (RFC 9110 section 5.6.4).
func (r *fieldReader) quoted() (string, bool) {
	var text strings.Builder
	for i := 1; i < len(r.rest); i++ {
		switch c := r.rest[i]; {
		case c == '"':
			r.rest = r.rest[i+1:]
			return text.String(), true
		case c == '\\' && i+1 < len(r.rest):
			i++
			text.WriteByte(r.rest[i])
		default:
			text.WriteByte(c)
		}
	}
	return "", false
}

// token68 skips the credentials that some schemes have in place of parameters, such as
// Negotiate: a word that ends where the next challenge begins.
func (r *fieldReader) token68() {
	before := r.rest
	r.skip(" \t")
	word := strings.TrimLeft(r.rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/")
	word = strings.TrimLeft(word, "=")
	if end := strings.TrimLeft(word, " \t"); len(word) < len(r.rest) && (end == "" || end[0] == ',') {
		r.rest = end
		return
	}
	r.rest = before
}
