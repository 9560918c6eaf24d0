package view

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/scenetest"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// objected is the view of a login after an objection, when its access token has expired or
// still serves.
func objected(t *testing.T, why evidence.BlockReason, said evidence.Evidence, expires time.Duration) *View {
	noon := scenetest.Noon
	s := machine.New(machine.Policy{})
	c := machinetest.Login("account", endpoint.TokenResponse{
		AccessToken: machinetest.Expiring("a", noon.Add(expires)), RefreshToken: secret.New("r"),
	}, noon)
	known := history.TokenHistory{Objections: []history.Objection{{TokenID: s.Policy.TokenID(c), Why: why, Evidence: said}}}
	s, _, err := machine.Step(s, s.Loaded(known, c, noon))
	require.NoError(t, err)
	return &View{State: s.Snapshot(), At: noon}
}

func TestStatusTellsAnObjectionInPlainWords(t *testing.T) {
	const misconfigured, login = evidence.BlockMisconfigured, evidence.BlockLoginNeeded
	wrong, wanted := evidence.Evidence{Status: 401, Code: "invalid_client"}, evidence.Evidence{Status: 400, Code: "interaction_required"}
	other := evidence.Evidence{Problem: evidence.ProblemOtherProfile}
	for name, row := range map[string]struct {
		view *View
		line string
		code int
	}{
		"a wrong client, and the token serves": {objected(t, misconfigured, wrong, time.Minute),
			"Stale since 12:00: the access token is valid until 12:01:00, and the issuer does not accept this client (401 invalid_client); the login itself is not refused. Next: change the profile in config.toml ([issuers.NAME]), or bezoar login", cli.ExitOK},
		"a wrong client, and it is not due": {objected(t, misconfigured, wrong, time.Hour),
			"Fresh since 12:00: the access token is valid until 13:00, and then there is no other one: the issuer does not accept this client (401 invalid_client); the login itself is not refused. Next: change the profile in config.toml ([issuers.NAME]), or bezoar login", cli.ExitOK},
		"a wrong client": {objected(t, misconfigured, wrong, -time.Minute),
			"Stale since 12:00: the access token expired at 11:59:00, and the issuer does not accept this client (401 invalid_client); the login itself is not refused. Next: change the profile in config.toml ([issuers.NAME]), or bezoar login", cli.ExitOperator},
		"another profile": {objected(t, misconfigured, other, -time.Minute),
			"Stale since 12:00: the access token expired at 11:59:00, and the login is one of another issuer or client than its profile says. Next: put the profile back in config.toml ([issuers.NAME]), or bezoar login", cli.ExitOperator},
		"a person is wanted": {objected(t, login, wanted, -time.Minute),
			"Stale since 12:00: the access token expired at 11:59:00, and the issuer wants the user to log in (400 interaction_required); the refresh token is not refused. Next: bezoar login", cli.ExitLogin},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, row.line, row.view.Line(false))
			require.Equal(t, row.code, row.view.Code())
		})
	}
	require.Contains(t, objected(t, misconfigured, wrong, 0).causes(), "secret that is wrong or has expired")
	require.Contains(t, objected(t, misconfigured, evidence.Evidence{Status: 400, Code: "invalid_scope"}, 0).causes(), "a scope")
	require.Empty(t, objected(t, misconfigured, other, 0).causes())
	require.Empty(t, objected(t, login, wanted, 0).causes())
}

func TestTheStoryTellsAnObjection(t *testing.T) {
	said := persist.Entry{
		Kind: persist.Deferred, At: scenetest.Noon, PID: 7, TokenID: "0123456789", Cause: endpoint.CauseExpiring, Objection: evidence.BlockMisconfigured,
		Repeated: evidence.Repeated{Evidence: evidence.Evidence{Status: 401, Code: "invalid_client"}, Times: 1},
	}
	unsent, unexplained := said, said
	unsent.Evidence = evidence.Evidence{Problem: evidence.ProblemOtherProfile}
	unexplained.Evidence, unexplained.Reason, unexplained.NotBefore = evidence.Evidence{Status: 401}, history.ReasonUnexplained, scenetest.Noon.Add(time.Minute)
	for want, e := range map[string]persist.Entry{
		"Refresh token 01234567 was sent because the access token was about to expire; the issuer does not accept this client (401 invalid_client); the login itself is not refused (process 7). It is not sent again until the profile or the login is another.": said,
		"Refresh token 01234567 was not sent: the login is one of another issuer or client than its profile says (process 7).":                                                                                                                                    unsent,
		"Refresh token 01234567 was sent because the access token was about to expire; the issuer answered 401 (process 7). Next attempt not before 12:01:00.":                                                                                                    unexplained,
	} {
		told := PageWords{}.Story([]persist.Entry{e}, scenetest.Noon)
		require.Len(t, told, 1)
		require.Equal(t, want, told[0].Text)
	}
}
