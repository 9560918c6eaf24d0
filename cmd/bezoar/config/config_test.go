package config

import (
	"flag"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
)

// environment is a process environment that no other test sees.
type environment map[string]string

func (e environment) get(name string) string { return e[name] }

func load(t *testing.T, flags Flags, env environment) Config {
	t.Helper()
	config, err := Load(flags, env.get)
	require.NoError(t, err)
	return config
}

func TestServerLogsWarningsAndCommandsLogErrors(t *testing.T) {
	home := Flags{Home: t.TempDir()}
	require.Equal(t, slog.LevelError, load(t, home, nil).LogLevel)
	home.IsServer = true
	require.Equal(t, slog.LevelWarn, load(t, home, nil).LogLevel)
}

func TestDefaultsHoldWithoutSettings(t *testing.T) {
	home := t.TempDir()
	require.Equal(t, Config{
		Root:               home,
		Home:               home,
		CredentialStore:    File,
		RequiresOpenAIAuth: true,
		ChatGPTBaseURL:     "https://chatgpt.com/backend-api",
		Issuer:             "https://auth.openai.com",
		TokenURL:           "https://auth.openai.com/oauth/token",
		RefreshFloor:       5 * time.Second,
		RefreshDeadline:    30 * time.Second,
		LogLevel:           slog.LevelError,
	}, load(t, Flags{}, environment{"BEZOAR_HOME": home}))
}

func TestHomeIsTheFirstThatIsNamed(t *testing.T) {
	root := t.TempDir()
	folder := func(name string) string {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(path, 0o700))
		return path
	}
	user, ours, twin, flagged := folder("user"), folder("ours"), folder("twin"), folder("flagged")
	inUser := folder("user/.codex")

	for name, test := range map[string]struct {
		flag string
		env  environment
		want string
	}{
		"flag":                                {flagged, environment{"BEZOAR_HOME": ours, "CODEX_HOME": twin, "HOME": user}, flagged},
		"BEZOAR_HOME":                         {"", environment{"BEZOAR_HOME": ours, "CODEX_HOME": twin, "HOME": user}, ours},
		"CODEX_HOME":                          {"", environment{"CODEX_HOME": twin, "HOME": user}, twin},
		"an empty variable is unset":          {"", environment{"BEZOAR_HOME": "", "CODEX_HOME": twin}, twin},
		"user's home":                         {"", environment{homeVariable: user}, inUser},
		"user's home, and one of Git's shell": {"", environment{"USERPROFILE": user, "HOME": user}, inUser},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, load(t, Flags{Home: test.flag}, test.env).Home)
		})
	}
}

// inDatabase sets the home that the user database has.
func inDatabase(t *testing.T, home string) {
	before := homeOfUser
	homeOfUser = func() string { return home }
	t.Cleanup(func() { homeOfUser = before })
}

func TestHomeComesFromTheUserDatabaseWithoutHOME(t *testing.T) {
	user := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(user, ".codex"), 0o700))
	inDatabase(t, user)
	require.Equal(t, filepath.Join(user, ".codex"), load(t, Flags{}, nil).Home)
}

func TestUserDatabaseIsRead(t *testing.T) {
	require.NotEmpty(t, homeOfUser())
}

func TestRelativeHomeIsMadeAbsolute(t *testing.T) {
	home, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	t.Chdir(home)
	require.Equal(t, home, load(t, Flags{}, environment{"BEZOAR_HOME": "."}).Home)
}

func TestHomeThatCannotBeUsedIsNamed(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	missing := filepath.Join(root, "missing")

	for name, test := range map[string]struct {
		flags      Flags
		env        environment
		wantPath   string
		wantSource string
		missing    bool
	}{
		"missing, by flag":       {Flags{Home: missing}, nil, missing, "--home", true},
		"missing, by variable":   {Flags{}, environment{"CODEX_HOME": missing}, missing, "CODEX_HOME", true},
		"missing, by default":    {Flags{}, environment{homeVariable: root}, filepath.Join(root, ".codex"), "default", true},
		"a file":                 {Flags{}, environment{"BEZOAR_HOME": file}, file, "BEZOAR_HOME", false},
		"below a file":           {Flags{Home: filepath.Join(file, "x")}, nil, filepath.Join(file, "x"), "--home", false},
		"no home anywhere":       {Flags{}, nil, "~/.codex", "default", false},
		"with a bad setting too": {Flags{Home: missing, LogLevel: "loud"}, nil, missing, "--home", true},
	} {
		t.Run(name, func(t *testing.T) {
			inDatabase(t, "")
			_, err := Load(test.flags, test.env.get)
			var homeErr *HomeError
			require.ErrorAs(t, err, &homeErr)
			require.Equal(t, test.wantPath, homeErr.Path)
			require.Equal(t, test.wantSource, homeErr.Source)
			require.ErrorContains(t, err, test.wantPath)
			if test.missing {
				require.ErrorIs(t, err, fs.ErrNotExist)
			}
		})
	}
}

func TestFlagsReachTheConfig(t *testing.T) {
	home := t.TempDir()
	set := flag.NewFlagSet("app-server", flag.ContinueOnError)
	var flags Flags
	flags.Register(set)
	flags.RegisterRefresh(set)
	require.NoError(t, set.Parse([]string{
		"--home", home, "--refresh-floor=0", "-log-level", "debug",
		"--config", "forced_login_method=api", "-c", "cli_auth_credentials_store=auto",
	}))
	config := load(t, flags, nil)
	require.Equal(t, home, config.Home)
	require.Zero(t, config.RefreshFloor)
	require.Equal(t, slog.LevelDebug, config.LogLevel)
	require.Equal(t, machine.Restriction{ForbidTokens: true}, config.Restriction)
	require.Equal(t, Auto, config.CredentialStore)
}
