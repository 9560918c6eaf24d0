package main

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

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/history"
)

var tokenCommand = command{
	name:    "token",
	summary: "Print a token that can be used, refreshed if it is due.",
	usage:   "[--output FORMAT] [flags]",
	about: `The access token or the API key, and nothing else, on standard output:

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
	values: map[string][]string{"output": tokenFormats},
	run:    token,
}

func token(env environment, flags *flag.FlagSet, args []string) error {
	var settings config.Flags
	settings.Register(flags)
	settings.RegisterRefresh(flags)
	format := flags.String("output", "plain", "the `format`: "+strings.Join(tokenFormats, ", "))
	var codex authCommand
	codex.register(flags)
	asJSON := flags.Bool("json", false, "short for --output json")
	if err := parse(flags, args); err != nil {
		return err
	}
	if *asJSON {
		*format = "json"
	}
	if err := codex.check(); err != nil {
		return err
	}
	if !slices.Contains(tokenFormats, *format) {
		return misuse("--output takes %s", strings.Join(tokenFormats, ", "))
	}
	if _, isHomeless, err := peek(settings, env.getenv); err != nil || isHomeless {
		return cmp.Or(err, exiting(exitLogin, errors.New("no token: nobody is logged in. Next: bezoar login")))
	}
	outliveReaders()
	ctx, stop := untilSignal()
	defer stop()
	apart := newApart(env, settings)
	s, err := openSession(env, settings, nil, apart.runIn)
	if err != nil {
		return err
	}
	s.leaving = func(ctx context.Context) { apart.sayWhatIsFinished(ctx, s.config.RefreshDeadline) }
	err = codex.ask(ctx, s, env.now())
	s.close(ctx) // with the refresh that may run, whose token is newer
	switch {
	case err != nil:
		return exiting(exitInterrupted, errors.New("no token: the command was ended before there was one"))
	case apart.isUnsaved.Load(), s.auth.Snapshot().IsUnsaved():
		return exiting(exitOperator, errNotStored)
	}
	state := codex.usable(*s.auth.Snapshot())
	if !state.Assess(env.now()).Usable {
		return noToken(env, s.config, state)
	}
	if err := printToken(env, state, *format); err != nil {
		return err
	}
	codex.note(s.log, state, env.now())
	return nil
}

// errNotStored reports new tokens that are lost: their refresh token was granted, and
// no place took it.
var errNotStored = errors.New("no token: the issuer granted new ones, and they could not be stored. Next: bezoar doctor, and then bezoar login")

// noToken says why there is none, as status would.
func noToken(env environment, c config.Config, state machine.State) error {
	v := view{config: c, at: env.now().Round(0)}
	v.look(quiet)
	verdict, _ := state.Verdict()
	isOurs := verdict.Reason == history.ReasonUnexplained // it binds nobody but this process, which ends
	if v.storeProblem == nil && state.Phase != machine.NoAuth && !isOurs {
		v.state = state // it knows what happened to the attempt of just now
	}
	return exiting(codeOf(v.assess().Action), errors.New("no token: "+v.line(false)))
}

var tokenFormats = []string{"plain", "header", "env", "json", "exec-credential"}

// tokenReport is a token for programs.
type tokenReport struct {
	Token     string  `json:"token"`
	Method    string  `json:"method"`
	ExpiresAt *string `json:"expiresAt"`
}

// printToken is where a secret leaves this program on purpose.
func printToken(env environment, s machine.State, format string) error {
	text := s.Token().Reveal()
	if strings.ContainsFunc(text, unicode.IsControl) {
		return exiting(exitOperator, errors.New("no token: the stored one holds characters that no token has; look at auth.json"))
	}
	var err error
	switch format {
	case "header":
		_, err = io.WriteString(env.stdout, "Authorization: Bearer "+text+"\n")
	case "env":
		_, err = io.WriteString(env.stdout, "export BEZOAR_TOKEN="+quoted(text)+"\n")
	case "json":
		err = printJSON(env.stdout, tokenReport{text, string(s.Credential.Method), timestamp(s.Expiry)})
	case "exec-credential":
		err = printJSON(env.stdout, newExecCredential(env, text, s.Expiry))
	default:
		_, err = io.WriteString(env.stdout, text+"\n")
	}
	return err
}

// quoted is text as one word of a POSIX shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

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

func newExecCredential(env environment, text string, expiry time.Time) execCredential {
	var asked struct {
		APIVersion string `json:"apiVersion"`
	}
	json.Unmarshal([]byte(env.getenv("KUBERNETES_EXEC_INFO")), &asked) // whoever asks without it takes the stable one
	version := execStable
	if asked.APIVersion == execBeta {
		version = execBeta
	}
	return execCredential{"ExecCredential", version, execStatus{text, timestamp(expiry)}}
}
