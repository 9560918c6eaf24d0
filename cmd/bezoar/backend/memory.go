package backend

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/bezoar-auth/bezoar/protocol/front/surface"
	"github.com/bezoar-auth/bezoar/store/disk"
)

// Known is what a backend has said about itself. It holds as long as its program is the
// same file, unchanged.
type Known struct {
	Version string         `json:"version"`           // "" if not known
	Surface *surface.Table `json:"surface,omitempty"` // nil if not known
}

// Memory keeps what backends have said about themselves, in the user's cache folder. All
// of it can be asked again: a file that is broken or missing counts as not known, and a
// folder that cannot be written remembers nothing. Any goroutine and process may use it.
type Memory struct{ folder string }

// OpenMemory is the memory of the user whose environment it is.
func OpenMemory(getenv func(string) string) Memory {
	cache := cacheFolder(getenv)
	if cache == "" {
		return Memory{}
	}
	return Memory{filepath.Join(cache, "bezoar", "backends")}
}

// cacheFolder is where the system keeps what can be made again, "" for none.
func cacheFolder(getenv func(string) string) string {
	var folder string
	switch home := getenv("HOME"); {
	case runtime.GOOS == "windows":
		folder = getenv("LocalAppData")
	case runtime.GOOS == "darwin" && home != "":
		folder = filepath.Join(home, "Library", "Caches")
	case filepath.IsAbs(getenv("XDG_CACHE_HOME")):
		folder = getenv("XDG_CACHE_HOME")
	case home != "":
		folder = filepath.Join(home, ".cache")
	}
	if !filepath.IsAbs(folder) {
		return ""
	}
	return folder
}

// Limits of a memory.
const (
	rememberedLimit   = 16 // programs; an older one is asked again
	rememberedByteMax = 1 << 20
)

// Recall is what is known of a backend.
func (m Memory) Recall(c Command) Known {
	path, err := m.file(c)
	if err != nil {
		return Known{}
	}
	text, _, err := disk.Here.Read(path, rememberedByteMax)
	var known Known
	if err != nil || json.Unmarshal(text, &known) != nil || !isVersion(known.Version) {
		return Known{}
	}
	return known
}

// Remember keeps what is known of a backend, in place of what was. It keeps nothing about
// a version that is none.
func (m Memory) Remember(c Command, known Known) error {
	path, err := m.file(c)
	if err != nil {
		return err
	}
	if !isVersion(known.Version) {
		return fmt.Errorf("the backend calls its version %.20q", known.Version)
	}
	text, err := json.Marshal(known)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(m.folder, 0o700); err != nil {
		return err
	}
	m.forget(rememberedLimit - 1)
	return disk.Here.Put(path, text, 0o600)
}

// forget removes the oldest files, so that at most keep are left.
func (m Memory) forget(keep int) {
	entries, _ := disk.Here.ReadFolder(m.folder)
	age := func(e fs.DirEntry) int64 {
		info, err := e.Info()
		if err != nil {
			return 0
		}
		return info.ModTime().UnixNano()
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(age(b), age(a)) })
	for _, each := range entries[min(keep, len(entries)):] {
		os.Remove(filepath.Join(m.folder, each.Name()))
	}
}

// file is the path of what is known of a backend. It names the words and the program by a
// hash, for words may hold secrets. The program is known by its stamp, for those of npm
// packages all have one date, and many one size.
func (m Memory) file(c Command) (string, error) {
	if m.folder == "" {
		return "", fs.ErrNotExist
	}
	path, err := filepath.EvalSymlinks(c.Path)
	if err != nil {
		return "", err
	}
	stamp, err := disk.Here.System().Stamp(path)
	if err != nil {
		return "", err
	}
	name, err := json.Marshal([]any{c.Words, path, stamp})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(name)
	return filepath.Join(m.folder, hex.EncodeToString(sum[:16])+".json"), nil
}

// isVersion reports whether a user agent can have a version. It runs at each start, where to
// compile an expression would cost more than all that is read.
func isVersion(text string) bool {
	isPart := func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || strings.ContainsRune(".+-", r)
	}
	return text != "" && len(text) <= 40 && strings.IndexFunc(text, func(r rune) bool { return !isPart(r) }) < 0
}
