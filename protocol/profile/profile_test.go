package profile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// setOf are the profiles of a config.toml.
func setOf(t require.TestingT, text string) profile.Set {
	var file map[string]any
	_, err := toml.Decode(text, &file)
	require.NoError(t, err)
	return profile.NewSet(file["issuers"], profile.Lines(text).Of)
}

func get(t require.TestingT, text, name string) profile.Profile {
	p, err := setOf(t, text).Get(name)
	require.NoError(t, err)
	return p
}

func TestProfileNeedsAnIssuerAndAClientOnly(t *testing.T) {
	p := get(t, "[issuers.mine]\nissuer = 'https://id.example/realms/a/'\nclient_id = 'native'", "mine")
	require.Equal(t, profile.Profile{
		Name: "mine", DisplayName: "mine", Issuer: "https://id.example/realms/a/", ClientID: "native",
		Discovery: profile.DiscoveryAuto, AuthMethod: profile.AuthNone, RequestEncoding: profile.Form, ExchangeEncoding: profile.Form,
		Scopes: []string{"openid", "offline_access"}, RedirectURI: "http://127.0.0.1:{port}/callback", RedirectPorts: []int{0},
		DeviceFlow: profile.DeviceAuto, IDToken: profile.IDTokenAuto, SubjectClaim: "/sub", EmailClaim: "/email",
		Expiry: []profile.ExpirySource{profile.ExpiresIn, profile.ExpClaim}, AssumedLifetime: time.Hour, RefreshBefore: 5 * time.Minute,
		Rotation: profile.Rotating, Answers: profile.Answers{Standard: true, Bare401: profile.Misconfigured},
	}, p)
}

// The profile of Dex is of one that was measured, that of Entra is in the words of its vendor.
func TestProfilesOfKnownIssuersAreRead(t *testing.T) {
	const text = `
[issuers.dex]
issuer = "https://dex.example.com/dex"
client_id = "native"
scopes = ["openid", "email", "offline_access"]
refresh_reuse_leeway = "2s"
refusals = [ { status = 400, error = "invalid_request", reason = "invalid_grant" } ]

[issuers.entra]
issuer = "https://login.microsoftonline.com/TENANT/v2.0"
client_id = "00000000-0000"
scopes = ["openid", "offline_access", "api://APP/.default"]
refresh_send_scope = true
refresh_rotation = "static"
redirect_uri = "http://localhost:{port}"
subject_claim = "/oid"
client_secret_env = "ENTRA_SECRET"

[issuers.hubspot]
issuer = "https://app.hubspot.com"
client_id = "c"
discovery = "none"
token_endpoint = "https://api.hubapi.com/oauth/v1/token"
error_pointer = "/status"
[[issuers.hubspot.refusals]]
error = "BAD_REFRESH_TOKEN"
reason = "expired"
[[issuers.hubspot.misconfigured]]
status = 404
`
	require.Equal(t, 2*time.Second, get(t, text, "dex").ReuseLeeway)
	require.Equal(t, []profile.Row{{Status: 400, Code: "invalid_request", Meaning: profile.Refused, Reason: history.ReasonInvalidGrant}},
		get(t, text, "dex").Answers.Rows)
	require.Equal(t, profile.AuthBasic, get(t, text, "entra").AuthMethod, "a client with a secret shows it, as RFC 7591 has it")
	require.Equal(t, []profile.Row{
		{Code: "bad_refresh_token", Meaning: profile.Refused, Reason: history.ReasonExpired},
		{Status: 404, Meaning: profile.Misconfigured},
	}, get(t, text, "hubspot").Answers.Rows)
	require.Equal(t, []string{"codex", "dex", "entra", "hubspot"}, setOf(t, text).Names())
	require.Empty(t, setOf(t, text).Problems())
}

