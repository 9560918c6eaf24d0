package doctor

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/rival"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
)

// asCodex is how a test starts this program as a codex that behaves in a way.
const asCodex = "DOCTOR_TEST_CODEX"

func TestMain(m *testing.M) {
	if way := os.Getenv(asCodex); way != "" {
		beCodex(way)
		return
	}
	os.Exit(m.Run())
}

func beCodex(way string) {
	switch way {
	case "dies":
		fmt.Fprintln(os.Stderr, "error: first\nerror: config is broken")
		os.Exit(3)
	case "garbage":
		fmt.Println("Welcome!")
	}
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		var request struct {
			ID     int
			Method string
			Params map[string]any
		}
		_ = json.Unmarshal(input.Bytes(), &request)
		answer := `"result":{}`
		switch {
		case request.Method == "initialize":
			answer = `"result":{"userAgent":"bezoar_doctor/9.9.9 (Linux)"}`
		case request.Method == "account/read" && way == "signed in":
			answer = `"result":{"account":{"type":"apiKey"}}`
		case request.Method == "account/login/start" && way == "refuses":
			answer = `"error":{"code":-32600,"message":"no such login"}`
		case request.ID == 0:
			continue
		}
		fmt.Printf("{\"id\":%d,%s}\n", request.ID, answer)
	}
}

func TestDoctorTriesABackend(t *testing.T) {
	this, err := os.Executable()
	require.NoError(t, err)
	program := codexIn(t, "this program", this)
	for way, want := range map[string]struct {
		result result
		found  string
	}{
		"good":      {resultWarn, "codex 9.9.9 (" + program + ") starts in"},
		"garbage":   {resultWarn, "codex 9.9.9"},
		"signed in": {resultFail, "reads auth.json although it was started with"},
		"refuses":   {resultFail, "refuses account/login/start: no such login"},
		"dies":      {resultFail, "cannot be used: it ended with exit code 3: error: config is broken"},
	} {
		t.Run(way, func(t *testing.T) {
			t.Setenv(asCodex, way)
			found := backendCheck(t.Context(), &probe{backend: program + " server", getenv: os.Getenv})
			require.Equal(t, want.result, found.Result, found.Found)
			require.Contains(t, found.Found, want.found)
			require.NotNil(t, found.Remedy)
		})
	}
	found := backendCheck(t.Context(), &probe{backend: "codex-of-no-machine app-server", getenv: os.Getenv})
	require.Equal(t, resultFail, found.Result)
	require.Contains(t, found.Found, "is in no folder of PATH")
	require.Equal(t, resultSkip, backendCheck(t.Context(), &probe{}).Result)
}

func TestDoctorLetsNoBackendReachANetwork(t *testing.T) {
	proxy, err := refuseAll()
	require.NoError(t, err)
	defer proxy.Close()
	environ := throughProxy([]string{"A=b", "NO_PROXY=*", "https_proxy=http://elsewhere.example", "HTTPS_PROXY=x"}, proxy.Addr().String())
	require.Len(t, environ, 7)
	require.Equal(t, "A=b", environ[0])
	require.True(t, slices.Contains(environ, "https_proxy=http://"+proxy.Addr().String()))
	require.NotContains(t, strings.Join(environ, " "), "elsewhere")

	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: proxy.Addr().String()}), DisableKeepAlives: true}}
	_, err = client.Get("https://chatgpt.com/")
	require.ErrorContains(t, err, "Forbidden")
}

// codexIn makes a program named codex in a folder of its own, that has a remark and starts
// another program.
func codexIn(t *testing.T, remark, starts string) string {
	path, text := filepath.Join(t.TempDir(), "codex"), "#!/bin/sh\n# "+remark+"\nexec '"+starts+"' \"$@\"\n"
	if runtime.GOOS == "windows" {
		path, text = path+".cmd", "@echo off\r\nrem "+remark+"\r\n\""+starts+"\" %*\r\n"
	}
	require.NoError(t, os.WriteFile(path, []byte(text), 0o700))
	return path
}

func TestDoctorSaysWhatTheWordCodexStarts(t *testing.T) {
	real := codexIn(t, "", "")
	shim := func(behind string) string { return codexIn(t, "bezoar shim for "+behind, "") }
	good, missing := shim(real), shim("/no/such/codex")
	twice := shim(good)
	for _, each := range []struct {
		path  []string
		want  result
		found string
	}{
		{nil, resultSkip, "there is no codex on PATH"},
		{[]string{real}, resultSkip, "codex is " + real + ", and no shim of bezoar"},
		{[]string{good, real}, resultOK, "codex is the shim " + good + ", and the codex behind it is " + real},
		{[]string{real, good}, resultWarn, "the word codex starts " + real + ", which comes before the shim " + good},
		{[]string{missing}, resultFail, "leads to /no/such/codex, which is missing"},
		{[]string{twice}, resultFail, "leads to " + good + ", which is no codex"},
	} {
		var folders []string
		for _, program := range each.path {
			folders = append(folders, filepath.Dir(program))
		}
		found := shimCheck(t.Context(), &probe{path: strings.Join(folders, string(os.PathListSeparator))})
		require.Equal(t, each.want, found.Result, found.Found)
		require.Contains(t, found.Found, each.found)
	}
}

func TestDoctorSaysWhoHasTheControlSocket(t *testing.T) {
	home, err := os.MkdirTemp("", "d") // a path of a socket has to be short
	require.NoError(t, err)
	defer os.RemoveAll(home)
	p := &probe{config: config.Config{Root: home}}
	look := func(want result, text string) {
		t.Helper()
		found := socketCheck(t.Context(), p)
		require.Equal(t, want, found.Result, found.Found)
		require.Contains(t, found.Found, text)
	}
	look(resultSkip, "no program serves the plain codexes")
	path := rival.ControlSocket(home)
	require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	look(resultWarn, "is no socket")
	require.NoError(t, os.Remove(path))

	machinetest.SkipUnderWine(t, machinetest.LacksUnixSockets)
	listener, err := net.Listen("unix", path)
	require.NoError(t, err)
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	if runtime.GOOS == "windows" {
		t.Skip("it has no modes")
	}
	require.NoError(t, os.Chmod(path, 0o600))
	look(resultOK, "serves the plain codexes of this home")
	if runtime.GOOS == "linux" || runtime.GOOS == "darwin" {
		look(resultOK, fmt.Sprintf("process %d (", os.Getpid()))
	}
	require.NoError(t, os.Chmod(path, 0o666))
	look(resultWarn, "other users may connect to the control socket: it has 0666")
	listener.Close()
	look(resultWarn, "was left by a program that has ended")
}
