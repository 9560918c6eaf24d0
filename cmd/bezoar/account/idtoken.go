package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/view"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/jwt"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// An ID token has an expiry of its own, which the engine does not look at: it may end while
// the access token serves. Then a refresh is demanded, and only once: if the last refresh
// came when the ID token was due already, refreshes bring none at this issuer, or a clock is
// wrong, and another one would bring none either.

// idTokenMargin is the time that an ID token needs on its way to the server that checks it.
// One of a short life has a fifth of it.
const idTokenMargin = 10 * time.Second

// idDates are when an ID token expires, and when it has to be replaced. Zero if it does not
// say.
type idDates struct{ expiry, due time.Time }

func datesOf(idToken secret.Token) idDates {
	said, _ := jwt.Parse(idToken, jwt.Paths{}) // an absent token says nothing
	if said.Expiry.IsZero() {
		return idDates{}
	}
	margin := idTokenMargin
	if life := said.Expiry.Sub(said.IssuedAt); !said.IssuedAt.IsZero() && life > 0 {
		margin = min(margin, life/5)
	}
	return idDates{said.Expiry, said.Expiry.Add(-margin)}
}

// mayBeReplaced reports whether nothing shows that refreshes bring no ID token that serves.
func (d idDates) mayBeReplaced(s machine.Snapshot) bool { return s.LastRefresh().Before(d.due) }

// refreshIDToken demands a refresh if the ID token has to be replaced and a refresh may
// replace it.
func refreshIDToken(ctx context.Context, e *engine.Engine, now time.Time) error {
	held := e.Snapshot()
	dates := datesOf(held.IDToken())
	if dates.expiry.IsZero() || now.Before(dates.due) || !dates.mayBeReplaced(held) {
		return nil
	}
	_, err := e.Status(ctx, machine.Ask{Token: true, Refresh: true})
	return err
}

// idTokenOf is the ID token of a login that can be used, or the error that says why there
// is none.
func idTokenOf(env cli.Environment, c config.Config, s machine.Snapshot) (handout, error) {
	token := s.IDToken()
	dates := datesOf(token)
	switch {
	case s.LoginMethod() == machine.MethodAPIKey:
		return handout{}, cli.Exit(cli.ExitOperator, errors.New("no ID token: the login is an API key"))
	case token.IsEmpty():
		return handout{}, cli.Exit(cli.ExitOperator, errors.New("no ID token: the issuer gave none. Next: put openid into the scopes of the profile, then "+c.Command("login")))
	case dates.expiry.IsZero() || env.Now().Before(dates.expiry):
		return handout{token, s.LoginMethod(), dates.expiry}, nil
	case dates.mayBeReplaced(s):
		v := lookAt(env, c, s)
		return handout{}, cli.Exit(view.CodeOf(v.Assess().Action), errors.New("no ID token: it has expired, and it was not refreshed. "+v.Line(false)))
	}
	return handout{}, cli.Exit(cli.ExitLogin, fmt.Errorf("no ID token: the last one expired at %s, and the refresh after that brought no other that is valid. Next: %s, or bezoar doctor if the clock of this machine may be wrong",
		dates.expiry.Local().Format(time.DateTime), c.Command("login")))
}
