package file

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/disk"
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
	who := identify(pid)
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
	content, _, err := disk.Read(filepath.Join(c.folder, c.name), callerLimitBytes)
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

// callersKept bounds the folder. The callers that have waited longest for a token go
// first.
const callersKept = 64

// sweep leaves room for one more caller: it removes those that have ended, and of the
// others the oldest.
func (c *Caller) sweep() {
	files, err := disk.ReadFolder(c.folder)
	if err != nil {
		return
	}
	times := map[string]time.Time{} // of the last change, by path
	for _, each := range files {
		path := filepath.Join(c.folder, each.Name())
		info, err := each.Info()
		switch {
		case err != nil:
		case callerEnded(path):
			os.Remove(path)
		default:
			times[path] = info.ModTime()
		}
	}
	newest := slices.SortedFunc(maps.Keys(times), func(a, b string) int { return times[b].Compare(times[a]) })
	for _, path := range newest[min(len(newest), callersKept-1):] {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return
		}
	}
}

// callerEnded reports whether the process of a caller's file has surely ended.
func callerEnded(path string) bool {
	content, _, err := disk.Read(path, callerLimitBytes)
	var found called
	return err == nil && json.Unmarshal(content, &found) == nil && found.ended(found.PID, thisProcess())
}
