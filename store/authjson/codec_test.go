package authjson_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/authjson"
	"github.com/bezoar-auth/bezoar/store/record"
)

// idToken is a JWT whose payload is {}.
const idToken = "e30.e30.c2ln"

const tokens = `{"id_token": "` + idToken + `", "access_token": "access", "refresh_token": "refresh", "account_id": "acct"}`

func tokenSet() machine.Credential {
	return machine.Credential{
		Method: machine.MethodTokens, IDToken: secret.New(idToken), AccessToken: secret.New("access"),
		RefreshToken: secret.New("refresh"), AccountID: "acct",
	}
}

func with(c machine.Credential, change func(*machine.Credential)) machine.Credential {
	change(&c)
	return c
}

// requireLogin compares without printing: a diff would show the tokens.
func requireLogin(t require.TestingT, want machine.Credential, document string) {
	got, err := authjson.Decode([]byte(document))
	require.NoError(t, err)
	require.True(t, want.Equal(got), "another login: %v", got)
}

func apiKey(key string) machine.Credential {
	return machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New(key)}
}

func TestDecodeAcceptsWhatCodexAccepts(t *testing.T) {
	at := time.Date(2026, 11, 24, 5, 0, 0, 0, time.UTC)
	dated := func(nanoseconds int) machine.Credential {
		return with(tokenSet(), func(c *machine.Credential) { c.LastRefresh = at.Add(time.Duration(nanoseconds)) })
	}
	external := with(tokenSet(), func(c *machine.Credential) { c.Method = machine.MethodExternal })
	withKey := with(tokenSet(), func(c *machine.Credential) { c.APIKey = secret.New("sk") })
	elsewhere := with(tokenSet(), func(c *machine.Credential) {
		c.Provenance, c.OwnerID = machine.Provenance{Issuer: "https://auth.example.com", ClientID: "app_other"}, "b3duZXI"
	})
	noAccount := with(tokenSet(), func(c *machine.Credential) { c.AccountID = "" })
	for name, each := range map[string]struct {
		document string
		want     machine.Credential
	}{
		"tokens alone":                 {`{"tokens": ` + tokens + `}`, tokenSet()},
		"key is null":                  {`{"OPENAI_API_KEY": null, "tokens": ` + tokens + `}`, tokenSet()},
		"mode is null":                 {`{"auth_mode": null, "tokens": ` + tokens + `}`, tokenSet()},
		"mode says tokens":             {`{"auth_mode": "chatgpt", "tokens": ` + tokens + `}`, tokenSet()},
		"mode says tokens before key":  {`{"auth_mode": "chatgpt", "OPENAI_API_KEY": "sk", "tokens": ` + tokens + `}`, withKey},
		"mode says external":           {`{"auth_mode": "chatgptAuthTokens", "tokens": ` + tokens + `}`, external},
		"key alone":                    {`{"OPENAI_API_KEY": "sk"}`, apiKey("sk")},
		"empty key":                    {`{"OPENAI_API_KEY": ""}`, apiKey("")},
		"blank key":                    {`{"auth_mode": "apikey", "OPENAI_API_KEY": "  "}`, apiKey("  ")},
		"a key wins over tokens":       {`{"OPENAI_API_KEY": "sk", "tokens": ` + tokens + `}`, apiKey("sk")},
		"key and tokens null":          {`{"auth_mode": "apikey", "OPENAI_API_KEY": "sk", "tokens": null, "last_refresh": null}`, apiKey("sk")},
		"made elsewhere":               {`{"tokens": {"oauth_provenance": {"client_id": "app_other", "issuer": "https://auth.example.com", "x": 1}, "login_owner_id": "b3duZXI", ` + tokens[1:] + `}`, elsewhere},
		"made in an unnamed place":     {`{"tokens": {"oauth_provenance": null, "login_owner_id": null, ` + tokens[1:] + `}`, tokenSet()},
		"in any order":                 {`{"last_refresh": "2026-11-24T05:00:00Z", "tokens": ` + tokens + `}`, dated(0)},
		"nanoseconds":                  {`{"tokens": ` + tokens + `, "last_refresh": "2026-11-24T05:00:00.123456789Z"}`, dated(123456789)},
		"milliseconds":                 {`{"tokens": ` + tokens + `, "last_refresh": "2026-11-24T05:00:00.120Z"}`, dated(120e6)},
		"another zone":                 {`{"tokens": ` + tokens + `, "last_refresh": "2026-11-24T07:30:00+02:30"}`, dated(0)},
		"a zone to the west":           {`{"tokens": ` + tokens + `, "last_refresh": "2026-11-23T23:00:00-06:00"}`, dated(0)},
		"last_refresh is null":         {`{"tokens": ` + tokens + `, "last_refresh": null}`, tokenSet()},
		"account is null":              {`{"tokens": ` + strings.Replace(tokens, `"acct"`, "null", 1) + `}`, noAccount},
		"no account":                   {`{"tokens": ` + strings.Replace(tokens, `, "account_id": "acct"`, "", 1) + `}`, noAccount},
		"unknown members":              {`{"x": [1, {"tokens": 2}], "tokens": {"y": null, ` + tokens[1:] + `}`, tokenSet()},
		"unknown members twice":        {`{"x": 1, "x": 2, "tokens": ` + tokens + `}`, tokenSet()},
		"names in other letters":       {`{"Tokens": 1, "AUTH_MODE": "apikey", "openai_api_key": "sk", "tokens": ` + tokens + `}`, tokenSet()},
		"a name with an escape":        {`{"\u0074okens": ` + tokens + `}`, tokenSet()},
		"a byte-order mark":            {"\ufeff" + `{"tokens": ` + tokens + `}`, tokenSet()},
		"from an editor on Windows":    {"\ufeff{\r\n\t\"tokens\": " + strings.ReplaceAll(tokens, ", ", ",\r\n\t\t") + "\r\n}\r\n", tokenSet()},
		"a key beside a bad time":      {`{"OPENAI_API_KEY": "sk", "last_refresh": "never"}`, apiKey("sk")},
		"blanks around":                {" \r\n\t{\"tokens\":" + tokens + "}\n\n ", tokenSet()},
		"a token with an escape":       {`{"OPENAI_API_KEY": "\u0073k\ud83d\ude00"}`, apiKey("sk😀")},
		"a replacement character":      {`{"OPENAI_API_KEY": "\ufffd�"}`, apiKey("\ufffd\ufffd")},
		"an empty access token":        {`{"tokens": ` + strings.Replace(tokens, `"access"`, `""`, 1) + `}`, with(tokenSet(), func(c *machine.Credential) { c.AccessToken = secret.New("") })},
		"an API key that is no secret": {`{"OPENAI_API_KEY": "null"}`, apiKey("null")},
	} {
		t.Run(name, func(t *testing.T) { requireLogin(t, each.want, each.document) })
	}
}

