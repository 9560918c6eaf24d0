package account

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/view"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol"
)

// Token is bezoar token.
var Token = cli.Command{
	Name:    "token",
	Summary: "Print a token that can be used, refreshed if it is due.",
	Usage:   "[--output FORMAT] [--id-token] [flags]",
	About: `Prints the access token or the API key, and nothing else, on standard output:

  plain            the token alone
  header           Authorization: Bearer TOKEN
  env              export BEZOAR_TOKEN='TOKEN', for eval in a shell
  json             token, method and expiry
  exec-credential  what a kubeconfig's exec plugin prints

However many programs ask at once, one refresh is made. A process of its own makes it
and saves the new tokens, even if this command has ended or was killed. The command
waits 30 seconds for the issuer's answer, 35 for the refresh of another process, and 90
in all at most. Ctrl-C ends it at once if no refresh has been sent; otherwise it waits
until the new tokens are saved, prints no token, and a second Ctrl-C stops the wait.

With --id-token it is the ID token (OpenID Connect), which Kubernetes wants, and the
expiry is that of the ID token. One that has expired is refreshed once.

Exit codes: 0 printed, 3 login needed, 4 waiting, 5 operator needed.

Example: curl -H "$(bezoar token --output header)" https://api.example.com/`,
	Values: map[string][]string{"output": tokenFormats},
	Run:    token,
}

// tokenFlags are the flags of token.
type tokenFlags struct {
	settings config.Flags
	codex    authCommand
	format   string
	isID     bool // the ID token is wanted
}

func (f *tokenFlags) parse(flags *flag.FlagSet, args []string) error {
	f.settings.Register(flags)
	f.settings.RegisterRefresh(flags)
	flags.StringVar(&f.format, "output", "plain", "the `format`: "+strings.Join(tokenFormats, ", "))
	flags.BoolVar(&f.isID, "id-token", false, "print the ID token in place of the access token")
	f.codex.register(flags)
	asJSON := flags.Bool("json", false, "short for --output json")
	if err := cli.Parse(flags, args); err != nil {
		return err
	}
	if *asJSON {
		f.format = "json"
	}
	if err := f.codex.check(); err != nil {
		return err
	}
	if f.isID && f.codex.enabled {
		return cli.Misuse("--id-token does not go with --auth-command: Codex wants the access token")
	}
	if !slices.Contains(tokenFormats, f.format) {
		return cli.Misuse("--output takes %s", strings.Join(tokenFormats, ", "))
	}
	return nil
}

func token(env cli.Environment, flags *flag.FlagSet, args []string) error {
	var chosen tokenFlags
	if err := chosen.parse(flags, args); err != nil {
		return err
	}
	s, err := haveAsked(env, chosen.settings, func(ctx context.Context, s *session.Session) error {
		return chosen.ask(ctx, s, env.Now)
	})
	if err != nil {
		return err
	}
	return chosen.give(env, s)
}

// haveAsked is a session that has ended after ask, with the state that came of it. A
// process of its own has made the refresh that was due.
func haveAsked(env cli.Environment, settings config.Flags, ask func(context.Context, *session.Session) error) (*session.Session, error) {
	if _, noHome, err := session.Peek(settings, env.Getenv); err != nil || noHome {
		return nil, cmp.Or(err, cli.Exit(cli.ExitLogin, errors.New("no token: not logged in. Next: bezoar login")))
	}
	cli.IgnoreBrokenPipes()
	ctx, stop := cli.UntilSignal()
	defer stop()
	refreshes := newRefreshProcess(env, settings)
	s, err := session.Open(env, settings, refreshes.runIn)
	if err != nil {
		return nil, err
	}
	s.Leaving = func(ctx context.Context) { refreshes.explainWait(ctx, s.Config.RefreshDeadline) }
	err = ask(ctx, s)
	s.Close(ctx) // waits for a refresh that runs, whose token is newer
	switch {
	case err != nil:
		return nil, cli.Exit(cli.ExitInterrupted, errors.New("no token: the command was interrupted"))
	case refreshes.unsaved.Load(), s.Engine.Snapshot().Unsaved():
		return nil, cli.Exit(cli.ExitOperator, errNotStored)
	}
	return s, nil
}

func (f *tokenFlags) ask(ctx context.Context, s *session.Session, now func() time.Time) error {
	if err := f.codex.ask(ctx, s, now()); err != nil || !f.isID {
		return err
	}
	return refreshIDToken(ctx, s.Engine, now())
}

