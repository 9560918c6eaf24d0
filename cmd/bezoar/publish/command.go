// Package publish has the command that keeps a token-only auth.json for programs that
// cannot be put behind an app-server.
package publish

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/view"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/protocol/legible"
	"github.com/bezoar-auth/bezoar/store/authjson"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/record"
)

// Command is bezoar publish.
var Command = cli.Command{
	Name:    "publish",
	Summary: "Keep an auth.json without a refresh token in the home of other programs.",
	Usage:   "DIR [--once] [flags]",
	About: `For programs that cannot be put behind bezoar app-server, such as codex exec and the
SDKs: DIR/auth.json gets the access token of the login, and each newer one as soon as
there is one. The refresh token stays in bezoar's own home (--home), so that programs
with CODEX_HOME=DIR use the login and cannot spend it. Log in to bezoar's home, never to
DIR. The command runs until Ctrl-C, SIGTERM or SIGHUP.

An auth.json in DIR that bezoar did not publish is left alone, and ends the command: it
may be the only copy of a login. A logout removes what is published. A login that is
dead does not: without a token, codex would ask without one. At the end of the command
the token stays in DIR until it expires, unless --remove says otherwise.

Exit codes: 0 ended by a signal, or published with --once, 1 DIR is in use by another
login or another bezoar publish; of --once also 3 login needed, 4 waiting, 5 operator
needed.

Example: bezoar publish ~/.codex-exec
Example: CODEX_HOME=~/.codex-exec codex exec hi`,
	Folder: true,
	Run:    run,
}

// choice is what the command line says.
type choice struct {
	settings     config.Flags
	once, remove bool
	ahead        time.Duration
	folder       string
}

func (c *choice) parse(flags *flag.FlagSet, args []string) error {
	c.settings.Register(flags)
	flags.BoolVar(&c.once, "once", false, "publish a token that is fresh by now, and end")
	flags.BoolVar(&c.remove, "remove", false, "at the end remove what is published")
	flags.DurationVar(&c.ahead, "ahead", 5*time.Minute, "refresh this `time` before the token expires, so that a program which reads it once can run as long")
	var err error
	if c.folder, err = cli.ParseName(flags, args, "name the folder to publish to"); err != nil {
		return err
	}
	switch {
	case c.ahead <= 0:
		return cli.Misuse("--ahead takes a time such as 15m")
	case c.once && c.remove:
		return cli.Misuse("--once and --remove exclude each other")
	case c.folder == "":
		return cli.Misuse("name the folder to publish to")
	}
	return nil
}

func run(env cli.Environment, flags *flag.FlagSet, args []string) error {
	var chosen choice
	if err := chosen.parse(flags, args); err != nil {
		return err
	}
	folder, err := filepath.Abs(chosen.folder)
	if err != nil {
		return err
	}
	cli.IgnoreBrokenPipes()
	ctx, stop := cli.UntilSignal()
	defer stop()
	s, err := session.Open(env, chosen.settings, func(o *engine.Options) { o.Policy.RefreshLead = chosen.ahead })
	if err != nil {
		return err
	}
	defer s.Close(ctx)
	if err := s.Config.NotForCodex("use " + s.Config.Command("token")); err != nil {
		return err
	}
	free, err := occupy(env, folder, s.Config)
	if err != nil {
		return err
	}
	defer free()
	p := &publisher{
		engine: s.Engine, target: target{folder}, from: s.Config.Home, now: env.Now,
		say:      func(text string) { fmt.Fprintln(env.Log, "bezoar: "+legible.Line(text)) }, // which never blocks
		obstacle: func(held machine.Snapshot) string { return obstacle(env, s.Config, held) },
	}
	if chosen.once {
		return publishOnce(ctx, env, s, p)
	}
	return chosen.publishOn(ctx, s, p)
}

