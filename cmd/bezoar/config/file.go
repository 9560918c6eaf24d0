package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/store/system"
)

// fileLimitBytes is far above any config.toml a person keeps; the parser needs
// many times the size in memory.
const fileLimitBytes = 1 << 20

const (
	defaultProvider       = "openai"
	defaultChatGPTBaseURL = "https://chatgpt.com/backend-api"
)

// builtInProviders says which of Codex's own model providers require a
// login here. The file cannot redefine them.
var builtInProviders = map[string]bool{
	defaultProvider:  true,
	"amazon-bedrock": false,
	"lmstudio":       false,
	"ollama":         false,
}

// Warning is for the client: the params of a configWarning notification.
type Warning struct {
	Summary string
	Details string
	Path    string // of config.toml; "" if --config is to blame

	OfProfile bool // it is about a profile, on which no login depends
}

// readDocument fills in what config.toml decides. Keys it does not name are
// none of our business.
func (c *Config) readDocument(d *document) {
	c.Restriction = d.restriction()
	c.RequiresOpenAIAuth = d.requiresOpenAIAuth()
	c.Providers = d.providers()
	c.CredentialStore = d.credentialStore()
	c.ChatGPTBaseURL = d.chatGPTBaseURL()
	c.Profiles = d.profiles()
	c.Warnings = d.warnings
}

// document is config.toml with the overrides laid over it. TOML has no null, so
// the value of a key that is not there is nil.
type document struct {
	path       string
	text       string // of the file
	values     map[string]any
	overridden map[string]bool // top-level keys
	overrides  [][]string      // the same with what is inside of them
	warnings   []Warning
}

// openDocument reads path. A file that is not there is an empty document; one
// that cannot be read or is no TOML is an empty document and a warning, for it
// is not known what it wanted.
func openDocument(path string) *document {
	d := &document{path: path, values: map[string]any{}, overridden: map[string]bool{}}
	text, err := readFile(path)
	var values map[string]any
	if err == nil {
		values, err = parseTOML(text)
	}
	switch {
	case err == nil:
		d.text, d.values = text, values
	case !errors.Is(err, fs.ErrNotExist):
		d.warnings = []Warning{{
			Summary: "config.toml cannot be used; its settings have their defaults",
			Details: fmt.Sprintf("%v. Logins are not restricted.", err),
			Path:    path,
		}}
	}
	return d
}

func readFile(path string) (string, error) {
	info, err := os.Stat(path) // before opening, which would wait at a pipe
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("it is not a file")
	}
	file, err := system.Here.Open(path, os.O_RDONLY) // which waits for a scanner that holds it
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, fileLimitBytes+1))
	if err != nil {
		return "", err
	}
	if len(text) > fileLimitBytes {
		return "", fmt.Errorf("it is larger than %d bytes", fileLimitBytes)
	}
	return string(text), nil
}

// parseTOML says where a text is wrong and not how: the parser's message quotes
// the text, which may be a provider's key.
func parseTOML(text string) (map[string]any, error) {
	if strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") { // as > writes it in Windows PowerShell
		return nil, errors.New("it is UTF-16, and has to be UTF-8")
	}
	values := map[string]any{}
	_, err := toml.Decode(text, &values)
	if syntax, ok := errors.AsType[toml.ParseError](err); ok {
		return nil, fmt.Errorf("line %d is not valid TOML", syntax.Position.Line)
	}
	if err != nil {
		return nil, errors.New("it is not valid TOML")
	}
	return values, nil
}

// override sets one key, dotted for one inside a table, as `key=value` says.
// A value that is no TOML is taken as a string, so that a shell's user needs
// no second pair of quotes.
func (d *document) override(assignment string) error {
	key, text, found := strings.Cut(assignment, "=")
	path := strings.Split(strings.TrimSpace(key), ".")
	if !found || path[0] == "" {
		return errors.New("want key=value")
	}
	d.overridden[path[0]] = true
	d.overrides = append(d.overrides, path)
	table := d.values
	for _, name := range path[:len(path)-1] {
		inner, ok := table[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			table[name] = inner
		}
		table = inner
	}
	table[path[len(path)-1]] = overrideValue(strings.TrimSpace(text))
	return nil
}

func overrideValue(text string) any {
	parsed, err := parseTOML("value = " + text)
	if err != nil || len(parsed) != 1 {
		return text
	}
	return parsed["value"]
}