func TestDecodeRefusesWhatCodexRefusesAndLeaksNothing(t *testing.T) {
	withTokens := func(old, new string) string { return `{"tokens": ` + strings.Replace(tokens, old, new, 1) + `}` }
	for name, document := range map[string]string{
		"nothing":                       "",
		"blanks":                        " \n",
		"null":                          "null",
		"an array":                      `[{"OPENAI_API_KEY": "S3NT1NEL"}]`,
		"a string":                      `"S3NT1NEL"`,
		"an empty object":               "{}",
		"cut short":                     `{"OPENAI_API_KEY": "S3NT1NEL`,
		"UTF-16":                        "\xff\xfe{\x00}\x00",
		"UTF-16, the other way round":   "\xfe\xff\x00{\x00}",
		"text behind":                   `{"OPENAI_API_KEY": "S3NT1NEL"} x`,
		"two objects":                   `{"OPENAI_API_KEY": "S3NT1NEL"} {}`,
		"zeros behind":                  `{"OPENAI_API_KEY": "S3NT1NEL"}` + "\x00",
		"a comment":                     `{"OPENAI_API_KEY": "S3NT1NEL" /* */}`,
		"a trailing comma":              `{"OPENAI_API_KEY": "S3NT1NEL",}`,
		"not UTF-8":                     "{\"OPENAI_API_KEY\": \"S3NT1NEL\xff\"}",
		"half a surrogate pair":         `{"OPENAI_API_KEY": "S3NT1NEL\ud800"}`,
		"half a pair, and a character":  `{"OPENAI_API_KEY": "S3NT1NEL\ud800 \udc00"}`,
		"too large":                     `{"OPENAI_API_KEY": "` + strings.Repeat("S3NT1NEL", record.SizeLimitBytes/8) + `"}`,
		"the mode twice":                `{"auth_mode": "apikey", "auth_mode": "apikey", "OPENAI_API_KEY": "S3NT1NEL"}`,
		"the key twice":                 `{"OPENAI_API_KEY": "S3NT1NEL", "OPENAI_API_KEY": "S3NT1NEL"}`,
		"the key twice, once null":      `{"OPENAI_API_KEY": "S3NT1NEL", "OPENAI_API_KEY": null}`,
		"tokens twice":                  `{"tokens": ` + tokens + `, "tokens": ` + tokens + `}`,
		"tokens twice, once null":       `{"tokens": null, "tokens": ` + tokens + `}`,
		"a token twice":                 withTokens(`{`, `{"access_token": "S3NT1NEL", `),
		"a token twice, once escaped":   withTokens(`{`, `{"\u0061ccess_token": "S3NT1NEL", `),
		"the last refresh twice":        `{"last_refresh": null, "last_refresh": null, "tokens": ` + tokens + `}`,
		"an unknown mode":               `{"auth_mode": "S3NT1NEL", "OPENAI_API_KEY": "sk"}`,
		"a mode in other letters":       `{"auth_mode": "ApiKey", "OPENAI_API_KEY": "S3NT1NEL"}`,
		"an empty mode":                 `{"auth_mode": "", "OPENAI_API_KEY": "S3NT1NEL"}`,
		"a mode that is not a text":     `{"auth_mode": 1, "OPENAI_API_KEY": "S3NT1NEL"}`,
		"mode says key, there is none":  `{"auth_mode": "apikey", "tokens": ` + tokens + `}`,
		"mode says tokens, none there":  `{"auth_mode": "chatgpt", "OPENAI_API_KEY": "S3NT1NEL"}`,
		"tokens are null":               `{"auth_mode": "chatgpt", "tokens": null}`,
		"a provenance without issuer":   withTokens(`{`, `{"oauth_provenance": {"client_id": "S3NT1NEL"}, `),
		"a provenance without client":   withTokens(`{`, `{"oauth_provenance": {"issuer": "S3NT1NEL", "client_id": null}, `),
		"a provenance of nothing":       withTokens(`{`, `{"oauth_provenance": {"issuer": "", "client_id": "S3NT1NEL"}, `),
		"a provenance that is text":     withTokens(`{`, `{"oauth_provenance": "S3NT1NEL", `),
		"an owner that is not a text":   withTokens(`{`, `{"login_owner_id": 1, `),
		"the key is not a text":         `{"OPENAI_API_KEY": 7}`,
		"the key is an object":          `{"OPENAI_API_KEY": {"S3NT1NEL": 1}}`,
		"tokens are no object":          `{"tokens": "S3NT1NEL"}`,
		"tokens are a list":             `{"tokens": ["S3NT1NEL"]}`,
		"a key beside tokens of no use": `{"OPENAI_API_KEY": "S3NT1NEL", "tokens": {}}`,
		"no ID token":                   withTokens(`"id_token": "`+idToken+`", `, ""),
		"no access token":               withTokens(`"access_token": "access", `, ""),
		"no refresh token":              withTokens(`"refresh_token": "refresh", `, ""),
		"the access token is null":      withTokens(`"access"`, "null"),
		"the refresh token is a number": withTokens(`"refresh"`, "1"),
		"the account is a number":       withTokens(`"acct"`, "1"),
		"the ID token is opaque":        withTokens(idToken, "S3NT1NEL"),
		"the ID token has two parts":    withTokens(idToken, "e30.e30"),
		"the ID token is padded":        withTokens(idToken, "e30.e30=.c2ln"),
		"the ID token holds a list":     withTokens(idToken, machinetest.JWT("[]").Reveal()),
	} {
		t.Run(name, func(t *testing.T) {
			c, err := authjson.Decode([]byte(document))
			problem := new(persist.UnreadableError)
			require.ErrorAs(t, err, &problem)
			require.NotContains(t, err.Error(), "S3NT1NEL")
			require.Regexp(t, problems, err.Error())
			require.True(t, c.Equal(machine.Credential{}), "nothing comes with an error")
		})
	}
}

