package config

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
)

// loadFile loads a home with text as config.toml and nothing else set.
func loadFile(t *testing.T, text string, overrides ...string) Config {
	t.Helper()
	home := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(home, "config.toml"), []byte(text), 0o600))
	return load(t, Flags{Home: home, Overrides: overrides}, nil)
}

// requireWarning demands one warning, about key, with the path of the file.
func requireWarning(t *testing.T, config Config, key string) {
	t.Helper()
	require.Len(t, config.Warnings, 1)
	require.Contains(t, config.Warnings[0].Summary, key)
	require.NotEmpty(t, config.Warnings[0].Details)
	require.Equal(t, filepath.Join(config.Home, "config.toml"), config.Warnings[0].Path)
}

func TestRestrictionIsTakenFromTheFile(t *testing.T) {
	for text, want := range map[string]machine.Restriction{
		``:                                     {},
		`forced_login_method = "chatgpt"`:      {ForbidAPIKey: true},
		`forced_login_method = "api"`:          {ForbidTokens: true},
		`forced_chatgpt_workspace_id = "w1"`:   {Workspaces: []string{"w1"}},
		`forced_chatgpt_workspace_id = " w1 "`: {Workspaces: []string{"w1"}},
		`forced_chatgpt_workspace_id = ["w1", " w2", ""]`:                         {Workspaces: []string{"w1", "w2"}},
		`forced_chatgpt_workspace_id = " "`:                                       {},
		`forced_chatgpt_workspace_id = []`:                                        {},
		"forced_login_method = \"chatgpt\"\nforced_chatgpt_workspace_id = \"w1\"": {ForbidAPIKey: true, Workspaces: []string{"w1"}},
	} {
		config := loadFile(t, text)
		require.Equal(t, want, config.Restriction, text)
		require.Empty(t, config.Warnings, text)
	}
}

func TestUnreadableRestrictionStaysClosed(t *testing.T) {
	for key, test := range map[string]struct {
		values []string
		want   machine.Restriction
	}{
		"forced_login_method": {
			[]string{`"ChatGPT"`, `""`, `true`, `["chatgpt"]`, `{a = "api"}`},
			machine.Restriction{ForbidAPIKey: true, ForbidTokens: true},
		},
		"forced_chatgpt_workspace_id": {
			[]string{`"w1,w2"`, `["w1", 2]`, `[["w1"]]`, `1`, `{id = "w1"}`},
			machine.Restriction{ForbidTokens: true},
		},
	} {
		for _, value := range test.values {
			config := loadFile(t, key+" = "+value)
			require.Equal(t, test.want, config.Restriction, value)
			requireWarning(t, config, key)
		}
	}
}

func TestProviderDecidesWhetherALoginIsRequired(t *testing.T) {
	for text, test := range map[string]struct {
		want bool
		warn bool
	}{
		``:                          {want: true},
		`model_provider = "openai"`: {want: true},
		`model_provider = "ollama"`: {want: false},
		"model_provider = \"mock\"\n[model_providers.mock]\nname = \"Mock\"":                  {want: false},
		"model_provider = \"mock\"\n[model_providers.mock]\nrequires_openai_auth = false":     {want: false},
		"model_provider = \"mock\"\n[model_providers.mock]\nrequires_openai_auth = true":      {want: true},
		"model_provider = \"a.b\"\n[model_providers.\"a.b\"]\nname = \"dotted\"":              {want: false},
		"model_provider = \"openai\"\n[model_providers.openai]\nrequires_openai_auth = false": {want: true},
		"[model_providers.mock]\nrequires_openai_auth = 1":                                    {want: true},
		`model_provider = "mock"`:                                                             {true, true},
		`model_provider = ""`:                                                                 {true, true},
		`model_provider = 7`:                                                                  {true, true},
		"model_provider = \"mock\"\nmodel_providers = 7":                                      {true, true},
		"model_provider = \"mock\"\n[model_providers]\nmock = 7":                              {true, true},
		"model_provider = \"mock\"\n[[model_providers]]\nname = \"mock\"":                     {true, true},
		"model_provider = \"mock\"\n[model_providers.mock]\nrequires_openai_auth = \"false\"": {true, true},
	} {
		t.Run(text, func(t *testing.T) {
			config := loadFile(t, text)
			require.Equal(t, test.want, config.RequiresOpenAIAuth)
			if !test.warn {
				require.Empty(t, config.Warnings)
				return
			}
			requireWarning(t, config, "model_provider")
		})
	}
}

func TestCredentialStoreIsTakenFromTheFile(t *testing.T) {
	for _, store := range []CredentialStore{File, Keyring, Auto, Ephemeral} {
		config := loadFile(t, `cli_auth_credentials_store = "`+string(store)+`"`)
		require.Equal(t, store, config.CredentialStore)
		require.Empty(t, config.Warnings)
	}
}

