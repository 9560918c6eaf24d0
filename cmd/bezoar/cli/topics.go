package cli

import "strings"

// topic is a page of help that belongs to no single command. The page is made when it is
// read, so that the start of a server does not pay for it.
type topic struct {
	name, summary string
	page          func() string
}

var topics = []topic{
	{"environment", "The variables that bezoar reads.", func() string {
		return listPage("Variables that bezoar reads. Of several names the first one that is set counts.", variables)
	}},
	{"exit-codes", "The exit codes, and what they mean.", exitCodesPage},
	{"files", "The files of a home.", func() string {
		return listPage("All are in the home: --home, BEZOAR_HOME, CODEX_HOME or ~/.codex.", files)
	}},
}

var exitCodes = []option{
	{word: "0", meaning: "done; of status and token: there is a token, or the next use refreshes it at once"},
	{word: "1", meaning: "failed; standard error says why"},
	{word: "2", meaning: "invalid command line"},
	{word: "3", meaning: "a login is needed: bezoar login"},
	{word: "4", meaning: "wait: another attempt comes later, or another process is making one"},
	{word: "5", meaning: "this machine, or a profile in config.toml, needs attention: bezoar doctor"},
	{word: "130", meaning: "login or token was interrupted (Ctrl-C, SIGTERM, SIGHUP), of login: nothing has changed; log --follow, app-server and demo issuer end with 0"},
}

func exitCodesPage() string {
	return listPage("Exit codes, the same for every command:", exitCodes) + "\n" + filled(exitCodesMore) + "\n"
}

const exitCodesMore = `status and token exit with 0 while the access token is good, even if the next refresh has to wait; and if it may be refreshed right now. usable in status --json means that the access token is good right now.

why exits with 0 in every state: its answer is what it prints. It exits with 5 if it cannot read what is stored, as log does if it cannot read the ledger. app-server ends with 1 where its home cannot be used, as codex app-server does.

Example: bezoar status >/dev/null || bezoar login`

// variables are the environment variables that the program reads. Of two names the first
// one that is set counts; one that is set to nothing counts as unset.
var variables = []option{
	{word: "BEZOAR_ACCOUNT", meaning: "the account of the home whose login is used; --account takes precedence (default: none, but the login of the home itself)"},
	{word: "BEZOAR_HOME, CODEX_HOME", meaning: "the folder of auth.json and config.toml; --home takes precedence (default ~/.codex)"},
	{word: "BEZOAR_BACKEND", meaning: "the Codex that app-server stands in front of, such as 'codex app-server'; --backend takes precedence"},
	{word: "BEZOAR_FRONT_PROCESS", meaning: "set by app-server for the Codex behind it: the process that stands in front; there app-server takes no backend, so that none leads back to bezoar"},
	{word: "CODEX_ACCESS_TOKEN, CODEX_API_KEY, OPENAI_API_KEY", meaning: "withheld from the backend, which gets its login from bezoar"},
	{word: "BEZOAR_LOG", meaning: "the minimum level to log on standard error: debug, info, warn or error; --log-level takes precedence (default warn for app-server, error for other commands)"},
	{word: "BEZOAR_LOG_FORMAT", meaning: "text or json; --log-format takes precedence"},
	{word: "BEZOAR_REFRESH_FLOOR", meaning: "reuse a successful refresh for refreshes demanded within this time, such as 5s; 0: off; --refresh-floor takes precedence (default 5s)"},
	{word: "BEZOAR_REFRESH_DEADLINE", meaning: "how long a caller waits for the issuer's answer, such as 30s (default 30s)"},
	{word: "BEZOAR_ALLOW_PLAIN_HTTP", meaning: "1 lets tokens go to other machines over plain HTTP, where others can read them"},
	{word: "BEZOAR_REFRESH_BACKOFF", meaning: "0 lets the next attempt follow a failed one at once; for tests"},
	{word: "BEZOAR_CA_CERTIFICATE, CODEX_CA_CERTIFICATE, SSL_CERT_FILE", meaning: "a PEM file of certificate authorities to trust besides the system's"},
	{word: "BEZOAR_LOGIN_ISSUER, CODEX_APP_SERVER_LOGIN_ISSUER", meaning: "the issuer at which a new login is made"},
	{word: "BEZOAR_LOGIN_CLIENT_ID, CODEX_APP_SERVER_LOGIN_CLIENT_ID", meaning: "the OAuth client for which a new login is made"},
	{word: "BEZOAR_REFRESH_TOKEN_URL_OVERRIDE, CODEX_REFRESH_TOKEN_URL_OVERRIDE", meaning: "the token endpoint for refreshes, of every login"},
	{word: "BEZOAR_REVOKE_TOKEN_URL_OVERRIDE, CODEX_REVOKE_TOKEN_URL_OVERRIDE", meaning: "the revocation endpoint for logouts"},
	{word: "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY", meaning: "the proxy between this machine and the issuer (http, https, socks5 or socks5h), and the hosts that need none"},
	{word: "KUBERNETES_EXEC_INFO", meaning: "set by kubectl; token --output exec-credential answers in its version"},
	{word: "NO_COLOR", meaning: "set to anything: no colours"},
	{word: "TERM, TERM_PROGRAM, TERM_PROGRAM_VERSION", meaning: "the terminal: whether it has colours, and what the user agent calls it"},
	{word: "DISPLAY, WAYLAND_DISPLAY", meaning: "on Linux: whether there is a browser to open"},
	{word: "HOME, USERPROFILE", meaning: "the folder of the user, where the default home is; USERPROFILE on Windows, HOME elsewhere (without it: the one in the user database)"},
	{word: "PATH", meaning: "where the programs of backends are, and a browser"},
	{word: "XDG_CACHE_HOME, LocalAppData", meaning: "the folder below which bezoar/backends remembers the version of each Codex that was a backend, and which requests it calls experimental; safe to remove"},
	{word: "GOMAXPROCS", meaning: "how many processors to use (default 1)"},
}

