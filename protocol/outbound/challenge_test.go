package outbound

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBearerChallengeIsFoundAmongOthers(t *testing.T) {
	const metadata = "https://mcp.example/.well-known/oauth-protected-resource"
	for name, lines := range map[string][]string{
		"alone":             {`Bearer resource_metadata="` + metadata + `", scope="a b"`},
		"in capitals":       {`BEARER Resource_Metadata="` + metadata + `",SCOPE="a b"`},
		"with blanks":       {`  Bearer   resource_metadata = "` + metadata + "\" ,\t scope =\"a b\""},
		"behind another":    {`Basic realm="x, Bearer scope=\"no\"", Bearer resource_metadata="` + metadata + `", scope="a b"`},
		"behind a token68":  {`Negotiate abc+/==, Bearer resource_metadata="` + metadata + `", scope="a b"`},
		"behind a bare one": {`Negotiate, Bearer resource_metadata="` + metadata + `", scope="a b"`},
		"in two lines":      {`Bearer resource_metadata="` + metadata + `"`, `Bearer scope="a b"`},
		"before another":    {`Bearer resource_metadata="` + metadata + `", scope="a b", DPoP algs="ES256"`},
		"before rubbish":    {`Bearer resource_metadata="` + metadata + `", scope="a b", "`},
		"the first counts":  {`Bearer resource_metadata="` + metadata + `", scope="a b", scope="c"`},
	} {
		found := Bearer(http.Header{"Www-Authenticate": lines})
		require.Equal(t, Challenge{"bearer", map[string]string{"resource_metadata": metadata, "scope": "a b"}}, found, name)
	}
}

func TestBearerChallengeMayBeMissing(t *testing.T) {
	for _, line := range []string{"", "Basic", `Basic realm="Bearer"`, `"Bearer scope=x`, "=", ",,,", `Digest a=b, c="d`} {
		require.Equal(t, Challenge{}, Bearer(http.Header{"Www-Authenticate": {line}}), line)
	}
	require.Equal(t, Challenge{"bearer", map[string]string{}}, Bearer(http.Header{"Www-Authenticate": {"Bearer"}}))
	require.Equal(t, "invalid_token", Bearer(http.Header{"Www-Authenticate": {"Bearer error=invalid_token"}}).Params["error"])
}

func FuzzBearer(f *testing.F) {
	for _, line := range []string{`Bearer a="b\"", c=d`, `Basic realm="x", Bearer`, "Negotiate abc==, Bearer x=y", `a="`} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		for name, value := range Bearer(http.Header{"Www-Authenticate": {line}}).Params {
			require.NotEmpty(t, name)
			require.LessOrEqual(t, len(name)+len(value), len(line))
		}
	})
}
