package session

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/machine/jwt"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// asSecretCommand has this test program print what it says.
const asSecretCommand = "BEZOAR_TEST_SECRET"

func TestMain(m *testing.M) {
	if said, ok := os.LookupEnv(asSecretCommand); ok {
		if said == "long" { // a variable of Windows cannot be so long
			said = strings.Repeat("x", 70_000)
		}
		os.Stdout.WriteString(strings.ReplaceAll(said, "\\n", "\n"))
		os.Stderr.WriteString("S3NT1NEL")
		if said == "fails" {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestTheSecretOfAClientComesFromWhereItsProfileSays(t *testing.T) {
	require.Nil(t, clientSecret(profile.SecretSource{}, os.Getenv))
	env := map[string]string{"CLIENT": "s3cret"}
	ofVariable := clientSecret(profile.SecretSource{Env: "CLIENT"}, func(name string) string { return env[name] })
	got, err := ofVariable(t.Context())
	require.NoError(t, err)
	require.Equal(t, "s3cret", got.Reveal())
	delete(env, "CLIENT")
	_, err = ofVariable(t.Context())
	require.ErrorIs(t, err, errNoSecret)

	program, err := os.Executable()
	require.NoError(t, err)
	ofCommand := clientSecret(profile.SecretSource{Command: []string{program}}, os.Getenv)
	for said, want := range map[string]string{`s3cret`: "s3cret", `s3 cret\n`: "s3 cret", `a\nb\n`: "a\nb", ``: "", `\n`: "", "fails": "", "long": ""} {
		t.Setenv(asSecretCommand, said)
		got, err := ofCommand(t.Context())
		require.Equal(t, want, got.Reveal())
		require.Equal(t, want == "", err != nil, said)
		if err != nil {
			require.NotContains(t, err.Error(), "S3NT1NEL")
		}
	}
	_, err = clientSecret(profile.SecretSource{Command: []string{filepath.Join(t.TempDir(), "none")}}, os.Getenv)(t.Context())
	require.ErrorIs(t, err, errNoSecret)
}

// ofAny is the configuration of an account of any issuer.
func ofAny(change func(*profile.Profile)) config.Config {
	p := profile.Profile{
		Name: "mine", DisplayName: "Mine", Issuer: "https://id.example", ClientID: "native", SubjectClaim: "/https:~1~1id~1claims/0id", EmailClaim: "/email",
		Expiry: []profile.ExpirySource{profile.ExpiresIn, profile.ExpClaim}, AssumedLifetime: time.Hour, RefreshBefore: 5 * time.Minute, Rotation: profile.Rotating,
	}
	change(&p)
	return config.Config{
		Profile: p,
		Account: config.Account{Name: "work", Profile: "mine", Metadata: profile.Metadata{Issuer: "https://id.example", TokenEndpoint: "https://id.example/token"}},
	}
}

func TestThePolicyOfAnAccountIsItsProfiles(t *testing.T) {
	p := PolicyOf(ofAny(func(*profile.Profile) {}))
	require.Equal(t, "https://id.example/token", p.Issuer.TokenEndpoint)
	require.Equal(t, "native", p.Issuer.ClientID)
	require.Equal(t, []jwt.Path{{"https://id/claims", "0id"}}, p.Claims.AccountID)
	require.Equal(t, 5*time.Minute, p.RefreshLead)
	require.Equal(t, 55*time.Minute, p.RefreshAge)
	require.True(t, p.LeadIsAFifth)
	require.True(t, p.ExpiresInFirst)
	require.False(t, p.Reusable)

	lasting := PolicyOf(ofAny(func(p *profile.Profile) {
		p.AssumedLifetime, p.Rotation, p.ReuseLeeway, p.Expiry = time.Minute, profile.Static, time.Second, []profile.ExpirySource{profile.ExpClaim}
	}))
	require.Equal(t, 48*time.Second, lasting.RefreshAge)
	require.True(t, lasting.Reusable)
	require.Equal(t, time.Second, lasting.ReuseLeeway)
	require.False(t, lasting.ExpiresInFirst)
}

func TestAnIDTokenThatAProfileDoesNotReadSaysNothing(t *testing.T) {
	for name, row := range map[string]struct {
		how    profile.IDToken
		scopes []string
		reads  bool
	}{
		"none":            {profile.IDTokenNone, []string{"openid"}, false},
		"not asked for":   {profile.IDTokenAuto, nil, false},
		"verified":        {profile.IDTokenAuto, []string{"openid"}, true},
		"read, not asked": {profile.IDTokenRead, nil, true},
	} {
		p := PolicyOf(ofAny(func(p *profile.Profile) { p.IDToken, p.Scopes = row.how, row.scopes }))
		require.Equal(t, row.reads, len(p.Claims.AccountID) > 0, name)
		require.Equal(t, row.reads, len(p.Claims.Email) > 0, name)
	}
}

// What a misconfiguration is held against changes when the profile does.
func TestTheFingerprintOfAProfileIsOfWhatDecides(t *testing.T) {
	of := func(change func(*profile.Profile)) string { return PolicyOf(ofAny(change)).Profile }
	same := of(func(*profile.Profile) {})
	require.Equal(t, same, of(func(p *profile.Profile) { p.DisplayName, p.Scopes = "Other", []string{"openid"} }))
	require.Equal(t, of(func(p *profile.Profile) { p.Secret.Command = []string{"pass", "one"} }), of(func(p *profile.Profile) { p.Secret.Command = []string{"pass", "S3NT1NEL"} }))
	for name, change := range map[string]func(*profile.Profile){
		"client":        func(p *profile.Profile) { p.ClientID = "other" },
		"issuer":        func(p *profile.Profile) { p.Issuer = "https://other.example" },
		"endpoint":      func(p *profile.Profile) { p.Endpoints.Token = "https://id.example/other" },
		"method":        func(p *profile.Profile) { p.AuthMethod = profile.AuthBasic },
		"secret":        func(p *profile.Profile) { p.Secret.Env = "CLIENT" },
		"params":        func(p *profile.Profile) { p.RefreshParams = map[string]string{"a": "b"} },
		"encoding":      func(p *profile.Profile) { p.RequestEncoding = profile.JSON },
		"scopes, sent":  func(p *profile.Profile) { p.RefreshSendsScope, p.Scopes = true, []string{"openid"} },
		"what refuses":  func(p *profile.Profile) { p.Answers.Rows = []profile.Row{{Status: 400, Meaning: profile.Refused}} },
		"bare 401":      func(p *profile.Profile) { p.Answers.Bare401 = profile.Refused },
		"error pointer": func(p *profile.Profile) { p.Answers.ErrorPointer = "/status" },
	} {
		require.NotEqual(t, same, of(change), name)
	}
}

func TestWhatAnotherIssuerSaidCountsForNothing(t *testing.T) {
	c := ofAny(func(p *profile.Profile) { p.Issuer = "https://other.example" })
	require.Empty(t, EndpointsOf(c).Token)
	c.Profile.Endpoints.Token = "https://other.example/token"
	require.Equal(t, "https://other.example/token", EndpointsOf(c).Token)
}

func TestAProfileWithoutDiscoveryForgetsWhatWasFound(t *testing.T) {
	c := config.Config{}
	c.Profile.Issuer, c.Account.Metadata.Issuer = "https://id.example", "https://id.example"
	c.Account.Metadata.TokenEndpoint = "https://id.example/token"
	require.Equal(t, "https://id.example/token", EndpointsOf(c).Token)
	c.Profile.Discovery = profile.DiscoveryNone
	require.Empty(t, EndpointsOf(c).Token)
}
