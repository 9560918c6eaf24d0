//go:build unix

package codex

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/properties/codextest"
	"github.com/bezoar-auth/bezoar/properties/programtest"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt/scripted"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

var rotations = flag.Int("codex.rotations", 3, "refreshes that are granted before the working day ends")

const (
	dayLifetime = 10 * time.Second
	// dayShortest is how soon a token of the day may be refreshed unasked: after four fifths
	// of its life, which may be a second shorter, for the issuer's clock counts seconds.
	dayShortest = (dayLifetime - time.Second) * 4 / 5
)

// Two editors, a server at a socket with runs of codex exec, and a published home with others
// work on one login, whose tokens last for seconds. Every other token is refused before its
// time. Each turn is served, and each refresh has a reason.
func TestWorkingDayIsServedByOneLogin(t *testing.T) {
	t.Parallel()
	d := startDay(t)
	for d.site.Issuer.Counts().Grants < *rotations {
		before := d.site.Issuer.Counts().Grants
		if d.rounds++; d.rounds%2 == 0 {
			d.site.Reject(newest(d.site))
			d.rejected++
		}
		d.editorsWork()
		d.awaitRotationAfter(before)
		d.execsWork()
	}
	d.judge()
}

type day struct {
	t         *testing.T
	site      *codextest.Site
	codex     string
	editors   []*codextest.Client
	threads   []string
	socket    string
	published string

	begun            time.Time
	rounds, rejected int
}

func startDay(t *testing.T) *day {
	d := &day{t: t, codex: codextest.Find(t, codextest.Newest), begun: time.Now()}
	d.site = codextest.NewSite(t, issuer.Options{AccessLifetime: dayLifetime})
	d.site.Login(nineDays)
	d.published = publish(t, d.site)
	for range 2 {
		editor := d.site.StartFront(d.codex)
		d.editors, d.threads = append(d.editors, editor), append(d.threads, editor.StartThread())
	}
	d.socket = filepath.Join(d.site.Work, "socket")
	server := codextest.Start(t, d.site.Front(d.codex, "--listen", "unix://"+d.socket))
	t.Cleanup(func() { server.Signal(os.Interrupt) }) // the end of its input does not end it
	require.NoError(t, programtest.Eventually(func() error {
		_, err := os.Stat(d.socket)
		return err
	}))
	return d
}

// editorsWork has both editors do a turn at the same time.
func (d *day) editorsWork() {
	var sent []int
	for n, editor := range d.editors {
		sent = append(sent, editor.SendTurn(d.threads[n]))
	}
	for n, editor := range d.editors {
		requireDone(d.t, d.site, editor.EndOfTurn(sent[n]))
	}
}

// awaitRotationAfter waits until more than n refreshes were granted, so that what begins
// now has a token that is new.
func (d *day) awaitRotationAfter(n int) {
	require.NoError(d.t, programtest.Eventually(func() error {
		if d.site.Issuer.Counts().Grants > n {
			return nil
		}
		return errors.New("no refresh")
	}))
}

// execsWork runs codex exec in the published home, and at the socket.
func (d *day) execsWork() {
	awaitPublished(d.t, d.site, d.published)
	alone := d.site.Command(d.codex, "exec", "--skip-git-repo-check", "hello")
	alone.Env = append(alone.Env, "CODEX_HOME="+d.published)
	runs := []*exec.Cmd{alone, d.site.Command(d.codex, "exec", "--remote", "unix://"+d.socket, "--skip-git-repo-check", "hello")}
	said := make([]programtest.Buffer, len(runs))
	for n, run := range runs {
		run.Stdout, run.Stderr = &said[n], &said[n]
		require.NoError(d.t, run.Start())
	}
	for n, run := range runs {
		err := run.Wait()
		require.NoError(d.t, err, "%s", said[n].String())
		require.Contains(d.t, said[n].String(), scripted.Hello)
	}
}

func (d *day) judge() {
	var counts issuer.Counts
	require.NoError(d.t, programtest.Eventually(func() error { // a refresh may be under way
		counts = d.site.Issuer.Counts()
		if counts.Posts == counts.Grants && d.site.Issuer.IsAlive(d.site.Stored().RefreshToken) {
			return nil
		}
		return fmt.Errorf("what the issuer granted is lost, or it refused something: %+v", counts)
	}))
	took := time.Since(d.begun)
	d.t.Logf("%d rounds in %v: %d posts, %d rotations, %d tokens refused early, %d requests to the model",
		d.rounds, took.Round(time.Second), counts.Posts, counts.Grants, d.rejected, len(d.site.Turns()))
	require.Zero(d.t, counts.Replays)
	most := 1 + d.rejected + int(took/dayShortest)
	require.LessOrEqual(d.t, counts.Grants, most, "there are refreshes without a reason")
	require.Empty(d.t, d.site.Requests(scripted.Request.IsAnonymous))
}
