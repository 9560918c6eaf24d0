package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/view"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/file"
	"github.com/bezoar-auth/bezoar/store/journal"
	"github.com/bezoar-auth/bezoar/store/keyring"
)

// homeCheck checks the owner of the home. Root may use any home, and what it writes there
// belongs to the owner.
func homeCheck(_ context.Context, p *probe) finding {
	home, us := p.config.Home, thisUser()
	owner, ours := ownerOf(home)
	theirs := fmt.Sprintf("%s belongs to %s, and you are %s", home, userName(owner), us)
	_, err := os.ReadDir(home)
	switch {
	case !ours && err != nil:
		return blocking(theirs, "run bezoar as "+userName(owner)+", or name a folder of your own with --home or BEZOAR_HOME")
	case err != nil:
		return blocking(fmt.Sprintf("%s: %v", home, cli.WithoutPath(err)), "give "+us+" permission to read and enter the folder")
	case !ours:
		return problem(resultWarn, theirs, userName(owner)+" can read and replace logins that are made here; run bezoar as "+userName(owner)+", or name a home of your own")
	}
	return passed("%s", home)
}

// userName is the name of a user, or its number.
func userName(id int) string {
	if known, err := user.LookupId(strconv.Itoa(id)); err == nil {
		return known.Username
	}
	return fmt.Sprintf("user %d", id)
}

// thisUser is the name of the user of this program.
func thisUser() string { return knownAs(user.Current()) }

// knownAs is the name of a user, or the number: a container may run as one without a name.
func knownAs(known *user.User, err error) string {
	if err != nil {
		return userName(os.Geteuid())
	}
	return known.Username
}

// owned is a file that only its owner may read or write.
type owned struct {
	name string
	mode fs.FileMode
}

// ownerOnly are those of every home, beside the login.
var ownerOnly = []owned{{".", 0o700}, {file.IntentsName, 0o700}, {file.LedgerName, 0o600}}

// permissionCheck checks which other users could read or replace a login.
func permissionCheck(_ context.Context, p *probe) finding {
	var open, remedies []string
	for _, each := range append(ownerOnly, owned{session.FormatOf(p.config).File, 0o600}) {
		path := filepath.Join(p.config.Home, each.name)
		info, err := os.Stat(path)
		if err != nil || info.IsDir() != (each.mode == 0o700) { // other checks report it
			continue
		}
		for _, hole := range holesIn(p.config.Home, path, info, each.mode) {
			open, remedies = append(open, hole.found), append(remedies, hole.remedy)
		}
	}
	if len(open) > 0 {
		return problem(resultWarn, "others on this machine have access: "+strings.Join(open, ", "), strings.Join(remedies, cli.AndThen))
	}
	return passed("only %s has access", holderOf(p.config.Home))
}

// hole is something about a file of a home that gives others access to it, and a command
// that ends that.
type hole struct{ found, remedy string }

// filesNeeded is how many open files must be allowed: locks, ledger, folders and
// connections of one refresh, twice.
const filesNeeded = 32

func limitCheck(context.Context, *probe) finding {
	limit, known := openFileLimit()
	switch {
	case !known:
		return skip("this system has no known limit of open files")
	case limit < filesNeeded:
		return problem(resultWarn, fmt.Sprintf("only %d files may be open at once", limit), "raise the limit: ulimit -n 1024, or LimitNOFILE= of a systemd service")
	}
	return passed("enough files may be open at once")
}

func settingsCheck(_ context.Context, p *probe) finding {
	var problems []string
	remedy := "correct the variables above, or unset them"
	for _, each := range p.config.Warnings {
		problems = append(problems, each.Summary+". "+each.Details)
		if each.Path != "" {
			remedy = "correct " + filepath.Join(p.config.Root, "config.toml")
		}
	}
	if len(problems) > 0 {
		return problem(resultWarn, strings.Join(problems, " "), remedy)
	}
	return passed("logins are kept in: %s", p.config.CredentialStore)
}