func TestBuiltInProfileCannotBeChanged(t *testing.T) {
	codex, err := profile.Set{}.Get("codex")
	require.NoError(t, err)
	require.Equal(t, profile.Codex(), codex)
	_, err = setOf(t, "\n[issuers.codex]\nissuer = 'https://evil.example'").Get("codex")
	require.EqualError(t, err, "line 2, [issuers.codex]: this profile is built in; give yours another name")
}

func TestProfileThatIsNotThereNamesTheOthers(t *testing.T) {
	_, err := setOf(t, "[issuers.dex]").Get("keycloak")
	require.EqualError(t, err, "config.toml has no [issuers.keycloak]; the profiles are codex, dex")
}

func TestMistakeIsNamedWithItsLine(t *testing.T) {
	const sound = "[issuers.a]\nissuer = 'https://id.example'\nclient_id = 'c'\n"
	for name, row := range map[string]struct{ text, want string }{
		"missing":            {"\n\n[issuers.a]\nissuer = 'https://id.example'", "line 3, [issuers.a]: client_id is missing"},
		"missing, in pieces": {"x = 1\nissuers.a.client_id = 'c'", "line 2, [issuers.a]: issuer is missing"},
		"a type":             {sound + "scopes = 'openid'", "line 4, [issuers.a] scopes: want a list of texts in quotes"},
		"a number":           {sound + "display_name = 5", "line 4, [issuers.a] display_name: want a text in quotes"},
		"a word":             {sound + "discovery = 'maybe'", `line 4, [issuers.a] discovery: want "auto", "oidc", "oauth", "mcp" or "none"`},
		"an unknown key":     {sound + "\nclient = 1", "line 5, [issuers.a] client: there is no such key"},
		"an unknown table":   {sound + "[issuers.a.more]\nx = 1", "line 4, [issuers.a] more: there is no such key"},
		"a time":             {sound + "refresh_before = '5'", `line 4, [issuers.a] refresh_before: want a time such as "5m" or "2s"`},
		"no time":            {sound + "assumed_lifetime = '0s'", `line 4, [issuers.a] assumed_lifetime: want a time such as "5m" or "2s"`},
		"a member":           {sound + "authorization_params = { prompt = 1 }", "line 4, [issuers.a] authorization_params.prompt: want a text in quotes"},
		"a member of its own line": {sound + "[issuers.a.refresh_params]\nx = 'y'\nscope = 's'",
			"line 6, [issuers.a] refresh_params.scope: bezoar sets this itself, from the other keys"},
		"a placeholder": {sound + "refresh_params = { a = '{code}' }", "line 4, [issuers.a] refresh_params.a: what is in braces has to be one of {cause}"},
		"two rows that differ": {sound + "[[issuers.a.refusals]]\nerror = 'odd'\n[[issuers.a.misconfigured]]\nstatus = 400\n[[issuers.a.misconfigured]]\nerror = 'odd'",
			"line 8, [issuers.a] misconfigured[2]: refusals[1] says something else of the same answers; leave one of them out (line 4)"},
		"a row": {sound + "refusals = [\n{ error = 'a' },\n{ error = 'b', why = 'c' } ]", "line 4, [issuers.a] refusals[2].why: there is no such key; a row has status and error, and one of refusals a reason"},
		"the first of three tables": {sound + "[[issuers.a.refusals]]\nstatus = 99\n[[issuers.a.refusals]]\nstatus = 400\n[[issuers.a.refusals]]\nstatus = 401",
			"line 5, [issuers.a] refusals[1].status: want an HTTP status from 200 to 599"},
		"an empty table of three": {sound + "[[issuers.a.refusals]]\nstatus = 400\n[[issuers.a.refusals]]\n[[issuers.a.refusals]]\nstatus = 401",
			"line 6, [issuers.a] refusals[2]: it would cover every answer; want status, error or both"},
		"a reason of no refusal": {sound + "misconfigured = [ { error = 'a', reason = 'expired' } ]",
			`line 4, [issuers.a] misconfigured[1].reason: of refusals alone; want "expired", "reused", "revoked", "invalid_grant" or "unexplained"`},
		"no table":                {"issuers.a = 5", "line 1, [issuers.a]: want a table"},
		"tables":                  {"x = 1\n[[issuers.a]]\n[[issuers.a]]", "line 2, [issuers.a]: want a table"},
		"a name":                  {"[issuers.A]", "line 1, [issuers.A]: the name of a profile has small letters, digits, - and _, 64 at most"},
		"a redirect elsewhere":    {sound + "redirect_uri = 'https://app.example/callback'", "line 4, [issuers.a] redirect_uri: want an address of this machine, such as http://127.0.0.1:{port}/callback"},
		"a redirect with no port": {sound + "redirect_uri = 'http://localhost/callback'", "line 4, [issuers.a] redirect_uri: want an address of this machine, such as http://127.0.0.1:{port}/callback"},
		"another loopback":        {sound + "redirect_uri = 'http://127.0.0.2:{port}/'", "line 4, [issuers.a] redirect_uri: want an address of this machine, such as http://127.0.0.1:{port}/callback"},
		"ports for no redirect":   {sound + "redirect_uri = 'http://localhost:8400/cb'\nredirect_ports = [1]", "line 5, [issuers.a] redirect_ports: redirect_uri has no {port} to put them into"},
		"a password in a URL":     {sound + "token_endpoint = 'https://me:word@id.example/token'", "line 4, [issuers.a] token_endpoint: leave user name and password out of the URL: it is shown"},
		"no discovery, no token":  {sound + "discovery = 'none'", `line 4, [issuers.a] discovery: "none" needs token_endpoint`},
		"a method without secret": {sound + "token_endpoint_auth_method = 'client_secret_post'", "line 4, [issuers.a] token_endpoint_auth_method: it needs client_secret_command or client_secret_env"},
		"a secret without method": {sound + "client_secret_env = 'S'\ntoken_endpoint_auth_method = 'none'", `line 5, [issuers.a] token_endpoint_auth_method: "none" is for a client without a secret; leave the secret out, or this key`},
		"two secrets":             {sound + "client_secret_env = 'S'\nclient_secret_command = ['pass']", "line 4, [issuers.a] client_secret_env: client_secret_command is there too; leave one of them out"},
		"a pointer":               {sound + "subject_claim = 'sub'", `line 4, [issuers.a] subject_claim: want a JSON pointer (RFC 6901), such as "/sub"`},
		"expiry":                  {sound + "access_token_expiry = ['exp', 'exp']", `line 4, [issuers.a] access_token_expiry: want a list of "expires_in" and "exp", each once at most`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := setOf(t, row.text).Get(firstProfile(t, row.text))
			require.EqualError(t, err, row.want)
			require.Len(t, profile.Errors(err), 1)
		})
	}
}

