package account

import (
	"context"
	"flag"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// GitCredential is bezoar git-credential.
var GitCredential = cli.Command{
	Name:    "git-credential",
	Summary: "Be a credential helper of git, for the hosts that you name.",
	Usage:   "--host HOST [flags] get|store|erase",
	About: `Gives git the access token of the login, refreshed if it is due. Git adds the last
word itself:

  get    print the token, as a password or, where git can, as a Bearer token
  erase  refresh the token, which the server refused; at most once a minute
  store  do nothing: bezoar keeps the login

Only the hosts of --host get the token, over https or on this machine. For another host
it prints nothing, so that git asks its next helper: who wrote the address of a
submodule could send the token anywhere. A host has its port, if git's address has one.

Exit codes: 0 printed or not our host, 3 login needed, 4 waiting, 5 operator needed.

Example:
  git config --global credential.https://git.example.com.helper \
    '!bezoar git-credential --account work --host git.example.com'`,
	Words: []string{"get", "store", "erase"},
	Run:   gitCredential,
}

// gitUser is the user where neither the address nor the command line names one. The servers
// that take a token as a password do not look at the user (GitHub), or want this one
// (GitLab).
const gitUser = "oauth2"

// gitPatience is how long a token that came of a refresh is not taken for refused, so that
// a server which refuses everything costs no refresh for each call of git.
const gitPatience = time.Minute

// gitFlags are the flags of git-credential.
type gitFlags struct {
	settings config.Flags
	hosts    []string
	username string
}

func (f *gitFlags) register(flags *flag.FlagSet) {
	f.settings.Register(flags)
	f.settings.RegisterRefresh(flags)
	flags.Func("host", "a `host` that may have the token, with its port if it has one; may be repeated", func(host string) error {
		f.hosts = append(f.hosts, host)
		return nil
	})
	flags.StringVar(&f.username, "username", gitUser, "the `name` of the user, where the address has none")
}

// check returns an error for flags with which no host would ever get a token.
func (f *gitFlags) check() error {
	isNoHost := func(host string) bool { return host == "" || strings.ContainsAny(host, "/@*") }
	switch {
	case len(f.hosts) == 0:
		return cli.Misuse("name the hosts that may have the token: --host git.example.com")
	case slices.ContainsFunc(f.hosts, isNoHost):
		return cli.Misuse("--host takes a host as git has it, such as git.example.com or localhost:3000")
	case f.username == "" || strings.ContainsFunc(f.username, unicode.IsControl):
		return cli.Misuse("--username takes the name of a user")
	}
	return nil
}

func gitCredential(env cli.Environment, flags *flag.FlagSet, args []string) error {
	var chosen gitFlags
	chosen.register(flags)
	words, err := cli.ParseWords(flags, args)
	if err != nil {
		return err
	}
	if err := chosen.check(); err != nil {
		return err
	}
	if len(words) != 1 {
		return cli.Misuse("one word follows the flags: get, store or erase")
	}
	request, err := readGitRequest(env.Stdin)
	if err != nil || !request.isFor(chosen.hosts) {
		return err
	}
	switch words[0] {
	case "get":
		return chosen.get(env, request)
	case "erase":
		return chosen.erase(env, request)
	}
	return nil // store, and what a later git may ask (gitcredentials(7): ignore it)
}

func (f *gitFlags) get(env cli.Environment, request gitRequest) error {
	s, err := haveAsked(env, f.settings, func(ctx context.Context, s *session.Session) error {
		_, err := s.Engine.Status(ctx, machine.Ask{Token: true})
		return err
	})
	if err != nil {
		return err
	}
	state := s.Engine.Snapshot()
	if !state.Assess(env.Now()).Usable {
		return NoToken(env, s.Config, state)
	}
	text, err := accessTokenOf(state).text()
	if err == nil {
		_, err = io.WriteString(env.Stdout, request.answer(text, f.username, state.Expiry()))
	}
	return err
}

// erase reports that a server has refused what get gave. Git says so after each 401, and
// asks again with the next command, which then gives what came of the refresh.
func (f *gitFlags) erase(env cli.Environment, request gitRequest) error {
	refused := secret.New(request.password).Fingerprint()
	if request.credential != "" {
		refused = secret.New(request.credential).Fingerprint()
	}
	_, err := haveAsked(env, f.settings, func(ctx context.Context, s *session.Session) error {
		held := s.Engine.Snapshot()
		isNew := env.Now().Sub(held.RefreshedAt()) < gitPatience
		if held.Access() != refused || held.LoginMethod() == machine.MethodAPIKey || isNew {
			return nil
		}
		_, err := s.Engine.Rejected(ctx, refused)
		return err
	})
	return err
}