// give prints the token that the session has by now, or returns the error that says why
// there is none.
func (f *tokenFlags) give(env cli.Environment, s *session.Session) error {
	state := f.codex.usable(s.Engine.Snapshot())
	if !state.Assess(env.Now()).Usable {
		return NoToken(env, s.Config, state)
	}
	what := accessTokenOf(state)
	if f.isID {
		var err error
		if what, err = idTokenOf(env, s.Config, state); err != nil {
			return err
		}
	}
	if err := what.print(env, f.format); err != nil {
		return err
	}
	f.codex.note(s.Log, state, env.Now())
	return nil
}

// errNotStored reports new tokens that are lost: they were granted and could not be
// stored.
var errNotStored = errors.New("no token: the issuer granted new tokens, and they could not be stored. Next: bezoar doctor, then bezoar login")

// NoToken is the error that says why there is no token, as status would.
func NoToken(env cli.Environment, c config.Config, state machine.Snapshot) error {
	v := lookAt(env, c, state)
	return cli.Exit(view.CodeOf(v.Assess().Action), errors.New("no token: "+v.Line(false)))
}

// lookAt is what status would say of the home, if it knew the outcome of the attempt that
// led to state.
func lookAt(env cli.Environment, c config.Config, state machine.Snapshot) *view.View {
	v := &view.View{Config: c, At: env.Now().Round(0)}
	v.Look(session.Quiet)
	verdict, _ := state.Verdict()
	ours := verdict.Reason == history.ReasonUnexplained // a verdict that binds this process alone, which ends
	if v.StoreProblem == nil && state.Phase() != machine.NoAuth && !ours {
		v.State = state
	}
	return v
}

var tokenFormats = []string{"plain", "header", "env", "json", "exec-credential"}

// tokenReport is a token as JSON.
type tokenReport struct {
	Token     string  `json:"token"`
	Method    string  `json:"method"`
	ExpiresAt *string `json:"expiresAt"`
}

// handout is a token that a command hands out.
type handout struct {
	token  secret.Token
	method machine.Method
	expiry time.Time // zero if it is unknown
}

func accessTokenOf(s machine.Snapshot) handout {
	return handout{s.Token(), s.LoginMethod(), s.Expiry()}
}

// text is the token: here a secret leaves the program on purpose. A token with characters
// that could end a header or a line is an error.
func (h handout) text() (string, error) {
	text := h.token.Reveal()
	if strings.ContainsFunc(text, unicode.IsControl) {
		return "", cli.Exit(cli.ExitOperator, errors.New("no token: the stored one holds characters that no token has; look at auth.json"))
	}
	return text, nil
}

func (h handout) print(env cli.Environment, format string) error {
	text, err := h.text()
	if err != nil {
		return err
	}
	switch format {
	case "header":
		_, err = io.WriteString(env.Stdout, "Authorization: Bearer "+text+"\n")
	case "env":
		_, err = io.WriteString(env.Stdout, "export BEZOAR_TOKEN="+cli.Quoted(text)+"\n")
	case "json":
		err = cli.PrintJSON(env.Stdout, tokenReport{text, string(h.method), protocol.Timestamp(h.expiry)})
	case "exec-credential":
		err = cli.PrintJSON(env.Stdout, newExecCredential(env, text, h.expiry))
	default:
		_, err = io.WriteString(env.Stdout, text+"\n")
	}
	return err
}

// execCredential is what client-go takes from an exec plugin
// (client.authentication.k8s.io, ExecCredential).
type execCredential struct {
	Kind       string     `json:"kind"`
	APIVersion string     `json:"apiVersion"`
	Status     execStatus `json:"status"`
}

type execStatus struct {
	Token     string  `json:"token"`
	ExpiresAt *string `json:"expirationTimestamp,omitempty"`
}

// The versions of ExecCredential; an answer has the version of its question.
const (
	execStable = "client.authentication.k8s.io/v1"
	execBeta   = "client.authentication.k8s.io/v1beta1"
)

func newExecCredential(env cli.Environment, text string, expiry time.Time) execCredential {
	var asked struct {
		APIVersion string `json:"apiVersion"`
	}
	json.Unmarshal([]byte(env.Getenv("KUBERNETES_EXEC_INFO")), &asked) // a caller without it takes the stable version
	version := execStable
	if asked.APIVersion == execBeta {
		version = execBeta
	}
	return execCredential{"ExecCredential", version, execStatus{text, protocol.Timestamp(expiry)}}
}
