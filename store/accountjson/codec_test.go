package accountjson_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/accountjson"
	"github.com/bezoar-auth/bezoar/store/record"
)

// least is the shortest record.
const least = `{"version": 1, "issuer": "https://id.example/", "client_id": "native", "token_endpoint": "https://id.example/token", ` +
	`"access_token": "access", "login_id": "login", "last_refresh": "2026-12-01T05:00:00Z"}`

var five = time.Date(2026, 12, 1, 5, 0, 0, 0, time.UTC)

func leastLogin() machine.Credential {
	return machine.Credential{
		Method: machine.MethodTokens, AccessToken: secret.New("access"), LastRefresh: five, OwnerID: "login",
		Provenance: machine.Provenance{Issuer: "https://id.example/", ClientID: "native", TokenEndpoint: "https://id.example/token"},
	}
}

func fullLogin() machine.Credential {
	c := leastLogin()
	c.RefreshToken, c.IDToken, c.AccountID = secret.New("refresh"), secret.New("opaque"), "ada"
	c.ExpiresAt = five.Add(59 * time.Second)
	c.Granted = machine.Granted{Scope: "openid offline_access", TokenType: "bearer", Email: "ada@example.com"}
	return c
}

// requireLogin compares without printing: a diff would show the tokens.
func requireLogin(t require.TestingT, want machine.Credential, document string) {
	got, err := accountjson.Decode([]byte(document))
	require.NoError(t, err)
	require.True(t, want.Equal(got), "another login: %v", got)
	require.True(t, want.ExpiresAt.Equal(got.ExpiresAt))
	require.Equal(t, want.Granted, got.Granted)
}

func encode(t require.TestingT, c machine.Credential, base []byte) string {
	data, err := accountjson.Encode(c, base)
	require.NoError(t, err)
	return string(data)
}

func TestARecordHasAllThatARefreshNeeds(t *testing.T) {
	require.Equal(t, `{
  "version": 1,
  "issuer": "https://id.example/",
  "client_id": "native",
  "token_endpoint": "https://id.example/token",
  "subject": "ada",
  "email": "ada@example.com",
  "scope": "openid offline_access",
  "token_type": "bearer",
  "expires_at": "2026-12-01T05:00:59Z",
  "access_token": "access",
  "refresh_token": "refresh",
  "id_token": "opaque",
  "last_refresh": "2026-12-01T05:00:00Z",
  "login_id": "login"
}`, encode(t, fullLogin(), nil))
	requireLogin(t, fullLogin(), encode(t, fullLogin(), nil))
	requireLogin(t, leastLogin(), least)
	requireLogin(t, leastLogin(), encode(t, leastLogin(), nil))
}

func TestUnknownMembersOutliveASwap(t *testing.T) {
	base := `{"theirs" : [1.50], "version": 1, "Issuer": "x", "access_token": 7, "dup": 1, "dup": 2}`
	once := encode(t, fullLogin(), []byte(base))
	require.Contains(t, once, "\n  \"theirs\": [1.50],\n  \"Issuer\": \"x\",\n  \"dup\": 1,\n  \"dup\": 2\n}")
	require.Equal(t, once, encode(t, fullLogin(), []byte(once)), "and stay as they are")
	requireLogin(t, fullLogin(), once)
	require.NotContains(t, encode(t, fullLogin(), nil), "theirs")
}

func TestANewerRecordIsSaidToBeOneAndNotRead(t *testing.T) {
	_, err := accountjson.Decode([]byte(strings.Replace(least, `"version": 1`, `"version": 2`, 1)))
	problem := new(persist.UnreadableError)
	require.ErrorAs(t, err, &problem)
	require.True(t, problem.IsNewer)
	require.Equal(t, "a newer bezoar wrote it (version 2, and this one knows 1); use that bezoar", problem.Problem)
}

