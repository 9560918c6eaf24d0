package session

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/resource"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// secretLimit is how long a command may take to give the secret of a client: it may ask its
// user something.
const secretLimit = 20 * time.Second

// secretLimitBytes is many times any secret.
const secretLimitBytes = 64 << 10

var errNoSecret = errors.New("no secret of the client where its profile says it is")

// clientSecret is the function that gets the secret of a client from where its profile
// says, nil for a public client. What a command prints beside it, and why it failed, is
// not shown: either may have the secret in it.
func clientSecret(from profile.SecretSource, getenv func(string) string) func(context.Context) (secret.Token, error) {
	switch {
	case from.IsNone():
		return nil
	case from.Env != "":
		return func(context.Context) (secret.Token, error) { return asSecret(getenv(from.Env)) }
	}
	return func(ctx context.Context) (secret.Token, error) {
		ctx, cancel := context.WithTimeout(ctx, secretLimit)
		defer cancel()
		printed := &limited{left: secretLimitBytes}
		command := exec.CommandContext(ctx, from.Command[0], from.Command[1:]...)
		command.Stdout = printed
		command.WaitDelay = time.Second               // a child of it may keep its output open
		if command.Run() != nil || printed.left < 0 { // not every system says that nothing was read any more
			return secret.Token{}, errNoSecret
		}
		return asSecret(printed.kept.String())
	}
}

// registeredSecret is the secret of a client that the issuer has registered for the account.
func registeredSecret(home string) func(context.Context) (secret.Token, error) {
	return func(context.Context) (secret.Token, error) {
		own, err := resource.Read(home)
		if err != nil || own.ClientSecret().IsEmpty() {
			return secret.Token{}, errNoSecret
		}
		return own.ClientSecret(), nil
	}
}

// asSecret is a secret without the end of its line.
func asSecret(text string) (secret.Token, error) {
	if text = strings.TrimRight(text, "\r\n"); text == "" {
		return secret.Token{}, errNoSecret
	}
	return secret.New(text), nil
}

// limited keeps what a command prints, and fails a command that prints no secret.
type limited struct {
	kept bytes.Buffer // not embedded: what reads into it would go past the limit
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, errNoSecret
	}
	return l.kept.Write(p)
}
