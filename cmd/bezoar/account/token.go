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
)

var Token = cli.Command{
	Name:    "token",
	Summary: "Print a token that can be used, refreshed if it is due.",
	Usage:   "[--output FORMAT] [flags]",
	About: `The access token or the API key, and nothing else, on standard output:

  plain            the token alone
  header           Authorization: Bearer TOKEN
  env              export BEZOAR_TOKEN='TOKEN', for eval in a shell
  json             token, method and expiry
  exec-credential  what a kubeconfig's exec plugin prints

However many programs ask at once, the issuer is asked once. A refresh that has
begun is waited for half a minute at the most and seen to its end: it is a process
of its own, and saves what is granted though this one has ended or was killed. Ctrl-C
before that ends at once; during it the refresh is still waited for, and a second
Ctrl-C leaves it to itself.

Exit codes: 0 printed, 3 login needed, 4 waiting, 5 operator needed.

Example: curl -H "$(bezoar token --output header)" https://api.example.com/`,
	Values: map[string][]string{"output": tokenFormats},
	Run:    token,
}

func token(env cli.Environment, flags *flag.FlagSet, args []string) error {
	var settings config.Flags
	settings.Register(flags)
	settings.RegisterRefresh(flags)
	format := flags.String("output", "plain", "the `format`: "+strings.Join(tokenFormats, ", "))
	var codex authCommand
	codex.register(flags)
	asJSON := flags.Bool("json", false, "short for --output json")
	if err := cli.Parse(flags, args); err != nil {
		return err
	}
	if *asJSON {
		*format = "json"
	}
	if err := codex.check(); err != nil {
		return err
	}
	if !slices.Contains(tokenFormats, *format) {
		return cli.Misuse("--output takes %s", strings.Join(tokenFormats, ", "))
	}
	if _, noHome, err := session.Peek(settings, env.Getenv); err != nil || noHome {
		return cmp.Or(err, cli.Exit(cli.ExitLogin, errors.New("no token: nobody is logged in. Next: bezoar login")))
	}
	cli.IgnoreBrokenPipes()
	ctx, stop := cli.UntilSignal()
	defer stop()
	apart := newRefreshProcess(env, settings)
	s, err := session.Open(env, settings, apart.runIn)
	if err != nil {
		return err
	}
	s.Leaving = func(ctx context.Context) { apart.explainWait(ctx, s.Config.RefreshDeadline) }
	err = codex.ask(ctx, s, env.Now())
	s.Close(ctx) // with the refresh that may run, whose token is newer
	switch {
	case err != nil:
		return cli.Exit(cli.ExitInterrupted, errors.New("no token: the command was ended before there was one"))
	case apart.unsaved.Load(), s.Engine.Snapshot().Unsaved():
		return cli.Exit(cli.ExitOperator, errNotStored)
	}
	state := codex.usable(s.Engine.Snapshot())
	if !state.Assess(env.Now()).Usable {
		return noToken(env, s.Config, state)
	}
	if err := printToken(env, state, *format); err != nil {
		return err
	}
	codex.note(s.Log, state, env.Now())
	return nil
}

// errNotStored reports new tokens that are lost: their refresh token was granted, and
// no place took it.
var errNotStored = errors.New("no token: the issuer granted new ones, and they could not be stored. Next: bezoar doctor, and then bezoar login")

// noToken says why there is none, as status would.
func noToken(env cli.Environment, c config.Config, state machine.Snapshot) error {
	v := view.View{Config: c, At: env.Now().Round(0)}
	v.Look(session.Quiet)
	verdict, _ := state.Verdict()
	ours := verdict.Reason == history.ReasonUnexplained // it binds nobody but this process, which ends
	if v.StoreProblem == nil && state.Phase() != machine.NoAuth && !ours {
		v.State = state // it knows what happened to the attempt of just now
	}
	return cli.Exit(view.CodeOf(v.Assess().Action), errors.New("no token: "+v.Line(false)))
}

var tokenFormats = []string{"plain", "header", "env", "json", "exec-credential"}

// tokenReport is a token for programs.
type tokenReport struct {
	Token     string  `json:"token"`
	Method    string  `json:"method"`
	ExpiresAt *string `json:"expiresAt"`
}

// printToken is where a secret leaves this program on purpose.
func printToken(env cli.Environment, s machine.Snapshot, format string) error {
	text := s.Token().Reveal()
	if strings.ContainsFunc(text, unicode.IsControl) {
		return cli.Exit(cli.ExitOperator, errors.New("no token: the stored one holds characters that no token has; look at auth.json"))
	}
	var err error
	switch format {
	case "header":
		_, err = io.WriteString(env.Stdout, "Authorization: Bearer "+text+"\n")
	case "env":
		_, err = io.WriteString(env.Stdout, "export BEZOAR_TOKEN="+cli.Quoted(text)+"\n")
	case "json":
		err = cli.PrintJSON(env.Stdout, tokenReport{text, string(s.LoginMethod()), cli.Timestamp(s.Expiry())})
	case "exec-credential":
		err = cli.PrintJSON(env.Stdout, newExecCredential(env, text, s.Expiry()))
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

// The versions of ExecCredential; the answer must have that of the question.
const (
	execStable = "client.authentication.k8s.io/v1"
	execBeta   = "client.authentication.k8s.io/v1beta1"
)

func newExecCredential(env cli.Environment, text string, expiry time.Time) execCredential {
	var asked struct {
		APIVersion string `json:"apiVersion"`
	}
	json.Unmarshal([]byte(env.Getenv("KUBERNETES_EXEC_INFO")), &asked) // whoever asks without it takes the stable one
	version := execStable
	if asked.APIVersion == execBeta {
		version = execBeta
	}
	return execCredential{"ExecCredential", version, execStatus{text, cli.Timestamp(expiry)}}
}
