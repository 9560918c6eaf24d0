// Package issuers runs bezoar against issuers that this project did not write.
package issuers

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/properties/programtest"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

func TestMain(m *testing.M) { programtest.Main(m) }

// Where the issuers are: a folder in which npm has installed oidc-provider, and the program
// of testdata/zitadel. .ci/run makes both.
const (
	panvaVariable   = "BEZOAR_TEST_PANVA"
	zitadelVariable = "BEZOAR_TEST_ZITADEL"
)

// each runs a test against each issuer that is there, at an address of its own.
func each(t *testing.T, test func(t *testing.T, address string)) {
	t.Parallel()
	for name, variable := range map[string]string{"panva": panvaVariable, "zitadel": zitadelVariable} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			where := os.Getenv(variable)
			if where == "" {
				t.Skip(variable + " names no issuer: .ci/run makes it")
			}
			issuer := exec.Command(where)
			if name == "panva" {
				issuer = exec.Command("node", filepath.Join("testdata", "panva", "server.mjs"), where)
			}
			test(t, start(t, issuer))
		})
	}
}

const longestLine = 4 << 10

// start starts an issuer, and returns what it prints: its own name.
func start(t *testing.T, issuer *exec.Cmd) string {
	var said strings.Builder
	issuer.Stderr = &said
	open, err := issuer.StdinPipe() // it ends when this is closed, also when the test is killed
	require.NoError(t, err)
	out, err := issuer.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, issuer.Start())
	t.Cleanup(func() {
		open.Close()
		_ = issuer.Wait()
	})
	silent := time.AfterFunc(programtest.Patience, func() { _ = issuer.Process.Kill() })
	line, err := bufio.NewReader(io.LimitReader(out, longestLine)).ReadString('\n')
	silent.Stop()
	if err != nil {
		open.Close()
		_ = issuer.Wait()
		require.NoError(t, err, "%s", said.String())
	}
	go io.Copy(io.Discard, out)
	return strings.TrimSpace(line)
}

func TestMetadataOfRealIssuersIsFound(t *testing.T) {
	each(t, func(t *testing.T, address string) {
		client := oauth.New(oauth.Options{})
		metadata, err := client.Discover(t.Context(), profile.Profile{Issuer: address, Discovery: profile.DiscoveryAuto})
		require.NoError(t, err)
		require.Equal(t, address, metadata.Issuer)
		require.Contains(t, metadata.ChallengeMethods, "S256")
		require.Contains(t, metadata.GrantTypes, "refresh_token")
		for _, endpoint := range []string{metadata.AuthorizationEndpoint, metadata.TokenEndpoint, metadata.DeviceEndpoint, metadata.RevocationEndpoint} {
			require.True(t, strings.HasPrefix(endpoint, "http://127.0.0.1:"), endpoint)
		}
	})
}

// The same address with a slash more or less is another issuer (RFC 8414 section 3.3).
func TestRealIssuerIsNotAnotherOne(t *testing.T) {
	each(t, func(t *testing.T, address string) {
		other := address + "/"
		if strings.HasSuffix(address, "/") {
			other = strings.TrimSuffix(address, "/")
		}
		_, err := oauth.New(oauth.Options{}).Discover(t.Context(), profile.Profile{Issuer: other, Discovery: profile.DiscoveryAuto})
		require.ErrorContains(t, err, "names another issuer: "+address)
	})
}

func TestIssuerCheckOfRealIssuersFindsNothingWrong(t *testing.T) {
	each(t, func(t *testing.T, address string) {
		program, err := programtest.Path()
		require.NoError(t, err)
		home := t.TempDir()
		text := "[issuers.real]\nissuer = '" + address + "'\nclient_id = 'native'\ndevice_flow = 'rfc8628'\n"
		require.NoError(t, os.WriteFile(filepath.Join(home, "config.toml"), []byte(text), 0o600))
		out, err := exec.Command(program, "issuer", "check", "real", "--json", "--home", home).Output()
		require.NoError(t, err, "%s", out)
		var report struct {
			Issuer    string
			Endpoints map[string]struct{ URL, From string }
			Checks    []struct{ Check, Result, Found string }
			Requests  []struct{ For string }
		}
		require.NoError(t, json.Unmarshal(out, &report))
		require.Equal(t, address, report.Issuer)
		require.Len(t, report.Endpoints, 4)
		for name, endpoint := range report.Endpoints {
			require.Equal(t, "discovery", endpoint.From, name)
		}
		results := map[string]string{}
		for _, each := range report.Checks {
			require.Contains(t, []string{"ok", "skip"}, each.Result, "%s: %s", each.Check, each.Found)
			results[each.Check] = each.Result
		}
		for _, name := range []string{"discovery", "code", "pkce", "refresh", "scopes", "client"} {
			require.Equal(t, "ok", results[name], name)
		}
		require.Len(t, report.Requests, 5)
	})
}