func loginCheck(ctx context.Context, p *probe) finding {
	if p.config.CredentialStore == config.Ephemeral {
		return skip("kept in the memory of each process, where no other process can read it")
	}
	record, err := p.store.Load(ctx)
	name, us := session.FormatOf(p.config).File, thisUser()
	path := filepath.Join(p.config.Home, name)
	unreadable, damaged := errors.AsType[*persist.UnreadableError](err)
	switch {
	case errors.Is(err, persist.ErrNotFound) && view.MarkedFrom(p.config.Home) != "":
		from := view.MarkedFrom(p.config.Home)
		return passed("there is no login; bezoar publish brings one from %s when that home has one: bezoar login --home %s", from, cli.ShellWord(from))
	case errors.Is(err, persist.ErrNotFound):
		return passed("there is no login; %s makes one", p.config.Command("login"))
	case damaged && unreadable.BlocksWrites:
		return blocking(strings.Replace(unreadable.Problem, "in its place", "in the place of "+name, 1), "move away what is at "+path)
	case damaged:
		return problem(resultFail, name+" is not a login: "+unreadable.Problem, p.config.Command("login")+" replaces it with a new login")
	case errors.Is(err, fs.ErrPermission):
		return blocking(name+" cannot be read: permission denied", "check its owner (ls -l "+cli.ShellWord(path)+"), and give "+us+" permission to read it")
	case err != nil:
		return blocking(fmt.Sprintf("%s cannot be read: %v", name, cli.WithoutPrefix(err)), "check that the disk works, and that "+us+" may read "+path)
	case !session.PolicyOf(p.config).Admits(record.Credential):
		return problem(resultWarn, "the stored login may not be used here",
			"log in as forced_login_method and forced_chatgpt_workspace_id in config.toml require")
	}
	return stateOfLogin(ctx, p, record.Credential.Method)
}

// methodName is the method of a login, or its issuer if that is not Codex's.
func methodName(c config.Config, method machine.Method) string {
	if c.IsCodex() {
		return string(method)
	}
	return c.IssuerName()
}

// stateOfLogin says of a stored login what status and token say: doctor has no
// assessment of its own.
func stateOfLogin(ctx context.Context, p *probe, method machine.Method) finding {
	v := view.View{Config: p.config, At: p.now().Round(0)}
	v.LookAt(ctx, p.store, p.ledger, session.Quiet)
	found := fmt.Sprintf("there is a login with %s; %s: %s", methodName(p.config, method), v.Phase(), v.Clause())
	switch v.Assess().Action {
	case machine.ActionLogin:
		return problem(resultWarn, found, v.NextStep())
	case machine.ActionOperator:
		if v.State.Blocked() == evidence.BlockMisconfigured {
			return problem(resultFail, found, v.NextStep())
		}
		return problem(resultFail, found, "see the other checks, then run bezoar token")
	}
	return passed("%s", found)
}

func ledgerCheck(ctx context.Context, p *probe) finding {
	if p.config.CredentialStore == config.Ephemeral {
		return skip("kept in the memory of each process")
	}
	path := filepath.Join(p.config.Home, file.LedgerName)
	if _, err := p.ledger.History(ctx); err != nil {
		return problem(resultFail, fmt.Sprintf("it cannot be read: %v", cli.WithoutPrefix(err)), "check that "+path+" is a file that this user may read")
	}
	entries := 0
	unreadable, err := journal.Follow(path).News(func(journal.Line) error { entries++; return nil })
	switch {
	case err != nil:
		return problem(resultFail, fmt.Sprintf("the ledger cannot be read: %v", cli.WithoutPrefix(err)), "check that "+path+" is a file that this user may read")
	case unreadable > 0:
		return problem(resultWarn, fmt.Sprintf("%d of its lines cannot be read and are left out", unreadable),
			"nothing to do, unless their number grows: then another program writes to "+path)
	}
	prober, ok := p.ledger.(persist.Prober)
	if !ok {
		return passed("%s", entryCount(entries))
	}
	if err := prober.Probe(ctx); err != nil {
		return problem(resultFail, fmt.Sprintf("it cannot be written, so nothing is refreshed: %v", err), "check that this user may write to "+path+" and to auth.intents beside it")
	}
	return passed("%s", entryCount(entries))
}