// The date of the last refresh is advice, and programs write it in their own ways:
// it is no reason to withhold a good token.
func TestADateThatCannotBeReadWithholdsNoToken(t *testing.T) {
	five := time.Date(2026, 11, 24, 5, 0, 0, 0, time.UTC)
	for said, want := range map[string]time.Time{
		`"2026-11-24T05:00:00"`:          five,
		`"2026-11-24T05:00:00.5"`:        five.Add(500 * time.Millisecond),
		`"2026-11-24t05:00:00z"`:         five,
		`"2026-11-24 05:00:00Z"`:         five,
		`"2026-11-24 05:00:00.25+00:00"`: five.Add(250 * time.Millisecond),
		`" 2026-11-24 05:00:00 "`:        five,
		`1795496400`:                     five,
		`1795496400.75`:                  five,
		`1795496400000`:                  five,
		`""`:                             record.Undated,
		`"yesterday"`:                    record.Undated,
		`"2026-11-24"`:                   record.Undated,
		`"2026-02-30T05:00:00Z"`:         record.Undated,
		`"0000-01-01T00:00:00+01:00"`:    record.Undated,
		`"9999-12-31T23:59:59-01:00"`:    record.Undated,
		`-1`:                             record.Undated,
		`1e300`:                          record.Undated,
		`true`:                           record.Undated,
		`{"seconds": 1}`:                 record.Undated,
	} {
		document := `{"tokens": ` + tokens + `, "last_refresh": ` + said + `}`
		c, err := authjson.Decode([]byte(document))
		require.NoError(t, err, said)
		require.True(t, c.LastRefresh.Equal(want), "%s is read as %v", said, c.LastRefresh)
		requireLogin(t, c, encode(t, c, []byte(document)))
	}
}