func firstProfile(t *testing.T, text string) string {
	names := setOf(t, text).Names()
	return names[len(names)-1]
}

func TestIssuersThatAreNoTablesAreNamed(t *testing.T) {
	set := setOf(t, "x = 1\nissuers = 'https://id.example'")
	_, err := set.Get("a")
	require.EqualError(t, err, "line 2, issuers: want tables, [issuers.NAME]")
	require.Len(t, set.Problems(), 1)
	_, err = set.Get("codex")
	require.NoError(t, err, "the built-in one is there all the same")
}

func TestEveryMistakeOfAProfileIsNamed(t *testing.T) {
	_, err := setOf(t, "[issuers.a]\nclient_id = ''\nnothing = 1\nid_token = 'x'").Get("a")
	require.Equal(t, []int{1, 2, 3, 4}, linesOf(profile.Errors(err)))
}

func linesOf(all []*profile.Error) (lines []int) {
	for _, each := range all {
		lines = append(lines, each.Line)
	}
	return lines
}

func TestBrokenProfileBreaksNoOther(t *testing.T) {
	set := setOf(t, "[issuers.a]\nissuer = 1\n[issuers.b]\nissuer = 'https://id.example'\nclient_id = 'c'")
	_, err := set.Get("a")
	require.Error(t, err)
	_, err = set.Get("b")
	require.NoError(t, err)
	for _, each := range set.Problems() {
		require.Equal(t, "a", each.Profile)
	}
}

