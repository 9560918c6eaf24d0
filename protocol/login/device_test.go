package login

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

// startedDevice is a device login whose issuer asks for polls at this interval, in whole
// seconds.
func (w *world) startedDevice(interval string) (*Attempt, Prompt) {
	if interval != "" {
		body := `{"device_auth_id":"dev-1","user_code":"ABCD-1234","interval":"` + interval + `"}`
		w.issuer.Script(issuer.UserCode, issuer.Step{Status: 200, Body: body})
	}
	attempt := w.manager.Device()
	prompt, err := attempt.Prompt()
	require.NoError(w.testing, err)
	return attempt, prompt
}

// pauses are the times between the polls so far.
func (w *world) pauses() []time.Duration {
	polls := w.issuer.Requests(issuer.DevicePoll)
	var pauses []time.Duration
	for i := range polls[1:] {
		pauses = append(pauses, polls[i+1].At.Sub(polls[i].At))
	}
	return pauses
}

func TestDeviceLoginIsSavedOnceTheUserAllowedIt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		attempt, prompt := w.startedDevice("")
		require.Equal(t, issuerURL+"/codex/device", prompt.VerificationURL)
		require.NotEmpty(t, prompt.UserCode)
		require.Empty(t, prompt.AuthURL)
		synctest.Wait()
		require.True(t, w.issuer.Approve(prompt.UserCode))
		require.NoError(t, attempt.Wait())
		require.Equal(t, []string{issuer.Ada.ID}, w.disk.logins())
		saved := w.disk.saved[0]
		require.Equal(t, machine.MethodTokens, saved.Method)
		require.True(t, saved.APIKey.IsAbsent(), "no key comes with it")
		require.Empty(t, w.issuer.Requests(issuer.KeyExchange))
		require.Zero(t, w.network.listeners())
	})
}

func TestDeviceLoginWaitsForEitherPendingAnswer(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.issuer.Script(issuer.DevicePoll, issuer.Step{Status: 403}, issuer.Step{Status: 404},
			issuer.Step{Status: 200, Body: `{"authorization_code":"dcode","code_challenge":"ch","code_verifier":"ver"}`})
		w.issuer.Script(issuer.Exchange, issuer.Step{Status: 400, Body: `{"error":"invalid_grant"}`})
		attempt, _ := w.startedDevice("7")
		require.EqualError(t, attempt.Wait(),
			"device code exchange failed: token endpoint returned status 400 Bad Request: invalid_grant")
		require.Equal(t, []time.Duration{7 * time.Second, 7 * time.Second}, w.pauses())
		require.Zero(t, w.disk.calls)
	})
}

func TestIssuerSetsThePace(t *testing.T) {
	slowDown := issuer.Step{Status: 400, Body: `{"error":"slow_down"}`}
	later := issuer.Step{Status: 403, Header: map[string][]string{"Retry-After": {"20"}}}
	wait, end := issuer.Step{Status: 403}, issuer.Step{Status: 400}
	inWorld(t, func(t *testing.T, w *world) {
		w.issuer.Script(issuer.DevicePoll, wait, slowDown, wait, later, slowDown, wait, end)
		attempt, _ := w.startedDevice("3")
		require.EqualError(t, attempt.Wait(), "device auth failed with status 400 Bad Request")
		require.Equal(t, []time.Duration{
			3 * time.Second, 8 * time.Second, 8 * time.Second, 20 * time.Second, 13 * time.Second, 13 * time.Second,
		}, w.pauses())
	})
}

func TestIntervalOfZeroIsNoStorm(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.issuer.Always(issuer.DevicePoll, issuer.Step{Status: 403})
		attempt, _ := w.startedDevice("0")
		require.EqualError(t, attempt.Wait(), "device auth timed out after 15 minutes")
		require.LessOrEqual(t, len(w.issuer.Requests(issuer.DevicePoll)), 15*60+1)
	})
}

func TestUnansweredPollIsRepeatedMoreSlowly(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		drop, wait := issuer.Step{Drop: issuer.DropAnswer}, issuer.Step{Status: 403}
		w.issuer.Script(issuer.DevicePoll, drop, drop, drop, drop, drop, wait, wait, drop, wait, issuer.Step{Status: 400})
		attempt, _ := w.startedDevice("5")
		require.Error(t, attempt.Wait())
		require.Equal(t, []time.Duration{
			10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, time.Minute,
			5 * time.Second, 5 * time.Second, 10 * time.Second, 5 * time.Second,
		}, w.pauses())
	})
}

func TestOutageDoesNotMakePollsMoreFrequent(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		drop := issuer.Step{Drop: issuer.DropAnswer}
		w.issuer.Script(issuer.DevicePoll, drop, drop, issuer.Step{Status: 400})
		attempt, _ := w.startedDevice("120")
		require.Error(t, attempt.Wait())
		require.Equal(t, []time.Duration{2 * time.Minute, 2 * time.Minute}, w.pauses())
	})
}

