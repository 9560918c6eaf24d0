package oauth_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"

	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

// misbehaviours are answers of token endpoints, and of what stands before them, that
// were met in the world, by name: for a script of refreshes. Each comes in place of
// the issuer's own answer, and no token is spent.
func misbehaviours() map[string]issuer.Step {
	return map[string]issuer.Step{
		"an error text as access token":        {Status: 200, Body: `{"access_token":"error: token is expired by 23m58s","refresh_token":"","expires_in":0}`},
		"an empty object":                      {Status: 200, Body: `{}`},
		"success:false":                        {Status: 200, Body: `{"success":false,"message":"token expired"}`},
		"Slack out of order":                   {Status: 200, Body: `{"ok":false,"error":"internal_error"}`},
		"Slack's refusal":                      {Status: 200, Body: `{"ok":false,"error":"invalid_refresh_token"}`},
		"GitHub's refusal":                     {Status: 200, Body: `{"error":"bad_refresh_token","error_description":"x"}`},
		"GitHub's refusal as a form":           {Status: 200, Header: formType, Body: `error=bad_refresh_token&error_description=x`},
		"Atlassian's refusal":                  {Status: 403, Body: `{"error":"invalid_grant","error_description":"Unknown or invalid refresh token."}`},
		"Dex's refusal":                        {Status: 400, Body: `{"error":"invalid_request","error_description":"Refresh token is invalid."}`},
		"a wrong client":                       {Status: 400, Body: `{"error":"invalid_client"}`},
		"a race in Hydra":                      {Status: 500, Body: `{"error":"server_error"}`},
		"gone":                                 {Status: 410},
		"a portal":                             {Status: 200, Header: pageType, Body: "<html>Log in to the network</html>"},
		"a portal's 401":                       {Status: 401, Header: pageType, Body: "<html>Log in to the network</html>"},
		"a gateway's page":                     {Status: 502, Header: pageType, Body: "<html>Bad Gateway</html>"},
		"a refusal with a BOM":                 {Status: 400, Body: "\uFEFF" + `{"error":"invalid_grant"}`},
		"a refusal in gzip":                    {Status: 400, Header: gzipCoding, Body: zipped(`{"error":{"code":"refresh_token_reused"}}`)},
		"a refusal in gzip without the header": {Status: 400, Body: zipped(`{"error":{"code":"refresh_token_reused"}}`)},
	}
}

var (
	formType   = http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}
	pageType   = http.Header{"Content-Type": {"text/html"}}
	gzipCoding = http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"GZip"}}
)

func zipped(text string) string {
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	io.WriteString(writer, text) // to memory
	writer.Close()
	return packed.String()
}