func TestUnknownCredentialStoreTouchesNoStore(t *testing.T) {
	for _, value := range []string{`"keyrng"`, `""`, `"File"`, `1`, `["keyring"]`} {
		config := loadFile(t, `cli_auth_credentials_store = `+value)
		require.Equal(t, Ephemeral, config.CredentialStore, value)
		requireWarning(t, config, "cli_auth_credentials_store")
	}
}

func TestChatGPTBaseURLIsTakenFromTheFile(t *testing.T) {
	config := loadFile(t, `chatgpt_base_url = "http://127.0.0.1:4000/backend-api/"`)
	require.Equal(t, "http://127.0.0.1:4000/backend-api", config.ChatGPTBaseURL)
	require.Empty(t, config.Warnings)
}

func TestBadChatGPTBaseURLGivesTheDefault(t *testing.T) {
	for _, value := range []string{`"chatgpt.com"`, `""`, `7`, `"https://user:pw@chatgpt.com"`, `"https://chatgpt.com/?x"`} {
		config := loadFile(t, `chatgpt_base_url = `+value)
		require.Equal(t, defaultChatGPTBaseURL, config.ChatGPTBaseURL, value)
		requireWarning(t, config, "chatgpt_base_url")
	}
}

func TestUnknownKeysAreIgnored(t *testing.T) {
	config := loadFile(t, "model = 7\nforced_login = \"api\"\n[features]\nforced_login_method = \"api\"\n[mcp_servers.x]\ncommand = []\n")
	require.Equal(t, load(t, Flags{Home: config.Home}, nil), config)
	require.Zero(t, config.Restriction)
	require.Empty(t, config.Warnings)
}

// Editors on Windows end lines in their own way, and may put a byte-order mark before the
// first one.
func TestFileThatAnEditorOnWindowsWroteIsRead(t *testing.T) {
	text := "forced_login_method = \"api\"\r\n\r\n# a comment\r\n[model_providers.x]\r\nrequires_openai_auth = true\r\n"
	for _, mark := range []string{"", "\ufeff"} {
		config := loadFile(t, mark+text)
		require.Empty(t, config.Warnings)
		require.True(t, config.Restriction.ForbidTokens)
		require.Equal(t, map[string]bool{"x": true}, config.Providers)
	}
}

func TestOneBadKeyLeavesTheOthersInForce(t *testing.T) {
	config := loadFile(t, "forced_login_method = \"api\"\nforced_chatgpt_workspace_id = \"w1\"\ncli_auth_credentials_store = \"auto\"\nchatgpt_base_url = 7\n")
	requireWarning(t, config, "chatgpt_base_url")
	require.Equal(t, machine.Restriction{ForbidTokens: true, Workspaces: []string{"w1"}}, config.Restriction)
	require.Equal(t, Auto, config.CredentialStore)
}

func TestFileThatCannotBeReadGivesDefaultsAndOneWarning(t *testing.T) {
	write := func(text string, mode os.FileMode) func(*testing.T, string) {
		return func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, []byte(text), mode)) }
	}
	for name, prepare := range map[string]func(t *testing.T, path string){
		"half a line": write("model = \n", 0o600),
		"key twice":   write("forced_login_method = \"api\"\nforced_login_method = \"api\"\n", 0o600),
		"not UTF-8":   write("a = \"\xff\"", 0o600),
		"UTF-16":      write("\xff\xfea\x00", 0o600),
		"JSON":        write(`{"forced_login_method": "api"}`, 0o600),
		"too large":   write(strings.Repeat("#", fileLimitBytes+1), 0o600),
		"endless": func(t *testing.T, path string) {
			if runtime.GOOS == "windows" {
				t.Skip("no file is endless here")
			}
			requireSymlink(t, "/dev/zero", path)
		},
		"a pipe without a writer": func(t *testing.T, path string) {
			if err := exec.Command("mkfifo", path).Run(); err != nil {
				t.Skip(err)
			}
		},
		"links to itself": func(t *testing.T, path string) {
			machinetest.SkipUnderWine(t, machinetest.LacksLinks)
			requireSymlink(t, path, path)
		},
		"folder": func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o700)) },
		"not readable": func(t *testing.T, path string) {
			write("", 0o000)(t, path)
			if file, err := os.Open(path); err == nil {
				file.Close()
				t.Skip("this user may read everything")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			want := load(t, Flags{Home: home}, nil)
			prepare(t, filepath.Join(home, "config.toml"))
			config := load(t, Flags{Home: home}, nil)
			requireWarning(t, config, "config.toml")
			config.Warnings = nil
			require.Equal(t, want, config)
		})
	}
}

// Windows PowerShell writes so what > leads into a file.
func TestAFileInUTF16IsSaidToBe(t *testing.T) {
	for _, text := range []string{"\xff\xfea\x00", "\xfe\xff\x00a"} {
		home := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(home, "config.toml"), []byte(text), 0o600))
		require.Contains(t, load(t, Flags{Home: home}, nil).Warnings[0].Details, "it is UTF-16, and has to be UTF-8")
	}
}

func requireSymlink(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Skip(err)
	}
}