func TestSecretInTheFileIsRefusedWithARemedy(t *testing.T) {
	for _, text := range []string{
		"client_secret = 'GOCSPX-hidden'", "refresh_params = { client_secret = 'GOCSPX-hidden' }", "client_secret_env = 'GOCSPX-hidden'",
		"authorization_params = { client_secret = 'GOCSPX-hidden' }", "token_endpoint = 'https://c:GOCSPX-hidden@id.example'",
	} {
		_, err := setOf(t, "[issuers.a]\nissuer = 'https://id.example'\nclient_id = 'c'\n"+text).Get("a")
		require.Len(t, profile.Errors(err), 1, text)
		require.Equal(t, 4, profile.Errors(err)[0].Line)
		require.NotContains(t, err.Error(), "hidden")
	}
	_, err := setOf(t, "[issuers.a]\nissuer = 'https://id.example'\nclient_id = 'c'\nclient_secret = 's'").Get("a")
	require.ErrorContains(t, err, "client_secret_command")
	require.ErrorContains(t, err, "client_secret_env")
	require.ErrorContains(t, err, "keyring")
}

func TestEveryProfileSurvivesTheFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := profiles.Draw(t, "profile")
		var text strings.Builder
		require.NoError(t, toml.NewEncoder(&text).Encode(map[string]any{"issuers": map[string]any{want.Name: tableOf(want)}}))
		require.Equal(t, want, get(t, text.String(), want.Name), text.String())
	})
}

// hidden is in each value that could be a secret.
const hidden = "hidden-value"

func TestNoMistakeShowsItsValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := map[string]any{}
		for _, name := range rapid.SliceOfN(rapid.SampledFrom(append(tableKeys(), "client_secret", "unknown")), 1, 6).Draw(t, "keys") {
			table[name] = garbage(3).Draw(t, name)
		}
		var text strings.Builder
		require.NoError(t, toml.NewEncoder(&text).Encode(map[string]any{"issuers": map[string]any{"a": table}}))
		_, err := setOf(t, text.String()).Get("a")
		require.Error(t, err, "client_id or issuer is missing, or no URL")
		require.NotContains(t, err.Error(), hidden)
		for _, each := range profile.Errors(err) {
			require.NotZero(t, each.Line, each)
			require.Equal(t, "a", each.Profile)
		}
	})
}

func FuzzProfilesOfAnyFile(f *testing.F) {
	f.Add("[issuers.a]\nissuer = 'https://id.example'\nclient_id = 'c'\nrefusals = [ { status = 400 } ]")
	f.Add("[[issuers.a.refusals]]\n[[issuers.a.refusals]]\nstatus = 'x'")
	f.Add("issuers.a.b.c = 1\n[issuers.'']\n[[issuers.x]]")
	f.Fuzz(func(t *testing.T, text string) {
		var file map[string]any
		if _, err := toml.Decode(text, &file); err != nil {
			t.Skip()
		}
		set := profile.NewSet(file["issuers"], profile.Lines(text).Of)
		lines := strings.Count(text, "\n") + 1
		for _, each := range set.Problems() {
			require.LessOrEqual(t, each.Line, lines)
			require.NotEmpty(t, each.Error())
		}
		for _, name := range set.Names() {
			if p, err := set.Get(name); err == nil {
				require.NotEmpty(t, p.Issuer)
				require.NotEmpty(t, p.ClientID)
			}
		}
	})
}
