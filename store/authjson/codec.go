// Package authjson reads and writes auth.json, the file that Codex keeps a login in.
package authjson

import (
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/jwt"
	"github.com/bezoar-auth/bezoar/store/record"
)

// The members of auth.json, as Codex 0.171.0 writes them.
const (
	memberMode        = "auth_mode"
	memberAPIKey      = "OPENAI_API_KEY"
	memberTokens      = "tokens"
	memberIDToken     = "id_token"
	memberAccess      = "access_token"
	memberRefresh     = "refresh_token"
	memberAccountID   = "account_id"
	memberProvenance  = "oauth_provenance"
	memberIssuer      = "issuer"
	memberClientID    = "client_id"
	memberOwnerID     = "login_owner_id"
	memberLastRefresh = "last_refresh"
)

// Format is that of auth.json, and of what Codex keeps in a keyring.
var Format = record.Format{File: "auth.json", Service: "Codex Auth", Decode: Decode, Encode: Encode}

// reader reads the members of an auth.json.
type reader struct{ record.Reader }

// Decode reads an auth.json. What Codex would not accept is an
// [*persist.UnreadableError], even in a member that the mode does not need: then the
// whole file counts as absent. Unknown members are passed over.
func Decode(data []byte) (machine.Credential, error) {
	top, err := record.Parse(data)
	if err != nil {
		return machine.Credential{}, err
	}
	var r reader
	mode, key := r.Text(top, memberMode), r.Text(top, memberAPIKey)
	tokens, refreshed := r.tokens(top), r.Time(top, memberLastRefresh)
	if r.Err != nil {
		return machine.Credential{}, r.Err
	}
	switch method := methodOf(mode, key); {
	case method == machine.MethodAPIKey && key == nil:
		return machine.Credential{}, record.Unreadable("there is no API key")
	case method == machine.MethodAPIKey:
		return machine.Credential{Method: method, APIKey: record.TokenOf(key)}, nil
	case method != machine.MethodTokens && method != machine.MethodExternal:
		return machine.Credential{}, record.Unreadable("%s is unknown", memberMode)
	case tokens == nil:
		return machine.Credential{}, record.Unreadable("there are no tokens")
	default:
		tokens.Method, tokens.APIKey, tokens.LastRefresh = method, record.TokenOf(key), refreshed
		return *tokens, nil
	}
}

// methodOf is Codex's rule for a file that does not say.
func methodOf(mode, key *string) machine.Method {
	switch {
	case mode != nil:
		return machine.Method(*mode)
	case key != nil:
		return machine.MethodAPIKey
	}
	return machine.MethodTokens
}

// Encode writes c as an auth.json: Codex's members in its order and layout, then
// the members of base that bezoar does not know, as they were spelled. base
// is the file that c takes the place of, nil to keep nothing. An error means
// that c cannot be stored: whatever is returned, Decode reads as c.
func Encode(c machine.Credential, base []byte) ([]byte, error) {
	old, err := record.Replaced(base)
	if err != nil {
		return nil, err
	}
	var top record.Object
	top.Add(memberMode, record.Text(string(c.Method)))
	top.Add(memberAPIKey, record.TokenText(c.APIKey))
	if c.Method != machine.MethodAPIKey {
		top.Add(memberTokens, encodeTokens(c, within(old, memberTokens)))
		if !c.LastRefresh.IsZero() {
			top.Add(memberLastRefresh, record.TimeText(c.LastRefresh))
		}
	}
	data := append(top, old.Without(memberMode, memberAPIKey, memberTokens, memberLastRefresh)...).Indented("")
	return record.Checked(data, c, Decode, "auth.json")
}

func encodeTokens(c machine.Credential, old record.Object) []byte {
	var tokens record.Object
	tokens.Add(memberIDToken, record.TokenText(c.IDToken))
	tokens.Add(memberAccess, record.TokenText(c.AccessToken))
	tokens.Add(memberRefresh, record.TokenText(c.RefreshToken))
	if c.AccountID == "" {
		tokens.Add(memberAccountID, record.Null)
	} else {
		tokens.Add(memberAccountID, record.Text(c.AccountID))
	}
	if c.Provenance != (machine.Provenance{}) {
		tokens.Add(memberProvenance, encodeProvenance(c.Provenance, within(old, memberProvenance)))
	}
	if c.OwnerID != "" {
		tokens.Add(memberOwnerID, record.Text(c.OwnerID))
	}
	unknown := old.Without(memberIDToken, memberAccess, memberRefresh, memberAccountID, memberProvenance, memberOwnerID)
	return append(tokens, unknown...).Indented(record.Indent)
}

func encodeProvenance(p machine.Provenance, old record.Object) []byte {
	var provenance record.Object
	provenance.Add(memberIssuer, record.Text(p.Issuer))
	provenance.Add(memberClientID, record.Text(p.ClientID))
	return append(provenance, old.Without(memberIssuer, memberClientID)...).Indented(record.Indent + record.Indent)
}

// within is the object that is a member of o, empty if there is none. If it is
// there twice, or of another type, that is Decode's business.
func within(o record.Object, name string) record.Object {
	raw, _ := o.Unique(name)
	inner, _ := record.Split(raw)
	return inner
}

func (r *reader) tokens(top record.Object) *machine.Credential {
	raw := r.Member(top, memberTokens)
	if raw == nil {
		return nil
	}
	tokens, ok := record.Split(raw)
	if !ok {
		r.Fail("%s is no object", memberTokens)
		return nil
	}
	c := machine.Credential{
		IDToken:      r.Required(tokens, memberIDToken),
		AccessToken:  r.Required(tokens, memberAccess),
		RefreshToken: r.Required(tokens, memberRefresh),
		AccountID:    r.Optional(tokens, memberAccountID),
		Provenance:   r.provenance(tokens),
		OwnerID:      r.Optional(tokens, memberOwnerID),
	}
	if _, err := jwt.Parse(c.IDToken, jwt.Paths{}); err != nil {
		r.Fail("%s is %v", memberIDToken, err)
	}
	return &c
}

// provenance is all or nothing: a refresh token must not go to a place that was
// guessed from half of it.
func (r *reader) provenance(tokens record.Object) machine.Provenance {
	raw := r.Member(tokens, memberProvenance)
	if raw == nil {
		return machine.Provenance{}
	}
	said, ok := record.Split(raw)
	if !ok {
		r.Fail("%s is no object", memberProvenance)
	}
	p := machine.Provenance{Issuer: r.Optional(said, memberIssuer), ClientID: r.Optional(said, memberClientID)}
	if p.Issuer == "" || p.ClientID == "" {
		r.Fail("%s is incomplete", memberProvenance)
	}
	return p
}