func TestLargestFileIsStillRead(t *testing.T) {
	text := "forced_login_method = \"api\"\n"
	config := loadFile(t, text+strings.Repeat("#", fileLimitBytes-len(text)))
	require.True(t, config.Restriction.ForbidTokens)
}

func TestWarningsNeverRepeatTheFile(t *testing.T) {
	for _, text := range []string{
		"sentinel", "k = sentinel", "sentinel = ", "k = \"sentinel", "[sentinel", "sentinel = 1\nsentinel = 2",
		"forced_login_method = \"sentinel\"", "forced_chatgpt_workspace_id = \"sentinel,\"", "model_provider = \"sentinel\"",
		"cli_auth_credentials_store = \"sentinel\"", "chatgpt_base_url = \"https://u:sentinel@x\"", "chatgpt_base_url = \"sentinel\"",
	} {
		config := loadFile(t, text)
		require.Len(t, config.Warnings, 1, text)
		require.NotContains(t, config.Warnings[0].Summary+config.Warnings[0].Details, "sentinel", text)
	}
}

func TestOverrideGoesBeforeTheFile(t *testing.T) {
	config := loadFile(t, "forced_login_method = \"api\"\nmodel_provider = \"mock\"\n[model_providers.mock]\nrequires_openai_auth = true\n",
		`forced_login_method = "chatgpt"`, `forced_chatgpt_workspace_id=["w1", "w2"]`, "model_providers.mock.requires_openai_auth=false",
		"cli_auth_credentials_store=keyring", "chatgpt_base_url=http://127.0.0.1/?a=b", "chatgpt_base_url=http://127.0.0.1")
	require.Empty(t, config.Warnings)
	require.Equal(t, machine.Restriction{ForbidAPIKey: true, Workspaces: []string{"w1", "w2"}}, config.Restriction)
	require.False(t, config.RequiresOpenAIAuth)
	require.Equal(t, Keyring, config.CredentialStore)
	require.Equal(t, "http://127.0.0.1", config.ChatGPTBaseURL)
}

func TestOverrideCanDefineTheProvider(t *testing.T) {
	config := loadFile(t, "model_providers = 7", "model_provider=mock", `model_providers.mock.name="Mock"`)
	require.False(t, config.RequiresOpenAIAuth)
	require.Empty(t, config.Warnings)
}

func TestOverrideHoldsBesideABrokenFile(t *testing.T) {
	config := loadFile(t, "model = \n", "forced_login_method=chatgpt")
	requireWarning(t, config, "config.toml")
	require.True(t, config.Restriction.ForbidAPIKey)
}

func TestBadOverrideIsNotBlamedOnTheFile(t *testing.T) {
	config := loadFile(t, `forced_login_method = "api"`, "forced_login_method=\"api\"\ncli_auth_credentials_store=\"auto\"")
	require.Len(t, config.Warnings, 1)
	require.Empty(t, config.Warnings[0].Path)
	require.Equal(t, machine.Restriction{ForbidAPIKey: true, ForbidTokens: true}, config.Restriction)
	require.Equal(t, File, config.CredentialStore, "one override sets one key")
}

func TestOverrideWithoutAKeyIsRefused(t *testing.T) {
	for _, assignment := range []string{"", "sentinel", "=sentinel", " = sentinel", ".x=sentinel"} {
		_, err := Load(Flags{Home: t.TempDir(), Overrides: []string{assignment}}, environment{}.get)
		requireSettingError(t, err, "--config", assignment)
	}
}

// FuzzAnyFileStartsTheServer holds that no bytes as config.toml are an error or
// a panic, and that what is not TOML is the defaults and one warning.
func FuzzAnyFileStartsTheServer(f *testing.F) {
	for _, text := range []string{
		"", "model = \n", "forced_login_method = \"chatgpt\"", "forced_chatgpt_workspace_id = [\"a\", 1]", "\xff\xfe",
		"model_provider = \"m\"\n[model_providers.m]\nrequires_openai_auth = true", "cli_auth_credentials_store = {a.b = 1979-05-27}",
		"chatgpt_base_url = \"\"\"\nhttp://x\"\"\"", "[[model_providers]]\n[[model_providers.x]]", "a.b.c = [[{}]]",
	} {
		f.Add([]byte(text))
	}
	home := f.TempDir()
	env := environment{"BEZOAR_HOME": home}
	defaults, err := Load(Flags{}, env.get)
	require.NoError(f, err)

	f.Fuzz(func(t *testing.T, text []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(home, "config.toml"), text, 0o600))
		config, err := Load(Flags{}, env.get)
		require.NoError(t, err)
		require.Contains(t, []CredentialStore{File, Keyring, Auto, Ephemeral}, config.CredentialStore)
		base, err := baseURL(config.ChatGPTBaseURL)
		require.NoError(t, err)
		require.Equal(t, config.ChatGPTBaseURL, base)
		if _, err := parseTOML(string(text)); err == nil {
			return
		}
		requireWarning(t, config, "config.toml")
		config.Warnings = nil
		require.Equal(t, defaults, config)
	})
}