func entryCount(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

// lockWait is how long the check waits for a lock that it must not get.
const (
	lockWait = 50 * time.Millisecond
	lockPoll = 5 * time.Millisecond
)

// lockCheck takes a lock with one handle and must not get it with another. It uses a file
// of its own, because the real lock may be in use.
func lockCheck(ctx context.Context, p *probe) finding {
	file, err := os.CreateTemp(p.config.Home, "doctor.*.lock")
	if err != nil {
		return problem(resultFail, fmt.Sprintf("no file can be created to try a lock: %v", cli.WithoutPath(err)), "check that "+thisUser()+" may write to "+p.config.Home)
	}
	file.Close()
	defer os.Remove(file.Name())
	const remedy = "no token is sent twice because of this, but processes may do the same work; keep the home on a local disk"
	release, err := p.lock(ctx, file.Name(), lockPoll)
	if err != nil {
		return problem(resultWarn, fmt.Sprintf("this disk cannot lock: %v", cli.WithoutPath(err)), remedy)
	}
	defer release()
	impatient, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	again, err := p.lock(impatient, file.Name(), lockPoll)
	if err == nil {
		again()
		return problem(resultWarn, "two handles have the same lock at once", remedy)
	}
	return passed("one at a time")
}

// diskCheck does what a refresh does before it sends the refresh token: it proves that
// new tokens could be stored.
func diskCheck(ctx context.Context, p *probe) finding {
	if p.config.CredentialStore == config.Ephemeral {
		return skip("nothing is kept there")
	}
	login := machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New("doctor")} // for its size, if there is no login
	if record, err := p.store.Load(ctx); err == nil {
		login = record.Credential
	}
	release, err := p.store.Reserve(ctx, login)
	if err != nil {
		return blocking(err.Error(), p.diskRemedy(err)+": until then nothing is refreshed, because the new tokens would be lost")
	}
	release()
	return passed("a new login can be stored, and reaches the disk")
}

// diskRemedy is the remedy for a store that cannot take new tokens.
func (p *probe) diskRemedy(err error) string {
	home, us := p.config.Home, thisUser()
	switch {
	case errors.Is(err, file.ErrReplaced):
		return "mount the folder that auth.json is in, and not the file"
	case isFull(err):
		return "make room on the disk of " + home
	case isReadOnly(err):
		return "mount the disk of " + home + " for writing, or name another home"
	case errors.Is(err, fs.ErrPermission):
		return "check that " + us + " may write to " + home + " and replace files there"
	case isOutOfFiles(err):
		return "allow more open files (ulimit -n)"
	}
	return "check that " + home + " is writable and has free space"
}

func keyringCheck(ctx context.Context, p *probe) finding {
	if p.config.CredentialStore != config.Keyring && p.config.CredentialStore != config.Auto {
		return skip("not in use (cli_auth_credentials_store)")
	}
	limited, cancel := context.WithTimeout(ctx, view.LookLimit)
	defer cancel()
	_, err := p.store.Load(limited)
	if _, locked := errors.AsType[*persist.UnavailableError](err); locked || limited.Err() != nil {
		found, remedy := fmt.Sprintf("it does not answer: %v", cli.WithoutPrefix(err)), "unlock it"
		if problem, ok := errors.AsType[*keyring.Problem](err); ok {
			found, remedy = problem.Cause, problem.Remedy
		} else if errors.Is(err, exec.ErrNotFound) {
			remedy = "install a keyring service"
		}
		return blocking(found, remedy+`, or set cli_auth_credentials_store = "file" in config.toml`)
	}
	return passed("it answers")
}
