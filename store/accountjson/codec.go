// Package accountjson reads and writes login.json, the file that bezoar keeps the login of
// an account in. It is bezoar's own: other programs may read it, and should leave the
// writing to bezoar.
package accountjson

import (
	"strconv"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/store/record"
)

// Version is the version of the records that Encode writes. A record of a newer version may
// mean other things by the same members. A new member that an older bezoar may pass over
// is no new version.
const Version = 1

// The members of a record. Texts that say nothing are left out.
const (
	memberVersion       = "version"
	memberIssuer        = "issuer"         // as the profile of the login named it
	memberClientID      = "client_id"      // that the login was made for
	memberTokenEndpoint = "token_endpoint" // where the refresh token may go, and nowhere else
	memberSubject       = "subject"        // who the issuer says it is; left out if nothing told
	memberEmail         = "email"
	memberScope         = "scope"
	memberTokenType     = "token_type"
	memberExpiresAt     = "expires_at" // of the access token (RFC 3339)
	memberAccess        = "access_token"
	memberRefresh       = "refresh_token" // left out if the issuer gave none
	memberIDToken       = "id_token"
	memberLastRefresh   = "last_refresh"
	memberLoginID       = "login_id" // made at random with the login, and kept by its refreshes
)

var members = []string{
	memberVersion, memberIssuer, memberClientID, memberTokenEndpoint, memberSubject, memberEmail, memberScope, memberTokenType,
	memberExpiresAt, memberAccess, memberRefresh, memberIDToken, memberLastRefresh, memberLoginID,
}

// Format is that of an account's login.
var Format = record.Format{File: "login.json", Service: "bezoar", Decode: Decode, Encode: Encode}

// Decode reads a record. What cannot be used for what it says is an
// [*persist.UnreadableError]: a refresh token must not go to an issuer, a client or an
// endpoint that was guessed. So is a record of a newer version: no refresh replaces it.
func Decode(data []byte) (machine.Credential, error) {
	top, err := record.Parse(data)
	if err != nil {
		return machine.Credential{}, err
	}
	var r reader
	r.version(top)
	c := machine.Credential{
		Method:       machine.MethodTokens,
		IDToken:      r.Token(top, memberIDToken),
		AccessToken:  r.Required(top, memberAccess),
		RefreshToken: r.Token(top, memberRefresh),
		AccountID:    r.Optional(top, memberSubject),
		LastRefresh:  r.Time(top, memberLastRefresh),
		Provenance: machine.Provenance{
			Issuer: r.named(top, memberIssuer), ClientID: r.named(top, memberClientID), TokenEndpoint: r.named(top, memberTokenEndpoint),
		},
		OwnerID:   r.named(top, memberLoginID),
		ExpiresAt: r.Time(top, memberExpiresAt),
		Granted: machine.Granted{
			Scope: r.Optional(top, memberScope), TokenType: r.Optional(top, memberTokenType), Email: r.Optional(top, memberEmail),
		},
	}
	if r.Err != nil {
		return machine.Credential{}, r.Err
	}
	if c.ExpiresAt.Equal(record.Undated) { // it says nothing, and a good token would count as expired
		c.ExpiresAt = time.Time{}
	}
	if c.LastRefresh.IsZero() {
		c.LastRefresh = record.Undated
	}
	return c, nil
}

// Encode writes c, and then the members of base that bezoar does not know, as they were
// spelled. base is the record that c takes the place of, nil to keep nothing. An error means
// that c cannot be stored: whatever is returned, Decode reads as c. Nothing that is said
// beside the tokens makes an error: for its sake no token that came with it is lost.
func Encode(c machine.Credential, base []byte) ([]byte, error) {
	old, err := record.Replaced(base)
	if err != nil {
		return nil, err
	}
	var top record.Object
	top.Add(memberVersion, []byte(strconv.Itoa(Version)))
	for _, each := range []struct{ name, text string }{
		{memberIssuer, c.Provenance.Issuer}, {memberClientID, c.Provenance.ClientID}, {memberTokenEndpoint, c.Provenance.TokenEndpoint},
		{memberSubject, c.AccountID}, {memberEmail, c.Granted.Email}, {memberScope, c.Granted.Scope}, {memberTokenType, c.Granted.TokenType},
	} {
		if each.text != "" {
			top.Add(each.name, record.Text(each.text))
		}
	}
	if year := c.ExpiresAt.UTC().Year(); !c.ExpiresAt.IsZero() && year >= 0 && year <= 9999 { // what else an issuer says is as good as nothing
		top.Add(memberExpiresAt, record.TimeText(c.ExpiresAt))
	}
	top.Add(memberAccess, record.TokenText(c.AccessToken))
	if !c.RefreshToken.IsAbsent() {
		top.Add(memberRefresh, record.TokenText(c.RefreshToken))
	}
	if !c.IDToken.IsAbsent() {
		top.Add(memberIDToken, record.TokenText(c.IDToken))
	}
	if !c.LastRefresh.IsZero() {
		top.Add(memberLastRefresh, record.TimeText(c.LastRefresh))
	}
	top.Add(memberLoginID, record.Text(c.OwnerID))
	data := append(top, old.Without(members...)...).Indented("")
	return record.Checked(data, c, Decode, "the record of an account")
}

// reader reads the members of a record.
type reader struct{ record.Reader }

// version fails for a record that this bezoar may not understand.
func (r *reader) version(top record.Object) {
	raw := r.Member(top, memberVersion)
	version, err := strconv.Atoi(string(raw))
	switch {
	case raw == nil:
		r.Fail("there is no %s", memberVersion)
	case err != nil || version < 1:
		r.Fail("%s is not a number from 1", memberVersion)
	case version > Version:
		r.FailAsNewer("a newer bezoar wrote it (%s %d, and this one knows %d); use that bezoar", memberVersion, version, Version)
	}
}

// named is a text that must be there and say something.
func (r *reader) named(top record.Object, name string) string {
	text := r.Optional(top, name)
	if text == "" {
		r.Fail("there is no %s", name)
	}
	return text
}