func encode(t require.TestingT, c machine.Credential, base []byte) string {
	data, err := authjson.Encode(c, base)
	require.NoError(t, err)
	return string(data)
}

func TestEncodeWritesALoginAsCodexDoes(t *testing.T) {
	c := tokenSet()
	c.LastRefresh = time.Date(2026, 11, 24, 7, 0, 0, 120_000_000, time.FixedZone("", 2*60*60))
	require.Equal(t, `{
  "auth_mode": "chatgpt",
  "OPENAI_API_KEY": null,
  "tokens": {
    "id_token": "e30.e30.c2ln",
    "access_token": "access",
    "refresh_token": "refresh",
    "account_id": "acct"
  },
  "last_refresh": "2026-11-24T05:00:00.12Z"
}`, encode(t, c, nil))

	c.Provenance, c.OwnerID = machine.Provenance{Issuer: "https://auth.openai.com", ClientID: "app"}, "owner"
	require.Contains(t, encode(t, c, nil), `    "account_id": "acct",
    "oauth_provenance": {
      "issuer": "https://auth.openai.com",
      "client_id": "app"
    },
    "login_owner_id": "owner"
  },`)
	c.Provenance, c.OwnerID = machine.Provenance{}, ""

	c.AccountID, c.LastRefresh, c.APIKey = "", time.Time{}, secret.New("<sk>&\"\u2028")
	c.Method = machine.MethodExternal
	require.Equal(t, `{
  "auth_mode": "chatgptAuthTokens",
  "OPENAI_API_KEY": "<sk>&\"\u2028",
  "tokens": {
    "id_token": "e30.e30.c2ln",
    "access_token": "access",
    "refresh_token": "refresh",
    "account_id": null
  }
}`, encode(t, c, nil))

	require.Equal(t, `{
  "auth_mode": "apikey",
  "OPENAI_API_KEY": "sk"
}`, encode(t, apiKey("sk"), nil))
}

func TestUnknownMembersAreKeptByteForByte(t *testing.T) {
	base := `{"zz" : {"a":[ 1.50, 1e5,"\u00e9\/" ]}, "Tokens":0 , "t\u0079pe": null,
		"tokens": {"id_token": "old", "nested" :	[{}], "access_token": 1, "dup": 1, "dup": 2},
		"auth_mode": "whatever", "last_refresh": "whatever", "OPENAI_API_KEY": {}}`
	require.Equal(t, `{
  "auth_mode": "chatgpt",
  "OPENAI_API_KEY": null,
  "tokens": {
    "id_token": "e30.e30.c2ln",
    "access_token": "access",
    "refresh_token": "refresh",
    "account_id": "acct",
    "nested": [{}],
    "dup": 1,
    "dup": 2
  },
  "zz": {"a":[ 1.50, 1e5,"\u00e9\/" ]},
  "Tokens": 0,
  "t\u0079pe": null
}`, encode(t, tokenSet(), []byte(base)))

	key := encode(t, apiKey("sk"), []byte(base))
	require.Contains(t, key, `"zz": {"a":[ 1.50, 1e5,"\u00e9\/" ]}`)
	require.NotContains(t, key, "nested", "a key has no tokens for them to be in")

	made := with(tokenSet(), func(c *machine.Credential) { c.Provenance = machine.Provenance{Issuer: "i", ClientID: "c"} })
	require.Contains(t, encode(t, made, []byte(`{"tokens": {"oauth_provenance": {"realm" : "r", "issuer": "old"}}}`)),
		"\"client_id\": \"c\",\n      \"realm\": \"r\"")

	once := encode(t, tokenSet(), []byte(base))
	require.Equal(t, once, encode(t, tokenSet(), []byte(once)), "and stay as they are")
}

