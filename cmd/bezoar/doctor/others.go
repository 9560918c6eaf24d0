package doctor

import (
	"context"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/view"
)

// othersCheck looks for programs that refresh the login by themselves. That loses nothing
// as long as they take turns, which only bezoar knows of.
func othersCheck(ctx context.Context, p *probe) finding {
	v := view.View{Config: p.config, At: p.now()}
	v.LookAt(ctx, p.store, p.ledger, session.Quiet)
	others := v.Others()
	switch {
	case !others.IsEmpty():
		return problem(resultWarn, others.Found(), others.Remedy())
	case v.State.TokenID() == "":
		return skip("there is no login that a program could refresh")
	case !p.config.RequiresOpenAIAuth:
		return skip("config.toml has Codex get its tokens elsewhere")
	case !others.IsKnown:
		return skip("this system does not say which home a program has; none has stored tokens here")
	}
	return passed("no other program refreshes this login")
}