func TestWhatIsNoRecordIsRefusedAndLeaksNothing(t *testing.T) {
	changed := func(old, new string) string { return strings.Replace(least, old, new, 1) }
	for name, document := range map[string]string{
		"nothing":                   "",
		"auth.json":                 `{"auth_mode": "chatgpt", "tokens": {"access_token": "S3NT1NEL"}}`,
		"cut short":                 `{"access_token": "S3NT1NEL`,
		"no version":                changed(`"version": 1, `, ""),
		"a version that is a text":  changed(`1`, `"1"`),
		"version 0":                 changed(`1`, `0`),
		"half a version":            changed(`1`, `1.5`),
		"no issuer":                 changed(`"https://id.example/"`, "null"),
		"an empty issuer":           changed(`"https://id.example/"`, `""`),
		"an issuer twice":           changed(`{`, `{"issuer": "S3NT1NEL", `),
		"no client":                 changed(`"native"`, "null"),
		"no token endpoint":         changed(`"https://id.example/token"`, "null"),
		"a token endpoint, a list":  changed(`"https://id.example/token"`, `["S3NT1NEL"]`),
		"no access token":           changed(`"access"`, "null"),
		"an access token, a number": changed(`"access"`, "7"),
		"a refresh token, an array": changed(`{`, `{"refresh_token": ["S3NT1NEL"], `),
		"two refresh tokens":        changed(`{`, `{"refresh_token": "S3NT1NEL", "refresh_token": "S3NT1NEL", `),
		"a subject, a number":       changed(`{`, `{"subject": 7, `),
		"no login id":               changed(`"login"`, "null"),
		"half a surrogate pair":     changed(`"access"`, `"S3NT1NEL\ud800"`),
	} {
		t.Run(name, func(t *testing.T) {
			c, err := accountjson.Decode([]byte(document))
			problem := new(persist.UnreadableError)
			require.ErrorAs(t, err, &problem)
			require.Regexp(t, problems, err.Error())
			require.False(t, problem.IsNewer)
			require.True(t, c.Equal(machine.Credential{}), "nothing comes with an error")
		})
	}
}

func TestADateThatCannotBeReadWithholdsNoTokens(t *testing.T) {
	for _, said := range []string{`"yesterday"`, `null`, `{}`} {
		c, err := accountjson.Decode([]byte(strings.Replace(least, `"2026-12-01T05:00:00Z"`, said, 1)))
		require.NoError(t, err)
		require.Equal(t, record.Undated, c.LastRefresh)
	}
}

// A successor that cannot be stored is lost. What an issuer says beside it is no reason.
func TestStrangeWordsOfAnIssuerCostNoToken(t *testing.T) {
	c := fullLogin()
	c.ExpiresAt = time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)
	c.Granted = machine.Granted{Scope: "\xff", TokenType: "\xff", Email: "\xff"}
	back, err := accountjson.Decode([]byte(encode(t, c, nil)))
	require.NoError(t, err)
	require.True(t, back.Equal(c))
	require.True(t, back.ExpiresAt.IsZero())
}

func TestWhatARecordHasNoPlaceForIsNotWritten(t *testing.T) {
	for name, change := range map[string]func(*machine.Credential){
		"a key":              func(c *machine.Credential) { c.Method, c.APIKey = machine.MethodAPIKey, secret.New("S3NT1NEL") },
		"a key beside":       func(c *machine.Credential) { c.APIKey = secret.New("S3NT1NEL") },
		"tokens of a client": func(c *machine.Credential) { c.Method = machine.MethodExternal },
		"a plan":             func(c *machine.Credential) { c.PlanType = "S3NT1NEL" },
		"no access token":    func(c *machine.Credential) { c.AccessToken = secret.Token{} },
		"no token endpoint":  func(c *machine.Credential) { c.Provenance.TokenEndpoint = "" },
		"no login id":        func(c *machine.Credential) { c.OwnerID = "" },
		"no date":            func(c *machine.Credential) { c.LastRefresh = time.Time{} },
		"no UTF-8":           func(c *machine.Credential) { c.RefreshToken = secret.New("S3NT1NEL\xff") },
		"more than fits":     func(c *machine.Credential) { c.AccessToken = secret.New(strings.Repeat("S3NT1NEL", 1<<17)) },
	} {
		t.Run(name, func(t *testing.T) {
			c := fullLogin()
			change(&c)
			data, err := accountjson.Encode(c, nil)
			require.Error(t, err)
			require.NotContains(t, err.Error(), "S3NT1NEL")
			require.Nil(t, data)
		})
	}
	_, err := accountjson.Encode(fullLogin(), []byte(`{"x": "S3NT1NEL`))
	require.Error(t, err, "nor is it written over what cannot be kept")
	require.NotContains(t, err.Error(), "S3NT1NEL")
}

