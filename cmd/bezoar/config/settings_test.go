package config

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBezoarVariableGoesBeforeItsTwin(t *testing.T) {
	for name, test := range map[string]struct {
		names []string // in the order of precedence
		read  func(Config) string
	}{
		"token endpoint": {
			[]string{"BEZOAR_REFRESH_TOKEN_URL_OVERRIDE", "CODEX_REFRESH_TOKEN_URL_OVERRIDE"},
			func(c Config) string { return c.TokenURL },
		},
		"revocation endpoint": {
			[]string{"BEZOAR_REVOKE_TOKEN_URL_OVERRIDE", "CODEX_REVOKE_TOKEN_URL_OVERRIDE"},
			func(c Config) string { return c.RevocationURL },
		},
		"issuer": {
			[]string{"BEZOAR_LOGIN_ISSUER", "CODEX_APP_SERVER_LOGIN_ISSUER"},
			func(c Config) string { return c.Issuer },
		},
		"login client": {
			[]string{"BEZOAR_LOGIN_CLIENT_ID", "CODEX_APP_SERVER_LOGIN_CLIENT_ID"},
			func(c Config) string { return c.LoginClientID },
		},
		"authorities": {
			[]string{"BEZOAR_CA_CERTIFICATE", "CODEX_CA_CERTIFICATE", "SSL_CERT_FILE"},
			func(c Config) string { return c.CACertificatePath },
		},
	} {
		t.Run(name, func(t *testing.T) {
			env := environment{"BEZOAR_HOME": t.TempDir()}
			for _, variable := range test.names {
				env[variable] = "http://127.0.0.1:1/" + variable
			}
			for _, variable := range test.names {
				require.Equal(t, "http://127.0.0.1:1/"+variable, test.read(load(t, Flags{}, env)))
				env[variable] = ""
			}
		})
	}
}

func TestTokenEndpointOverrideHoldsForEveryLogin(t *testing.T) {
	home := environment{"BEZOAR_HOME": t.TempDir()}
	require.False(t, load(t, Flags{}, home).TokenURLOverridden)
	home["CODEX_REFRESH_TOKEN_URL_OVERRIDE"] = "http://127.0.0.1:4000/oauth/token"
	config := load(t, Flags{}, home)
	require.Equal(t, "http://127.0.0.1:4000/oauth/token", config.TokenURL)
	require.True(t, config.TokenURLOverridden)
	require.Equal(t, "https://auth.openai.com", config.Issuer, "only a login goes to the issuer")
}

func TestIssuerTakesAPath(t *testing.T) {
	config := load(t, Flags{}, environment{"BEZOAR_HOME": t.TempDir(), "BEZOAR_LOGIN_ISSUER": "http://127.0.0.1:4000/tenant//"})
	require.Equal(t, "http://127.0.0.1:4000/tenant", config.Issuer)
}

func TestTimesAreDurationsOrSeconds(t *testing.T) {
	home := t.TempDir()
	for text, want := range map[string]time.Duration{
		"250ms": 250 * time.Millisecond, "1m30s": 90 * time.Second, "7": 7 * time.Second, "0.5": 500 * time.Millisecond,
	} {
		config := load(t, Flags{}, environment{"BEZOAR_HOME": home, "BEZOAR_REFRESH_FLOOR": text, "BEZOAR_REFRESH_DEADLINE": text})
		require.Equal(t, want, config.RefreshFloor, text)
		require.Equal(t, want, config.RefreshDeadline, text)
	}
}

func TestZeroSwitchesFloorAndBackoffOff(t *testing.T) {
	home := t.TempDir()
	for _, text := range []string{"0", "0s", "0.0", "0ms"} {
		config := load(t, Flags{}, environment{"BEZOAR_HOME": home, "BEZOAR_REFRESH_FLOOR": text, "BEZOAR_REFRESH_BACKOFF": text})
		require.Zero(t, config.RefreshFloor, text)
		require.True(t, config.NoRefreshBackoff, text)
	}
}

func TestOfferedWordsAreAccepted(t *testing.T) {
	for _, level := range LogLevels {
		load(t, Flags{Home: t.TempDir(), LogLevel: level}, nil)
	}
	for _, format := range LogFormats {
		load(t, Flags{Home: t.TempDir(), LogFormat: format}, nil)
	}
}

