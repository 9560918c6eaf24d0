package file

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/disk"
)

// Caller is another program on this machine that has its tokens from this home, and
// the file auth.callers/NAME in which it is remembered what it was given last. The
// name is that of one process in one boot, so that a later process of its number is
// another caller. No token is in the file.
type Caller struct {
	folder string
	name   string
	who    process
	pid    int
}

// Handing is one token that was given to a caller.
type Handing struct {
	At        time.Time          `json:"at"`
	Access    secret.Fingerprint `json:"access"`
	PastFloor bool               `json:"past_floor,omitempty"` // it came of a refusal that was believed past the floor
}

// called is the content of a caller's file.
type called struct {
	PID int `json:"pid"`
	process
	Handing
}

// OpenCaller is the process with this number as a caller of a home. Nothing is read
// or written yet but what the system says of the process.
func OpenCaller(home string, pid int) *Caller {
	who := identify(pid)
	return &Caller{folder: filepath.Join(home, "auth.callers"), name: nameOf(pid, who), who: who, pid: pid}
}

// nameOf is a file's name for a process: a hash, for a realm may hold any character.
func nameOf(pid int, who process) string {
	return string(secret.New(strconv.Itoa(pid)).Bind(who.PIDNamespace, who.Started))
}

// callerLimitBytes bounds a caller's file. No version writes one that long.
const callerLimitBytes = 4 << 10

// Last is what the caller was given last. It is false if that is not known.
func (c *Caller) Last() (Handing, bool) {
	content, _, err := disk.Read(filepath.Join(c.folder, c.name), callerLimitBytes)
	var found called
	if err != nil || json.Unmarshal(content, &found) != nil || found.PID != c.pid || found.Access == "" {
		return Handing{}, false
	}
	return found.Handing, true
}

// Note remembers what the caller is given, and forgets callers that have ended. An
// error says that it could not: then the next call of this one counts as the first.
func (c *Caller) Note(given Handing) error {
	content, err := json.Marshal(called{c.pid, c.who, given})
	if err != nil {
		return err
	}
	if err := disk.MakeFolder(c.folder, func(string) {}); err != nil {
		return err
	}
	c.sweep()
	unnamed := filepath.Join(c.folder, c.name+"."+strconv.Itoa(os.Getpid()))
	file, err := disk.New(unnamed)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(unnamed, filepath.Join(c.folder, c.name)) // whole, or not at all; a crash of the machine ends the caller too
	}
	if err != nil {
		os.Remove(unnamed)
	}
	return err
}

// callersKept bounds the folder; those that were given nothing for the longest time go.
const callersKept = 64

// sweep leaves room for one more caller.
func (c *Caller) sweep() {
	files, err := disk.ReadFolder(c.folder)
	if err != nil {
		return
	}
	type kept struct {
		path string
		at   time.Time
	}
	var rest []kept
	me := thisProcess()
	for _, each := range files {
		path := filepath.Join(c.folder, each.Name())
		info, err := each.Info()
		if err != nil {
			continue
		}
		content, _, err := disk.Read(path, callerLimitBytes)
		var found called
		readable := err == nil && json.Unmarshal(content, &found) == nil
		if readable && found.ended(found.PID, me) {
			os.Remove(path)
			continue
		}
		rest = append(rest, kept{path, info.ModTime()})
	}
	slices.SortFunc(rest, func(a, b kept) int { return b.at.Compare(a.at) })
	for _, each := range rest[min(len(rest), callersKept-1):] {
		if err := os.Remove(each.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return
		}
	}
}