// restriction is what is forbidden, not what is forced, so that one that cannot be
// read still closes: both kinds of login for an unreadable method, those with ChatGPT
// for unreadable workspaces.
func (d *document) restriction() machine.Restriction {
	var r machine.Restriction
	switch d.values["forced_login_method"] {
	case nil:
	case "chatgpt":
		r.ForbidAPIKey = true
	case "api":
		r.ForbidTokens = true
	default:
		r.ForbidAPIKey, r.ForbidTokens = true, true
		d.warn("forced_login_method", `It must be "chatgpt" or "api". Until it is, no login is allowed.`)
	}
	workspaces, ok := workspaceIDs(d.values["forced_chatgpt_workspace_id"])
	if !ok {
		r.ForbidTokens = true
		d.warn("forced_chatgpt_workspace_id", `It must be one workspace id or a list of them, ["a", "b"]. Until it is, no ChatGPT login is allowed.`)
	}
	r.Workspaces = workspaces
	return r
}

// workspaceIDs leaves out blank ids, which, as in Codex, restrict
// nothing. One string with a comma in it was meant to be a list.
func workspaceIDs(value any) (ids []string, ok bool) {
	var list []any
	switch value := value.(type) {
	case nil:
	case []any:
		list = value
	case string:
		if strings.Contains(value, ",") {
			return nil, false
		}
		list = []any{value}
	default:
		return nil, false
	}
	for _, item := range list {
		id, ok := item.(string)
		if !ok {
			return nil, false
		}
		if id = strings.TrimSpace(id); id != "" {
			ids = append(ids, id)
		}
	}
	return ids, true
}

// requiresOpenAIAuth takes a provider that is not defined, or not readably, for
// the default one: that one shows the login there is.
func (d *document) requiresOpenAIAuth() bool {
	selected := d.values["model_provider"]
	if selected == nil {
		selected = defaultProvider
	}
	name, _ := selected.(string)
	if requires, builtIn := builtInProviders[name]; builtIn {
		return requires
	}
	providers, _ := d.values["model_providers"].(map[string]any)
	provider, defined := providers[name].(map[string]any)
	requires, ok := provider["requires_openai_auth"].(bool)
	if !defined || !ok && provider["requires_openai_auth"] != nil {
		d.warn("model_provider", "It must name a provider that model_providers defines, with requires_openai_auth true, false or left out. The default provider is used.")
		return builtInProviders[defaultProvider]
	}
	return requires
}

// providers are those that are defined, each with whether it needs a login here.
func (d *document) providers() map[string]bool {
	defined, _ := d.values["model_providers"].(map[string]any)
	var all map[string]bool
	for name, each := range defined {
		provider, _ := each.(map[string]any)
		requires, _ := provider["requires_openai_auth"].(bool)
		if all == nil {
			all = map[string]bool{}
		}
		all[name] = requires
	}
	return all
}

// ProviderRequiresAuth reports whether a model provider needs a login here. "" is the one
// in use; one that is not known does.
func (c Config) ProviderRequiresAuth(provider string) bool {
	if provider == "" {
		return c.RequiresOpenAIAuth
	}
	if requires, builtIn := builtInProviders[provider]; builtIn {
		return requires
	}
	requires, defined := c.Providers[provider]
	return requires || !defined
}

// credentialStore takes a store it does not know for the one that can do no
// harm: no secret is written where it was not wanted, and no older login that
// lies there is used again.
func (d *document) credentialStore() CredentialStore {
	value := d.values["cli_auth_credentials_store"]
	if value == nil {
		return File
	}
	name, _ := value.(string)
	switch store := CredentialStore(name); store {
	case File, Keyring, Auto, Ephemeral:
		return store
	}
	d.warn("cli_auth_credentials_store", `It must be "file", "keyring", "auto" or "ephemeral". Until this is mended, logins are kept in memory only.`)
	return Ephemeral
}

func (d *document) chatGPTBaseURL() string {
	value := d.values["chatgpt_base_url"]
	if value == nil {
		return defaultChatGPTBaseURL
	}
	text, _ := value.(string)
	base, err := baseURL(text)
	if err != nil {
		d.warn("chatgpt_base_url", fmt.Sprintf("It is not usable: %v. The default is used.", err))
		return defaultChatGPTBaseURL
	}
	return base
}

func (d *document) warn(key, details string) {
	warning := Warning{Summary: "Setting not understood: " + key, Details: details, Path: d.path}
	if d.overridden[key] {
		warning.Path = ""
	}
	d.warnings = append(d.warnings, warning)
}
