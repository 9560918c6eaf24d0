package file

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/system"
)

// Caller is another program on this machine that gets its tokens from this home. The
// file auth.callers/NAME remembers the last token it got, as a fingerprint. NAME is
// that of one process in one boot, so that a later process with the same number is
// another caller.
type Caller struct {
	folder string
	name   string
	who    process
	pid    int
	disk   disk.Disk
}

// Handing is one token that a caller got.
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

// OpenCaller returns the process with this number as a caller of a home. It reads what
// the system knows about the process, and no file of the home.
func OpenCaller(home string, pid int) *Caller {
	who := identify(system.Here, pid)
	return &Caller{folder: filepath.Join(home, "auth.callers"), name: nameOf(pid, who), who: who, pid: pid}
}

// nameOf is a file's name for a process: a hash, for a realm may hold any character.
func nameOf(pid int, who process) string {
	return string(secret.New(strconv.Itoa(pid)).Bind(who.PIDNamespace, who.Started))
}

// callerLimitBytes bounds a caller's file. No version writes one that long.
const callerLimitBytes = 4 << 10

// Last returns what the caller got last, false if that is unknown.
func (c *Caller) Last() (Handing, bool) {
	content, _, err := c.disk.Read(filepath.Join(c.folder, c.name), callerLimitBytes)
	var found called
	if err != nil || json.Unmarshal(content, &found) != nil || found.PID != c.pid || found.Access == "" {
		return Handing{}, false
	}
	return found.Handing, true
}

// Note remembers what the caller gets, and forgets callers that have ended. If it
// returns an error, the next call of this caller counts as its first.
func (c *Caller) Note(given Handing) error {
	content, err := json.Marshal(called{c.pid, c.who, given})
	if err != nil {
		return err
	}
	if err := c.disk.MakeFolder(c.folder); err != nil {
		return err
	}
	c.sweep()
	return c.disk.Put(filepath.Join(c.folder, c.name), content, 0o600) // a crash of the machine ends the caller too
}

// callersKept bounds the folder. The callers that have waited longest for a token go
// first.
const callersKept = 64

// sweep leaves room for one more caller: it removes those that have ended, and of the
// others the oldest.
func (c *Caller) sweep() {
	files, err := c.disk.ReadFolder(c.folder)
	if err != nil {
		return
	}
	me := process{PIDNamespace: c.disk.System().PIDNamespace()}
	times := map[string]time.Time{} // of the last change, by path
	for _, each := range files {
		path := filepath.Join(c.folder, each.Name())
		info, err := each.Info()
		switch {
		case err != nil:
		case c.hasEnded(path, me):
			c.disk.System().Remove(path)
		default:
			times[path] = info.ModTime()
		}
	}
	newest := slices.SortedFunc(maps.Keys(times), func(a, b string) int { return times[b].Compare(times[a]) })
	for _, path := range newest[min(len(newest), callersKept-1):] {
		if err := c.disk.System().Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return
		}
	}
}

// hasEnded reports whether the process of a caller's file has surely ended.
func (c *Caller) hasEnded(path string, me process) bool {
	content, _, err := c.disk.Read(path, callerLimitBytes)
	var found called
	return err == nil && json.Unmarshal(content, &found) == nil && found.ended(c.disk.System(), found.PID, me)
}