func TestLogLevelIsSlogs(t *testing.T) {
	home := t.TempDir()
	for text, want := range map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError, "ERROR": slog.LevelError,
	} {
		require.Equal(t, want, load(t, Flags{}, environment{"BEZOAR_HOME": home, "BEZOAR_LOG": text}).LogLevel)
	}
}

func TestLogFormatIsTextByDefault(t *testing.T) {
	home := t.TempDir()
	require.False(t, load(t, Flags{}, environment{"BEZOAR_HOME": home}).LogJSON)
	require.True(t, load(t, Flags{}, environment{"BEZOAR_HOME": home, "BEZOAR_LOG_FORMAT": "json"}).LogJSON)
	require.False(t, load(t, Flags{LogFormat: "text"}, environment{"BEZOAR_HOME": home, "BEZOAR_LOG_FORMAT": "json"}).LogJSON)
	_, err := Load(Flags{Home: home, LogFormat: "xml"}, environment{}.get)
	require.ErrorContains(t, err, "--log-format")
}

func TestFlagGoesBeforeItsVariable(t *testing.T) {
	env := environment{"BEZOAR_HOME": t.TempDir(), "BEZOAR_REFRESH_FLOOR": "1s", "BEZOAR_LOG": "info"}
	config := load(t, Flags{RefreshFloor: "2s", LogLevel: "error"}, env)
	require.Equal(t, 2*time.Second, config.RefreshFloor)
	require.Equal(t, slog.LevelError, config.LogLevel)
}

func TestBadSettingIsNamedAndItsValueIsNot(t *testing.T) {
	urls := []string{
		"sentinel", "//sentinel/oauth/token", "ftp://sentinel/x", "http:sentinel", "http://", "https:///sentinel", "http://:80/sentinel",
		"https://sentinel@issuer.example/", "https://user:sentinel@issuer.example/", "https://issuer.example:sentinel/", "http://sentinel\x7f/", " ",
	}
	times := []string{"sentinel", "-1s", "-1", "1h30", "5 s", "99999999999999", "1e999", "NaN", "Inf"}
	bad := map[string][]string{
		"BEZOAR_REFRESH_TOKEN_URL_OVERRIDE": urls,
		"CODEX_REFRESH_TOKEN_URL_OVERRIDE":  urls,
		"BEZOAR_REVOKE_TOKEN_URL_OVERRIDE":  urls,
		"CODEX_REVOKE_TOKEN_URL_OVERRIDE":   urls,
		"BEZOAR_LOGIN_ISSUER":               append([]string{"https://issuer.example/?sentinel", "https://issuer.example/#sentinel"}, urls...),
		"CODEX_APP_SERVER_LOGIN_ISSUER":     urls,
		"BEZOAR_REFRESH_FLOOR":              times,
		"BEZOAR_REFRESH_DEADLINE":           append([]string{"0", "0s"}, times...),
		"BEZOAR_REFRESH_BACKOFF":            append([]string{"1s", "250ms"}, times...),
		"BEZOAR_LOG":                        {"sentinel", "loud", "warning"},
	}
	home := t.TempDir()
	for name, values := range bad {
		for _, value := range values {
			_, err := Load(Flags{}, environment{"BEZOAR_HOME": home, name: value}.get)
			requireSettingError(t, err, name, value)
		}
	}
	_, err := Load(Flags{Home: home, RefreshFloor: "sentinel"}, environment{}.get)
	requireSettingError(t, err, "--refresh-floor", "sentinel")
	_, err = Load(Flags{Home: home, LogLevel: "sentinel"}, environment{}.get)
	requireSettingError(t, err, "--log-level", "sentinel")
}

func requireSettingError(t *testing.T, err error, name, value string) {
	t.Helper()
	var settingErr *SettingError
	require.ErrorAs(t, err, &settingErr, "%s=%q", name, value)
	require.Equal(t, name, settingErr.Name)
	require.ErrorContains(t, err, name)
	require.NotContains(t, err.Error(), "sentinel", "%s=%q", name, value)
}

func TestLoadReportsEveryBadSettingAtOnce(t *testing.T) {
	inDatabase(t, "")
	_, err := Load(Flags{LogLevel: "loud"}, environment{"BEZOAR_REFRESH_FLOOR": "x", "BEZOAR_REVOKE_TOKEN_URL_OVERRIDE": "x"}.get)
	for _, name := range []string{"home", "--log-level", "BEZOAR_REFRESH_FLOOR", "BEZOAR_REVOKE_TOKEN_URL_OVERRIDE"} {
		require.ErrorContains(t, err, name)
	}
}