func TestWhatAuthJSONHasNoPlaceForIsNotWritten(t *testing.T) {
	for name, change := range map[string]func(*machine.Credential){
		"a plan":                     func(c *machine.Credential) { c.PlanType = "S3NT1NEL" },
		"no method":                  func(c *machine.Credential) { c.Method = "" },
		"another method":             func(c *machine.Credential) { c.Method = "S3NT1NEL" },
		"no access token":            func(c *machine.Credential) { c.AccessToken = secret.Token{} },
		"no refresh token":           func(c *machine.Credential) { c.RefreshToken = secret.Token{} },
		"an opaque ID token":         func(c *machine.Credential) { c.IDToken = secret.New("S3NT1NEL") },
		"tokens beside a key":        func(c *machine.Credential) { c.Method, c.APIKey = machine.MethodAPIKey, secret.New("S3NT1NEL") },
		"a key that is no UTF-8":     func(c *machine.Credential) { c.APIKey = secret.New("S3NT1NEL\xff") },
		"more than there may be":     func(c *machine.Credential) { c.AccessToken = secret.New(strings.Repeat("S3NT1NEL", 1<<17)) },
		"a time beyond the calendar": func(c *machine.Credential) { c.LastRefresh = time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		t.Run(name, func(t *testing.T) {
			data, err := authjson.Encode(with(tokenSet(), change), nil)
			require.Error(t, err)
			require.NotContains(t, err.Error(), "S3NT1NEL")
			require.Nil(t, data)
		})
	}
	_, err := authjson.Encode(tokenSet(), []byte(`{"x": "S3NT1NEL`))
	require.Error(t, err, "nor is it written over what cannot be kept")
	require.NotContains(t, err.Error(), "S3NT1NEL")
}

// anyLogin is any login that auth.json has a place for.
func anyLogin(t *rapid.T) machine.Credential {
	token := rapid.Map(rapid.String(), secret.New)
	if rapid.Bool().Draw(t, "is a key") {
		return machine.Credential{Method: machine.MethodAPIKey, APIKey: token.Draw(t, "key")}
	}
	payload := rapid.SampledFrom([]string{"{}", `{"email":"é"}`, `{"exp":1}`}).Draw(t, "payload")
	c := machine.Credential{
		Method:       rapid.SampledFrom([]machine.Method{machine.MethodTokens, machine.MethodExternal}).Draw(t, "method"),
		IDToken:      machinetest.JWT(payload),
		AccessToken:  token.Draw(t, "access token"),
		RefreshToken: token.Draw(t, "refresh token"),
		AccountID:    rapid.String().Draw(t, "account"),
	}
	if rapid.Bool().Draw(t, "says where it was made") {
		word := rapid.StringN(1, 20, -1)
		c.Provenance = machine.Provenance{Issuer: word.Draw(t, "issuer"), ClientID: word.Draw(t, "client")}
		c.OwnerID = rapid.String().Draw(t, "owner")
	}
	if rapid.Bool().Draw(t, "has a key too") {
		c.APIKey = token.Draw(t, "key")
	}
	if seconds := rapid.Int64Range(0, 253402300799).Draw(t, "last refresh"); seconds > 0 {
		c.LastRefresh = time.Unix(seconds, rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds"))
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
	f.Add([]byte(`{"OPENAI_API_KEY": "sk"}`))
	f.Add([]byte(`{"auth_mode": "chatgpt", "tokens": ` + tokens + `, "last_refresh": "2026-11-24T05:00:00.1Z", "x": [1, {"y": "\ud83d\ude00"}]}`))
	f.Add([]byte(`{"tokens": ` + tokens + `, "tokens": null, "\u0061uth_mode": "apikey"}`))
	f.Add([]byte(`{"tokens": {"oauth_provenance": {"issuer": "i", "client_id": "c"}, "login_owner_id": "o", ` + tokens[1:] + `}`))
	f.Add([]byte("\ufeff{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := authjson.Decode(data)
		if err != nil {
			problem := new(persist.UnreadableError)
			require.ErrorAs(t, err, &problem)
			require.Regexp(t, problems, err.Error())
			return
		}
		for _, base := range [][]byte{nil, data} {
			written, err := authjson.Encode(c, base)
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
	`there is no API key|there are no tokens|there is no (id_token|access_token|refresh_token)|` +
	`(auth_mode|OPENAI_API_KEY|tokens|id_token|access_token|refresh_token|account_id|last_refresh|` +
	`oauth_provenance|issuer|client_id|login_owner_id) is (unknown|incomplete|there twice|not a text|no object|not a JSON Web Token))$`)
