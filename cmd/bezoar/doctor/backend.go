package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/backend"
)

// backendCheck tries a codex as the backend of an app-server, in a home that is thrown
// away. It costs half a second, and only if the user names one.
func backendCheck(ctx context.Context, p *probe) finding {
	if p.backend == "" {
		return skip("no codex is tried (--backend 'codex app-server')")
	}
	command, err := backend.Parse(p.backend, p.getenv)
	if err != nil {
		return problem(resultFail, err.Error(), "name the codex itself, by its whole path if need be")
	}
	known, err := tryBackend(ctx, command)
	if failed, ok := errors.AsType[*trialError](err); ok {
		return problem(resultFail, command.Path+" "+failed.found, failed.remedy)
	}
	if err != nil {
		return problem(resultFail, fmt.Sprintf("%s cannot be tried: %v", command.Path, err), "check that there is room in the folder for temporary files")
	}
	found := fmt.Sprintf("codex %s (%s) starts in %v, stays signed out of auth.json, and takes the login that bezoar gives it",
		known.version, command.Path, known.took.Round(time.Millisecond))
	table, err := command.Surface(ctx)
	if err != nil {
		return problem(resultWarn, fmt.Sprintf("%s; but it does not say what is experimental: %v", found, err),
			"nothing: bezoar uses what it knows of another version; name the backend as 'codex app-server' if it is one")
	}
	return passed("%s; it has %d experimental methods", found, len(table.Methods))
}

// trialError says what is wrong with a backend, behind the path of its program.
type trialError struct{ found, remedy string }

func (e *trialError) Error() string { return e.found }

// trial is what was learned of a backend.
type trial struct {
	version string
	took    time.Duration // until it answered initialize
}

// tryBackend starts a backend as an app-server would, asks whether it is signed out, and
// gives it a login that no server knows. All that it sends goes to a proxy of this
// process, which refuses it: nothing leaves the machine.
func tryBackend(ctx context.Context, command backend.Command) (trial, error) {
	home, err := os.MkdirTemp("", "bezoar-doctor-")
	if err != nil {
		return trial{}, err
	}
	defer os.RemoveAll(home)
	// A login that the child must not see. The key is none.
	if err := os.WriteFile(filepath.Join(home, "auth.json"), []byte(`{"auth_mode":"apikey","OPENAI_API_KEY":"sk-bezoar-doctor"}`), 0o600); err != nil {
		return trial{}, err
	}
	proxy, err := refuseAll()
	if err != nil {
		return trial{}, err
	}
	defer proxy.Close()
	said := new(lastLine)
	child, err := command.Start(backend.Options{Home: home, Environ: throughProxy(os.Environ(), proxy.Addr().String()), Stderr: said})
	if err != nil {
		return trial{}, &trialError{"does not start: " + err.Error(), "run it at a shell: " + command.Line()}
	}
	talk := converse(ctx, child)
	known, err := talk.try()
	if !errors.Is(err, errSilent) {
		gone, leave := context.WithCancel(ctx)
		leave() // it has nothing to save
		child.End(gone)
		return known, err
	}
	why := child.End(ctx).String()
	if ctx.Err() == nil {
		if text := said.String(); text != "" {
			why += ": " + text
		}
		err = &trialError{"cannot be used: " + why, "run it at a shell: " + command.Line()}
	}
	return known, err
}