// An answer that decides nothing does not end the polls: the user at the other device may
// have approved the login already.
func TestDeviceLoginIsRefusedByTheIssuerOnly(t *testing.T) {
	page := map[string][]string{"Content-Type": {"text/html"}}
	inWorld(t, func(t *testing.T, w *world) {
		w.issuer.Script(issuer.DevicePoll,
			issuer.Step{Status: 502, Header: page, Body: "<html>"}, issuer.Step{Status: 503, Header: map[string][]string{"Retry-After": {"33"}}},
			issuer.Step{Status: 500, Body: `{"error":"server_error"}`}, issuer.Step{Status: 200, Header: page, Body: "<html>"},
			issuer.Step{Status: 401, Header: page, Body: "<html>"}, issuer.Step{Drop: issuer.DropHalf, Status: 403, Body: "{}"})
		attempt, prompt := w.startedDevice("")
		require.True(t, w.issuer.Approve(prompt.UserCode))
		require.NoError(t, attempt.Wait())
		require.Equal(t, 33*time.Second, w.pauses()[1], "what the issuer wished is obeyed")
	})
}

// A portal or a busy issuer during the exchange does not lose an approval.
func TestApprovalSurvivesAShortOutage(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.issuer.Script(issuer.Exchange, issuer.Step{Status: 403, Body: "<html>log in to the network"}, issuer.Step{Status: 503})
		attempt, prompt := w.startedDevice("")
		require.True(t, w.issuer.Approve(prompt.UserCode))
		require.NoError(t, attempt.Wait())
		require.Len(t, w.issuer.Requests(issuer.Exchange), 3)
	})
}

// A code whose answer was lost may be spent, and a second use ends the login at the issuer
// (RFC 6749 section 4.1.2).
func TestCodeThatMayBeSpentIsNotSentAgain(t *testing.T) {
	for _, step := range []issuer.Step{{Drop: issuer.DropAnswer}, {Status: 502, Body: "<html>"}, {Status: 500}} {
		inWorld(t, func(t *testing.T, w *world) {
			w.issuer.Script(issuer.Exchange, step)
			attempt, prompt := w.startedDevice("")
			require.True(t, w.issuer.Approve(prompt.UserCode))
			require.Error(t, attempt.Wait())
			require.Len(t, w.issuer.Requests(issuer.Exchange), 1)
		})
	}
}

func TestDeviceLoginHasFifteenMinutes(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.issuer.Always(issuer.DevicePoll, issuer.Step{Status: 403})
		begunAt := time.Now()
		attempt, _ := w.startedDevice("3600")
		require.EqualError(t, attempt.Wait(), "device auth timed out after 15 minutes")
		require.Equal(t, 15*time.Minute, time.Since(begunAt))
	})
}

func TestDeviceLoginCanBeCancelled(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.issuer.Always(issuer.DevicePoll, issuer.Step{Status: 403})
		attempt, _ := w.startedDevice("5")
		time.Sleep(12 * time.Second)
		require.True(t, w.manager.Cancel(attempt.ID, nil))
		require.EqualError(t, attempt.Wait(), "Login was not completed")
	})
}

func TestDeviceLoginThatIsRefusedFails(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		attempt, prompt := w.startedDevice("")
		require.True(t, w.issuer.Deny(prompt.UserCode))
		require.EqualError(t, attempt.Wait(), "device auth failed with status 400 Bad Request")
		require.Zero(t, w.disk.calls)
	})
}

func TestDeviceLoginToAnotherWorkspaceIsRefused(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		attempt, prompt := w.startedDevice("")
		require.True(t, w.issuer.Approve(prompt.UserCode))
		require.EqualError(t, attempt.Wait(), "Login is restricted to workspace id(s) ws-forced.")
		require.Zero(t, w.disk.calls)
	}, func(o *Options) { o.Restriction.Workspaces = []string{"ws-forced"} })
}

func TestDeviceLoginThatDoesNotStartSaysWhy(t *testing.T) {
	for name, each := range map[string]struct {
		step issuer.Step
		want string
		is   error
	}{
		"not enabled": {issuer.Step{Status: 404},
			"device code login is not enabled for this Codex server. Use the browser login or verify the server URL.", oauth.ErrNoDeviceLogin},
		"refused": {issuer.Step{Status: 500},
			"failed to request device code: device code request failed with status 500 Internal Server Error", nil},
		"not answered": {issuer.Step{Before: issuer.Pause{For: time.Hour}},
			"failed to request device code: the issuer gave no answer: timed out", nil},
		"unreadable": {issuer.Step{Status: 200, Body: "{}"},
			"failed to request device code: the issuer's answer cannot be read", oauth.ErrUnreadable},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.issuer.Script(issuer.UserCode, each.step)
				attempt := w.manager.Device()
				_, err := attempt.Prompt()
				require.EqualError(t, err, each.want)
				require.Equal(t, err, attempt.Wait())
				require.ErrorAs(t, err, new(*StartError))
				if each.is != nil {
					require.ErrorIs(t, err, each.is)
				}
				require.Empty(t, w.issuer.Requests(issuer.DevicePoll))
			})
		})
	}
}

func TestBrowserAndDeviceLoginEndEachOther(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.issuer.Always(issuer.DevicePoll, issuer.Step{Status: 403})
		device, _ := w.startedDevice("5")
		browser, _ := w.started()
		require.EqualError(t, device.Wait(), "Login was not completed")
		again, _ := w.startedDevice("5")
		require.EqualError(t, browser.Wait(), "Login server error: Login was not completed")
		require.False(t, isOver(again))
		require.Zero(t, w.network.listeners())
	})
}
