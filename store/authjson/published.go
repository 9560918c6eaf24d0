package authjson

import (
	"errors"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/store/record"
)

// A published login is an auth.json for programs that must not refresh it: tokens of the
// mode chatgptAuthTokens, whose refresh token is empty. Codex uses them, sends nothing to
// the issuer, leaves the file as it is, and reads it again after a 401 (0.171.0 and
// 0.169.0; 0.117.0 reads it at its start alone). A member of our own says who keeps the
// file and where the login is. Codex passes over it, and a login that it makes itself
// has none.
const (
	memberPublished = "published"
	memberBy        = "by"
	memberFrom      = "from"

	publishedBy = "bezoar"
)

// EncodePublished writes c as a published login whose refresh token is in the home from.
// It returns an error if c has more than such a file has a place for: a refresh token, a
// key.
func EncodePublished(c machine.Credential, from string) ([]byte, error) {
	if c.Method != machine.MethodExternal || !c.RefreshToken.IsEmpty() {
		return nil, errors.New("a login that can be refreshed is not published")
	}
	var mark, top record.Object
	mark.Add(memberBy, record.Text(publishedBy))
	mark.Add(memberFrom, record.Text(from))
	top.Add(memberPublished, mark.Indented(record.Indent))
	return Encode(c, top.Indented(""))
}

// PublishedFrom is the home that holds the login which data was published from. It is
// false for everything else than a published login: what holds a refresh token or a key
// is a login of its own, whatever else it says.
func PublishedFrom(data []byte) (from string, isPublished bool) {
	c, err := Decode(data)
	if err != nil || c.Method != machine.MethodExternal || !c.RefreshToken.IsEmpty() || !c.APIKey.IsAbsent() {
		return "", false
	}
	top, err := record.Parse(data)
	if err != nil {
		return "", false
	}
	var r reader
	mark, _ := record.Split(r.Member(top, memberPublished))
	by, from := r.Optional(mark, memberBy), r.Optional(mark, memberFrom)
	return from, r.Err == nil && by == publishedBy && from != ""
}
