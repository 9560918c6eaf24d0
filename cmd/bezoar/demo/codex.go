package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/backend"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt/scripted"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/store/file"
)

// day is a show of several clients on one login, each with a codex of its own behind bezoar.
type day struct {
	*show
	service *scripted.Service
	backend string // the command
	clients []*worker
	posts   int // at the issuer, up to the end of the last part
}

// workers is how many clients there are: an editor, a terminal and a script.
const workers = 3

// showDay shows a day with a backend, unless signals ends.
func showDay(signals context.Context, env cli.Environment, command string) error {
	if _, err := backend.Parse(command, env.Getenv); err != nil {
		return err
	}
	d, err := newDay(env, command)
	if err != nil {
		return err
	}
	err = d.run(signals)
	log := d.end()
	switch {
	case signals.Err() != nil:
		return errInterrupted
	case err != nil:
		env.Stderr.Write(log)
	}
	return err
}

// dayConfig keeps a codex from what it does at its start that is not for this show.
const dayConfig = `approval_policy = "never"
check_for_update_on_startup = false

[features]
shell_snapshot = false
`

// newDay makes a home with a login that has expired, and lets all that a codex talks to
// listen.
func newDay(env cli.Environment, command string) (*day, error) {
	home, err := os.MkdirTemp("", "bezoar-demo-")
	if err != nil {
		return nil, err
	}
	service, err := scripted.Start(scripted.Options{})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(home))
	}
	d := &day{service: service, backend: command, show: &show{
		env: env, home: home, issuer: service.Issuer, url: service.TokenURL(), stop: service.Close, client: oauth.New(oauth.Options{}),
	}}
	authority := filepath.Join(home, "demo-authority.pem")
	d.environment = append(service.Environment(authority), "BEZOAR_CA_CERTIFICATE="+authority,
		"BEZOAR_REFRESH_TOKEN_URL_OVERRIDE="+d.url, "BEZOAR_LOGIN_ISSUER="+service.URL())
	err = errors.Join(
		os.WriteFile(authority, service.Certificate(), 0o600),
		os.WriteFile(filepath.Join(home, "config.toml"), []byte(dayConfig), 0o600),
	)
	if err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *day) run(signals context.Context) error {
	ctx, cancel := context.WithTimeout(signals, demoLimit)
	defer cancel()
	for _, part := range []func(context.Context) error{d.morning, d.refusal, d.poison, d.cure} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// morning starts the clients on a login that has expired.
func (d *day) morning(ctx context.Context) error {
	d.say("The model, ChatGPT's backend and the issuer listen on loopback. Ada logged in two hours")
	d.say("ago: her access token has expired. %d clients start bezoar, each with its own codex:", workers)
	d.say("  bezoar app-server --backend '%s'", d.backend)
	long := time.Now().Add(-2 * time.Hour)
	if err := d.store(ctx, d.issuer.Login(issuer.Ada, long), long); err != nil {
		return err
	}
	for range workers {
		if err := d.addWorker(ctx); err != nil {
			return err
		}
	}
	return d.turns(ctx, outcome{done: workers, posts: 1, remark: "for all of them; each codex was given the new token"})
}

// refusal has the model refuse the token that all of them have.
func (d *day) refusal(ctx context.Context) error {
	d.say("\nIn the next turn the model refuses that token with 401. Each codex asks bezoar for another.")
	d.reject()
	return d.turns(ctx, outcome{done: workers, posts: 1, remark: "for all of them; the turns went on"})
}

// poison has another program use the refresh token, so that it is dead.
func (d *day) poison(ctx context.Context) error {
	d.say("\nAnother program uses the refresh token, and the model refuses the access token: the login")
	d.say("is dead. Each codex tries for some seconds.")
	record, err := file.Open(d.home, file.Options{}).Load(ctx)
	if err != nil {
		return err
	}
	if err := d.spend(ctx, record.Credential.RefreshToken); err != nil {
		return err
	}
	d.posts++ // that of the other program
	d.reject()
	if err := d.turns(ctx, outcome{posts: 1, remark: "refused, and not sent again"}); err != nil {
		return err
	}
	d.say("\nThey try again, and get the reason at once: no codex is asked.")
	return d.turns(ctx, outcome{})
}

// cure has another program log in.
func (d *day) cure(ctx context.Context) error {
	d.say("\nAda logs in again, in another program. The clients go on, none was restarted.")
	if err := d.login(ctx); err != nil {
		return err
	}
	return d.turns(ctx, outcome{done: workers})
}

// outcome is what a turn of every client comes to.
type outcome struct {
	done, posts int
	remark      string // about the posts
}

// turns has every client do a turn at the same time, and prints the outcome, which must be
// the wanted one.
func (d *day) turns(ctx context.Context, wanted outcome) error {
	ends := make(chan error, len(d.clients))
	for _, each := range d.clients {
		go func() { ends <- each.turn(ctx) }()
	}
	done, reason := 0, ""
	for range d.clients {
		err := <-ends
		refused, isRefused := errors.AsType[*turnError](err)
		switch {
		case isRefused:
			reason = refused.Error()
		case err != nil:
			return err
		default:
			done++
		}
	}
	posts := d.issuer.Counts().Posts - d.posts
	d.posts += posts
	d.row("turns completed", done, fmt.Sprintf("of %d", len(d.clients)))
	d.row("posts at the issuer", posts, wanted.remark)
	anonymous := len(d.service.Requests(scripted.Request.IsAnonymous))
	if reason != "" {
		d.row("anonymous requests", anonymous, "a codex that is signed out asks the model without a token")
		d.say("  Each client gets the reason: %s", reason)
	}
	if done != wanted.done || posts != wanted.posts || anonymous > 0 {
		return errUnexpected
	}
	return nil
}

// reject has the model refuse the token of its newest turn.
func (d *day) reject() {
	turns := d.service.Turns()
	d.service.Reject(turns[len(turns)-1].Bearer)
}

// end ends the clients, and returns what their servers said.
func (d *day) end() []byte {
	var log []byte
	for _, each := range d.clients {
		log = append(log, each.close().Bytes()...)
	}
	d.close()
	return log
}