// anyLogin is any login that a record has a place for.
func anyLogin(t *rapid.T) machine.Credential {
	word, token := rapid.StringN(1, 20, -1), rapid.Map(rapid.String(), secret.New)
	optional := func(what string) secret.Token {
		if rapid.Bool().Draw(t, "has "+what) {
			return token.Draw(t, what)
		}
		return secret.Token{}
	}
	c := machine.Credential{
		Method: machine.MethodTokens, AccessToken: token.Draw(t, "access token"),
		RefreshToken: optional("refresh token"), IDToken: optional("ID token"),
		AccountID: rapid.String().Draw(t, "subject"), OwnerID: word.Draw(t, "login"),
		Provenance:  machine.Provenance{Issuer: word.Draw(t, "issuer"), ClientID: word.Draw(t, "client"), TokenEndpoint: word.Draw(t, "endpoint")},
		LastRefresh: time.Unix(rapid.Int64Range(1, 253402300799).Draw(t, "last refresh"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds")),
		Granted:     machine.Granted{Scope: rapid.String().Draw(t, "scope"), TokenType: rapid.String().Draw(t, "type"), Email: rapid.String().Draw(t, "email")},
	}
	if seconds := rapid.Int64Range(0, 253402300799).Draw(t, "expiry"); seconds > 0 {
		c.ExpiresAt = time.Unix(seconds, 0)
	}
	return c
}

func TestEncodeAndDecodeKeepEveryLogin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first, second := anyLogin(t), anyLogin(t)
		strange := fmt.Sprintf(`{"s": %q}`, rapid.StringMatching(`[a-z]{0,9}`).Draw(t, "stranger"))
		base := encode(t, first, []byte(strange))
		requireLogin(t, first, base)
		data := encode(t, second, []byte(base))
		requireLogin(t, second, data)
		require.Contains(t, data, strange[1:len(strange)-1])
		require.Equal(t, data, encode(t, second, []byte(data)), "to write it again changes nothing")
	})
}

// FuzzDecode feeds what may be in a file. Nothing of it may panic or stand in an error,
// and what is a login stays one.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(least))
	full, err := accountjson.Encode(fullLogin(), []byte(`{"x": [1, {"y": "\ud83d\ude00"}]}`))
	require.NoError(f, err)
	f.Add(full)
	f.Add([]byte(strings.Replace(least, "1", "2", 1)))
	f.Add([]byte("\ufeff" + least))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := accountjson.Decode(data)
		if err != nil {
			problem := new(persist.UnreadableError)
			require.ErrorAs(t, err, &problem)
			require.Regexp(t, problems, err.Error())
			return
		}
		for _, base := range [][]byte{nil, data} {
			written, err := accountjson.Encode(c, base)
			if base != nil && err != nil && len(data) > record.SizeLimitBytes/2 {
				continue // laid out, it is larger than a login may be
			}
			require.NoError(t, err)
			requireLogin(t, c, string(written))
		}
	})
}

// problems are all that an error may say.
var problems = regexp.MustCompile(`^stored login is unreadable: (` +
	`it is (larger than \d+ bytes|not UTF-8|UTF-16, and has to be UTF-8|not valid JSON|not valid JSON \(byte \d+\)|not a JSON object)|` +
	`there is no (version|issuer|client_id|token_endpoint|access_token|login_id)|version is not a number from 1|` +
	`a newer bezoar wrote it \(version \d+, and this one knows 1\); use that bezoar|` +
	`(version|issuer|client_id|token_endpoint|subject|email|scope|token_type|expires_at|access_token|refresh_token|id_token|last_refresh|login_id) ` +
	`is (there twice|not a text))$`)

func TestAnExpiryThatCannotBeReadIsNone(t *testing.T) {
	for _, said := range []string{`"tomorrow"`, `""`, `true`, `-1`, `0`, `{}`, "null"} {
		requireLogin(t, leastLogin(), strings.Replace(least, "{", `{"expires_at": `+said+", ", 1))
	}
}