// files are the files of a home.
var files = []option{
	{word: "auth.json", meaning: "the login, as Codex keeps it"},
	{word: "config.toml", meaning: "settings, as Codex reads them, and [issuers.NAME], the profiles of issuers"},
	{word: "accounts", meaning: "a folder with a folder for each account, which holds the same files for a login of its own; bezoar accounts lists them"},
	{word: "account.json, account.json.next", meaning: "in the folder of an account: its profile, and what its issuer said of itself; the same while it is written"},
	{word: "login.json, login.json.*", meaning: "in the folder of an account: its login, as bezoar keeps it, and what auth.json has beside it"},
	{word: "auth.ledger", meaning: "the history of refresh tokens, as fingerprints; bezoar log prints it"},
	{word: "auth.callers", meaning: "a folder with a file for each program whose auth command is bezoar token --auth-command: what it was given last, as a fingerprint"},
	{word: "auth.intents", meaning: "a folder with a file for each refresh that has begun and has no outcome yet"},
	{word: "auth.lock, auth.json.lock, auth.ledger.lock", meaning: "locks of the refresh, of a write of the login, and of a rewrite of the ledger; empty, and safe to remove while no bezoar runs"},
	{word: "auth.json.*.tmp, auth.ledger.*.tmp", meaning: "space reserved for a new login, or the rest of an interrupted write; the next write removes it or finishes it, so leave it alone"},
	{word: "auth.json.unreadable, auth.json.unreadable.*", meaning: "a former auth.json that was not a login, kept by a login or a logout; it may hold tokens"},
	{word: "auth.inspect*, .auth.inspect*", meaning: "where the live page of each app-server with --inspect is; its address is a secret. The name with a dot is used while the file is written"},
	{word: "auth.source, auth.source.next, auth.source.lock", meaning: "with cli_auth_credentials_store = \"auto\": where the login is kept, the same while it is written, and the lock of a change"},
	{word: "auth.sealed.*, auth.keyring.lock", meaning: "on systems whose keyring holds little: the login, encrypted with a key in the keyring, and the lock of a write"},
	{word: "auth.publish.lock, auth.json.published", meaning: "in a folder that bezoar publish publishes to: the lock of the one that does, and the next auth.json while it is written"},
	{word: "app-server-control", meaning: "a folder with the socket of app-server --listen unix://, and its lock; Codex uses the same"},
	{word: "doctor.*.lock", meaning: "a file on which bezoar doctor tries a lock; it removes it again"},
}

// listPage is a page of help with a list.
func listPage(before string, entries []option) string {
	var page strings.Builder
	page.WriteString(filled(before) + "\n\n")
	for _, each := range entries {
		page.WriteString(columnsOf(each.word, each.meaning, helpColumn))
	}
	return page.String()
}