// occupy makes the folder if it is missing, sees to it that it is another home, and locks
// it against another publisher.
func occupy(env cli.Environment, folder string, c config.Config) (free func(), err error) {
	if err := disk.Here.MakeFolder(folder); err != nil {
		return nil, fmt.Errorf("%s cannot be made: %w", folder, cli.WithoutPath(err))
	}
	info, err := os.Stat(folder)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is no folder", folder)
	}
	if source, err := os.Stat(c.Home); err == nil && os.SameFile(source, info) {
		return nil, fmt.Errorf("%s is bezoar's own home, where the refresh token is: publish to another folder, or name bezoar's home with --home", folder)
	}
	if content, _, err := disk.Here.Read(filepath.Join(c.Home, "auth.json"), record.SizeLimitBytes); err == nil {
		if from, isPublished := authjson.PublishedFrom(content); isPublished {
			return nil, fmt.Errorf("%s has no refresh token: it is published to from %s. Publish from there: --home %s", c.Home, from, cli.ShellWord(from))
		}
	}
	if _, err := (target{folder}).read(); err != nil { // before a lock is left in it
		if others, ok := errors.AsType[*OthersError](err); ok {
			return nil, others
		}
	}
	warnOfStore(env, folder)
	ctx, cancel := context.WithTimeout(context.Background(), lockPatience)
	defer cancel()
	free, err = disk.Here.Lock(ctx, filepath.Join(folder, view.PublishLock), lockPatience/10)
	switch {
	case err == nil:
		view.MarkPublished(folder, c.Home)
		return free, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("another bezoar publish is publishing to %s", folder)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("nothing can be written to %s: %w", folder, cli.WithoutPath(err))
	}
	cli.LogLine(env, fmt.Sprintf("this disk cannot lock (%v): see to it that no other bezoar publish has %s", cli.WithoutPath(err), folder))
	return func() {}, nil
}

// lockPatience is for a publisher that ends just now.
const lockPatience = 500 * time.Millisecond

// warnOfStore warns of a folder whose programs do not read auth.json.
func warnOfStore(env cli.Environment, folder string) {
	c, err := config.Load(config.Flags{Home: folder}, func(string) string { return "" })
	if err == nil && (c.CredentialStore == config.Keyring || c.CredentialStore == config.Ephemeral) {
		cli.LogLine(env, fmt.Sprintf("programs with this home do not read auth.json: cli_auth_credentials_store is %s in %s",
			c.CredentialStore, filepath.Join(folder, "config.toml")))
	}
}

// publishOn publishes until a signal.
func (c *choice) publishOn(ctx context.Context, s *session.Session, p *publisher) error {
	if err := p.run(ctx); err != nil {
		return err
	}
	s.Close(ctx) // a refresh that was sent is saved; its tokens are published too
	if c.remove {
		view.MarkPublished(p.target.home, "")
		return p.end()
	}
	return p.sync()
}

// obstacle is why a login has nothing new to publish, "" if it has or will have by itself.
func obstacle(env cli.Environment, c config.Config, held machine.Snapshot) string {
	v := view.View{Config: c, At: env.Now().Round(0), State: held}
	switch action := held.Assess(v.At).Action; {
	case held.Phase() == machine.ApiKey:
		return errKey.Error()
	case action == machine.ActionLogin, action == machine.ActionOperator:
		return "nothing new is published until this is mended in " + c.Home + ": " + v.Line(false)
	}
	return ""
}

var errKey = errors.New("an API key is not published: it never expires, and programs can have it without bezoar")

// publishOnce publishes a token that is not about to expire.
func publishOnce(ctx context.Context, env cli.Environment, s *session.Session, p *publisher) error {
	if _, err := p.target.read(); err != nil {
		return err // before a token is spent
	}
	_, err := s.Engine.Status(ctx, machine.Ask{Token: true})
	s.Close(ctx)
	if err != nil {
		return cli.Exit(cli.ExitInterrupted, errors.New("nothing is published: the command was interrupted"))
	}
	err = p.bring()
	others, isInUse := errors.AsType[*OthersError](err)
	held := s.Engine.Snapshot()
	v := view.View{Config: s.Config, At: env.Now().Round(0)}
	v.Look(session.Quiet)
	switch {
	case isInUse:
		return others
	case err != nil:
		return cli.Exit(cli.ExitOperator, fmt.Errorf("nothing is published: %w", err))
	case held.Phase() == machine.ApiKey:
		return errKey
	case !held.Assess(v.At).Usable:
		return cli.Exit(view.CodeOf(v.Assess().Action), errors.New("nothing is published: "+v.Line(false)))
	}
	return nil
}
