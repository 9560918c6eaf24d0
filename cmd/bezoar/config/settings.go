package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/protocol/outbound"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// SettingError means that a flag or a variable says what it cannot mean. It
// names the setting and what it takes, never the value it had.
type SettingError struct {
	Name string // "--refresh-floor", "BEZOAR_LOG"
	Err  error
}

func (e *SettingError) Error() string { return fmt.Sprintf("%s: %v", e.Name, e.Err) }
func (e *SettingError) Unwrap() error { return e.Err }

// IsFlag reports whether the command line is to blame, and not the environment.
func (e *SettingError) IsFlag() bool { return strings.HasPrefix(e.Name, "--") }

// readSettings fills in what flags and environment decide. The order in each
// first is the precedence.
func (c *Config) readSettings(flags Flags, env func(string) setting) error {
	c.TokenURL = profile.CodexTokenEndpoint
	c.Issuer = profile.CodexIssuer
	c.RefreshFloor = 5 * time.Second
	c.RefreshDeadline = 30 * time.Second
	_ = c.LogLevel.UnmarshalText([]byte(flags.logDefault()))

	c.CACertificatePath = first(env("BEZOAR_CA_CERTIFICATE"), env("CODEX_CA_CERTIFICATE"), env("SSL_CERT_FILE")).value
	override := first(env("BEZOAR_REFRESH_TOKEN_URL_OVERRIDE"), env("CODEX_REFRESH_TOKEN_URL_OVERRIDE"))
	c.TokenURLOverridden = override.value != ""
	err := errors.Join(
		read(&c.TokenURL, endpoint, override),
		read(&c.RevocationURL, endpoint, env("BEZOAR_REVOKE_TOKEN_URL_OVERRIDE"), env("CODEX_REVOKE_TOKEN_URL_OVERRIDE")),
		read(&c.Issuer, baseURL, env("BEZOAR_LOGIN_ISSUER"), env("CODEX_APP_SERVER_LOGIN_ISSUER")),
		read(&c.AllowPlainHTTP, one, env(outbound.AllowPlainHTTPVariable)),
		read(&c.RefreshFloor, duration, setting{"--refresh-floor", flags.RefreshFloor}, env("BEZOAR_REFRESH_FLOOR")),
		read(&c.RefreshDeadline, positiveDuration, env("BEZOAR_REFRESH_DEADLINE")),
		read(&c.NoRefreshBackoff, zero, env("BEZOAR_REFRESH_BACKOFF")),
		read(&c.LogLevel, logLevel, setting{"--log-level", flags.LogLevel}, env("BEZOAR_LOG")),
		read(&c.LogJSON, asJSON, setting{"--log-format", flags.LogFormat}, env("BEZOAR_LOG_FORMAT")),
	)
	c.LoginClientID = first(env("BEZOAR_LOGIN_CLIENT_ID"), env("CODEX_APP_SERVER_LOGIN_CLIENT_ID")).value
	return err
}

// setting is one place where a value may have been given, "" for not.
type setting struct{ name, value string }

// first is the first of the candidates that was given; if none was, the zero
// setting.
func first(candidates ...setting) setting {
	for _, candidate := range candidates {
		if candidate.value != "" {
			return candidate
		}
	}
	return setting{}
}

// read puts the first candidate that was given into *target, which otherwise
// stays as it is.
func read[T any](target *T, parse func(string) (T, error), candidates ...setting) error {
	given := first(candidates...)
	if given.value == "" {
		return nil
	}
	value, err := parse(given.value)
	if err != nil {
		return &SettingError{given.name, err}
	}
	*target = value
	return nil
}

// What the flags and variables of the log can be.
var (
	LogLevels  = []string{"debug", "info", "warn", "error"}
	LogFormats = []string{"text", "json"}
)

// choice is these words for a person.
func choice(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

var (
	errNoURL         = errors.New("want an absolute http or https URL")
	errURLWithSecret = errors.New("a URL with a user name or password would show up in logs; leave them out")
	errNoBaseURL     = errors.New("want a URL that a path can be put behind, without ? and #")
	errNoDuration    = errors.New("want a time such as 500ms or 5s, or a number of seconds")
	errNoTime        = errors.New("want a time above 0, such as 30s, or a number of seconds")
	errNotOne        = errors.New("only 1 can be set, which allows it")
	errNotZero       = errors.New("only 0 can be set, which switches it off")
	errNoLogLevel    = errors.New("want " + choice(LogLevels))
	errNoLogFormat   = errors.New("want " + choice(LogFormats))
)

func endpoint(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return "", errNoURL
	case u.User != nil:
		return "", errURLWithSecret
	}
	return text, nil
}

// baseURL is for URLs that paths are appended to.
func baseURL(text string) (string, error) {
	if strings.ContainsAny(text, "?#") {
		return "", errNoBaseURL
	}
	text, err := endpoint(text)
	return strings.TrimRight(text, "/"), err
}

func duration(text string) (time.Duration, error) {
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		text += "s"
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, errNoDuration
	}
	return d, nil
}

func positiveDuration(text string) (time.Duration, error) {
	d, err := duration(text)
	if err != nil || d == 0 {
		return 0, errNoTime
	}
	return d, nil
}

// zero is true for a duration of 0 and takes no other.
func zero(text string) (bool, error) {
	if d, err := duration(text); err != nil || d != 0 {
		return false, errNotZero
	}
	return true, nil
}

// one is true for 1 and takes nothing else but 0.
func one(text string) (bool, error) {
	if text != "0" && text != "1" {
		return false, errNotOne
	}
	return text == "1", nil
}

func logLevel(text string) (slog.Level, error) {
	var level slog.Level
	if level.UnmarshalText([]byte(text)) != nil {
		return 0, errNoLogLevel
	}
	return level, nil
}

func asJSON(format string) (bool, error) {
	if format != "text" && format != "json" {
		return false, errNoLogFormat
	}
	return format == "json", nil
}
