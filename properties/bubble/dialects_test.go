package bubble

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/engine/enginetest"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/protocol/profile"
	"github.com/bezoar-auth/bezoar/store/memory"
)

// dialect is an issuer that behaves as a real one did, with the profile of its user.
type dialect struct {
	plain   issuer.Plain
	leeway  time.Duration // of the issuer
	profile func(*profile.Profile)
}

var (
	panva = dialect{plain: issuer.Plain{Reuse: issuer.ReuseEndsLogin}}
	op    = dialect{plain: issuer.Plain{Reuse: issuer.ReuseRefused}} // zitadel's
	dex   = dialect{issuer.Plain{Reuse: issuer.ReuseRefused, Dead: "invalid_request", NoRevocation: true}, 3 * time.Second, func(p *profile.Profile) {
		p.ReuseLeeway = 2 * time.Second
		p.Answers.Rows = []profile.Row{{Status: 400, Code: "invalid_request", Meaning: profile.Refused, Reason: history.ReasonInvalidGrant}}
	}}
	hydra = dialect{issuer.Plain{Reuse: issuer.ReuseNewPair}, 5 * time.Second, func(p *profile.Profile) { p.ReuseLeeway = 4 * time.Second }}
	entra = dialect{plain: issuer.Plain{Static: true}, profile: func(p *profile.Profile) { p.Rotation = profile.Static }}
)

// dialectDay is for how long a client polls.
const dialectDay = 6 * time.Hour

// Whatever an issuer does with a refresh token that comes again, as much is asked of it as
// helps, and the login lives if it can.
func TestEngineKnowsEachIssuersReuse(t *testing.T) {
	lost, race := issuer.Step{Drop: issuer.DropAnswer}, issuer.Step{Status: 500, Body: `{"error":"server_error"}`, Work: true}
	const alive, never = true, 0
	for name, row := range map[string]struct {
		of       dialect
		script   []issuer.Step
		refuse   bool // the client is not the one that the issuer knows
		isAlive  bool
		replays  int
		trouble  int // posts at the most before the login is well, or given up; 0 for none
		action   machine.Action
		evidence string
	}{
		"panva, nothing lost":        {panva, nil, false, alive, 0, 0, machine.ActionNone, ""},
		"panva, an answer lost":      {panva, []issuer.Step{lost}, false, false, 1, 2, machine.ActionLogin, ""},
		"zitadel, an answer lost":    {op, []issuer.Step{lost}, false, false, 1, 2, machine.ActionLogin, ""},
		"Dex, an answer lost":        {dex, []issuer.Step{lost}, false, alive, 1, 0, machine.ActionNone, ""},
		"Hydra, an answer lost":      {hydra, []issuer.Step{lost}, false, alive, 1, 0, machine.ActionNone, ""},
		"Hydra, a race":              {hydra, []issuer.Step{race}, false, alive, 1, 0, machine.ActionNone, ""},
		"Hydra without grace, race":  {panva, []issuer.Step{race}, false, false, 1, 2, machine.ActionLogin, ""},
		"static, answers lost":       {entra, []issuer.Step{lost, lost, lost}, false, alive, 0, 0, machine.ActionNone, ""},
		"panva, an unknown client":   {panva, nil, true, alive, never, 1, machine.ActionOperator, "invalid_client"},
		"Dex, an unknown client":     {dex, nil, true, alive, never, 1, machine.ActionOperator, "invalid_client"},
		"Entra, a second factor":     {entra, []issuer.Step{{Status: 400, Body: `{"error":"interaction_required"}`}}, false, alive, never, 1, machine.ActionLogin, "interaction_required"},
		"Dex, what is behind it is ": {dex, []issuer.Step{{Status: 500, Body: `{"error":"invalid_request"}`}}, false, alive, never, 0, machine.ActionNone, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				of := row.of
				of.plain.Method, of.plain.Secret = profile.AuthPost, "right"
				i := issuer.New(issuer.Options{Dialect: &of.plain, ReuseLeeway: of.leeway, AccessLifetime: time.Hour})
				e, held := start(t, i, of, !row.refuse)
				defer e.Close(t.Context())
				i.Script(issuer.Refresh, row.script...)
				for range dialectDay / (10 * time.Second) {
					_, err := e.Status(t.Context(), machine.Ask{Token: true})
					require.NoError(t, err)
					time.Sleep(10 * time.Second)
				}
				assessed, counts := e.Snapshot().Assess(time.Now()), i.Counts()
				require.Equal(t, row.action, assessed.Action, "%+v %+v", assessed, counts)
				require.Equal(t, row.replays, counts.Replays)
				if row.trouble > 0 {
					require.Equal(t, row.trouble, counts.Posts, "posts")
					require.Equal(t, row.evidence, e.Snapshot().Evidence().Code)
				}
				if row.isAlive {
					now := e.Snapshot().Token()
					require.True(t, i.Serves(now) || row.trouble > 0)
					require.True(t, row.trouble == 0 || i.IsAlive(held.RefreshToken), "the token was not condemned, and is good")
				}
			})
		})
	}
}

// start is an engine with a login at a plain issuer.
func start(t *testing.T, i *issuer.Issuer, of dialect, isKnown bool) (*engine.Engine, machine.Credential) {
	p := i.Profile()
	if of.profile != nil {
		of.profile(&p)
	}
	client := oauth.New(oauth.Options{Profile: p, Transport: i.Transport(), Secret: func(context.Context) (secret.Token, error) {
		if isKnown {
			return secret.New("right"), nil
		}
		return secret.New("wrong"), nil
	}})
	issued := i.Login(issuer.Ada, time.Now()).SentAt(time.Now())
	held := machine.Credential{
		Method: machine.MethodTokens, AccessToken: issued.AccessToken, RefreshToken: issued.RefreshToken, IDToken: issued.IDToken, ExpiresAt: issued.ExpiresAt,
		AccountID: "user-ada", LastRefresh: time.Now(), Provenance: client.Provenance(), OwnerID: "owner",
	}
	names := machine.Issuer{TokenEndpoint: p.Endpoints.Token, ClientID: p.ClientID}
	e := enginetest.Start(engine.Options{
		Policy: machine.Policy{Issuer: names, Profile: "profile", RefreshFloor: 5 * time.Second, ReuseLeeway: p.ReuseLeeway, Reusable: p.Rotation == profile.Static},
		Store:  memory.NewStore(), Ledger: memory.NewLedger(names).Process(1), ProcessID: 1, AuthorizationServer: client,
	})
	require.NoError(t, e.Login(t.Context(), held))
	return e, held
}
