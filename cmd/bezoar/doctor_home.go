package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store"
	"github.com/bezoar-auth/bezoar/store/file"
)

func homeCheck(_ context.Context, p *patient) finding { return fine("%s", p.config.Home) }

// private is what nobody else has any business with.
var private = []struct {
	name string
	mode fs.FileMode
}{{".", 0o700}, {"auth.json", 0o600}, {file.LedgerName, 0o600}}

// permissionCheck looks who else could read a login or put another one there.
func permissionCheck(_ context.Context, p *patient) finding {
	if runtime.GOOS == "windows" {
		return skip("a home on Windows has the permissions of its user's folder")
	}
	var open, remedies []string
	for _, each := range private {
		path := filepath.Join(p.config.Home, each.name)
		info, err := os.Stat(path)
		isOther := err != nil || info.IsDir() != (each.name == ".") // which other checks report
		if isOther || info.Mode().Perm()&^each.mode == 0 {
			continue
		}
		open = append(open, fmt.Sprintf("%s has %04o", filepath.Base(path), info.Mode().Perm()))
		remedies = append(remedies, fmt.Sprintf("chmod %o %s", each.mode, path))
	}
	if len(open) > 0 {
		return bad(warning, "others on this machine have access: "+strings.Join(open, ", "), strings.Join(remedies, " && "))
	}
	return fine("nobody else has access")
}

func settingsCheck(_ context.Context, p *patient) finding {
	var problems []string
	for _, each := range p.config.Warnings {
		problems = append(problems, each.Summary+". "+each.Details)
	}
	if len(problems) > 0 {
		return bad(warning, strings.Join(problems, " "), "mend "+filepath.Join(p.config.Home, "config.toml"))
	}
	return fine("logins are kept in: %s", p.config.CredentialStore)
}

func loginCheck(ctx context.Context, p *patient) finding {
	if p.config.CredentialStore == config.Ephemeral {
		return skip("kept in the memory of each program, where another one cannot look")
	}
	record, err := p.store.Load(ctx)
	unreadable, isUnreadable := errors.AsType[*store.UnreadableError](err)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return fine("nobody is logged in")
	case isUnreadable && unreadable.IsInTheWay:
		return bad(failure, "there is no login: "+unreadable.Problem, "move away what is in the place of "+filepath.Join(p.config.Home, "auth.json"))
	case isUnreadable:
		return bad(failure, "what is stored is no login: "+unreadable.Problem, "bezoar login puts a new one in its place")
	case err != nil:
		return bad(failure, fmt.Sprintf("what is stored cannot be read: %v", unavailable(err)), "see that this user may read it, and that the disk is well")
	case !policyOf(p.config).Restriction.Admits(record.Credential):
		return bad(warning, "the stored login may not be used here",
			"log in as forced_login_method and forced_chatgpt_workspace_id in config.toml want it")
	}
	return fine("there is a login with %s; bezoar status says how it fares", record.Credential.Method)
}

func ledgerCheck(ctx context.Context, p *patient) finding {
	if p.config.CredentialStore == config.Ephemeral {
		return skip("kept in the memory of each program")
	}
	path := filepath.Join(p.config.Home, file.LedgerName)
	if _, err := p.ledger.Lineage(ctx); err != nil {
		return bad(failure, fmt.Sprintf("it cannot be read: %v", unavailable(err)), "see that "+path+" is a file that this user may read")
	}
	entries := 0
	unreadable, err := (&trail{path: path}).news(func(trailLine) error { entries++; return nil })
	switch {
	case err != nil:
		return bad(failure, err.Error(), "see that "+path+" is a file that this user may read")
	case unreadable > 0:
		return bad(warning, fmt.Sprintf("%d of its lines cannot be read and are left out", unreadable),
			"nothing to do, unless there are more each time: then something else writes to "+path)
	}
	return fine("%d entries", entries)
}

// lockPatience is how long a lock is tried for that must not be had.
const (
	lockPatience = 50 * time.Millisecond
	lockPoll     = 5 * time.Millisecond
)

// lockCheck takes a lock with one handle and must not get it with another. It is
// a file of its own beside the real one: that may be in use.
func lockCheck(ctx context.Context, p *patient) finding {
	file, err := os.CreateTemp(p.config.Home, "doctor.*.lock")
	if err != nil {
		return bad(failure, fmt.Sprintf("no file can be made to try it with: %v", cause(err)), "see that this user may write to "+p.config.Home)
	}
	file.Close()
	defer os.Remove(file.Name())
	const remedy = "no token is posted twice for that, but processes may do the same work; keep the home on a local disk"
	release, err := p.lock(ctx, file.Name(), lockPoll)
	if err != nil {
		return bad(warning, fmt.Sprintf("this disk cannot lock: %v", cause(err)), remedy)
	}
	defer release()
	impatient, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	again, err := p.lock(impatient, file.Name(), lockPoll)
	if err == nil {
		again()
		return bad(warning, "two have the same lock at once", remedy)
	}
	return fine("one at a time")
}

// diskCheck does what a refresh does before it spends anything: it proves that
// the successor could be stored.
func diskCheck(ctx context.Context, p *patient) finding {
	if p.config.CredentialStore == config.Ephemeral {
		return skip("nothing is kept there")
	}
	login := machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New("doctor")} // for its size, if there is none
	if record, err := p.store.Load(ctx); err == nil {
		login = record.Credential
	}
	release, err := p.store.Reserve(ctx, login)
	if err != nil {
		return bad(failure, err.Error(), "make room, make the home writeable, or move away what is in the way: until then nothing is refreshed, for the new tokens would be lost")
	}
	release()
	return fine("a new login can be stored, and reaches the disk")
}

func keyringCheck(ctx context.Context, p *patient) finding {
	if p.config.CredentialStore != config.Keyring && p.config.CredentialStore != config.Auto {
		return skip("not in use (cli_auth_credentials_store)")
	}
	limited, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	_, err := p.store.Load(limited)
	if _, isUnavailable := errors.AsType[*store.UnavailableError](err); isUnavailable || limited.Err() != nil {
		return bad(failure, fmt.Sprintf("it does not answer: %v", unavailable(err)),
			`unlock it, or set cli_auth_credentials_store = "file" in config.toml`)
	}
	return fine("it answers")
}

// cause is a file system's error without the path.
func cause(err error) error {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		return of.Err
	}
	return err
}
