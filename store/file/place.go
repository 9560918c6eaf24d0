package file

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/authjson"
	"github.com/bezoar-auth/bezoar/store/disk"
)

const authFile = "auth.json"

// place is where the record really is: auth.json, or what it links to.
type place struct {
	path   string // no symbolic link, unless one is made now
	folder string // of path
	name   string // in folder
}

// linksLimit is how many symbolic links Linux follows.
const linksLimit = 40

// find follows symbolic links, also to what does not exist yet. Paths are not
// cleaned: behind a link to a folder, ".." is not what the text says.
func (s *Store) find() (place, error) {
	path := filepath.Join(s.home, authFile)
	for range linksLimit {
		folder, name := filepath.Split(path)
		target, err := os.Readlink(path)
		if err != nil { // it is none; anything worse will show when it is used
			return place{path: path, folder: folder, name: name}, nil
		}
		if !filepath.IsAbs(target) {
			target = folder + target
		}
		path = target
	}
	return place{path: path}, errors.New("too many symbolic links lead to it")
}

// mustKeepFile reports whether the file has to be written in place: to put another
// one there would break a hard link, or cannot be done. It is an error if what
// is there is no file or may not be changed.
func (p place) mustKeepFile() (bool, error) {
	info, err := os.Lstat(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() {
		return false, &disk.NotAFileError{Mode: info.Mode()}
	}
	mounted, immutable := attributes(p.path)
	if immutable {
		return false, errImmutable
	}
	if hasNoName(info) {
		return true, ErrReplaced
	}
	return mounted || hasOtherNames(info) || p.isStuck(info), nil
}

// isStuck reports whether the folder is one in which its users may not replace
// each other's files, and the file is another user's (sticky(7)). Of root that
// depends on its capabilities.
func (p place) isStuck(info os.FileInfo) bool {
	if ownedByUser(info) {
		return false
	}
	folder, err := os.Stat(p.folder)
	return err == nil && folder.Mode()&fs.ModeSticky != 0 && !ownedByUser(folder)
}

// takesFiles is an error if what is made in the folder can neither be given
// another name nor be removed.
func (p place) takesFiles() error {
	if _, immutable := attributes(p.folder); immutable {
		return errAppendOnly
	}
	return nil
}

var (
	errImmutable  = errors.New("it is marked as immutable or append-only (lsattr shows it)")
	errAppendOnly = errors.New("its folder is marked as immutable or append-only (lsattr -d shows it)")
)

// ErrReplaced reports that auth.json is a mount point whose file has been
// replaced where it came from: what is seen here is the old one, which is gone
// there. Mount the folder and not the file.
var ErrReplaced = errors.New("it was replaced where it is mounted from, and is an old copy here; mount its folder, not the file")

// immovable reports that a rename failed because of a mount point.
func immovable(err error) bool {
	return errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.EXDEV)
}

// finding is what was found at a place.
type finding struct {
	record  persist.Record
	content []byte // of the record
	raw     []byte // of the file: content, or part of it if a write in place is not complete
}

// readings is how often a file is read that changes meanwhile.
const readings = 5

// read returns the record, or the errors of Load. A file that is written in
// place changes under the hands of its reader, who then might see the begin of
// one record and the end of another: it counts if it was the same all the time.
func (p place) read() (found finding, err error) {
	for range readings {
		raw, before, err := p.readFile()
		if err != nil {
			return finding{}, err
		}
		found, err = p.decode(raw, before)
		after, gone := os.Stat(p.path)
		if gone != nil || stampOf(after) == stampOf(before) || found.unfinished() {
			return found, err
		}
	}
	raw, info, err := p.readFile() // it is replaced all the time
	if err != nil {
		return finding{}, err
	}
	return p.decode(raw, info)
}

// unfinished reports whether the record is that of a write in place which
// has not ended. Nothing can be wrong with it: it is another file.
func (f finding) unfinished() bool { return f.content != nil && !bytes.Equal(f.content, f.raw) }

func (p place) readFile() ([]byte, os.FileInfo, error) {
	file, info, err := disk.Open(p.path, os.O_RDONLY)
	noFile := new(disk.NotAFileError)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, persist.ErrNotFound
	case errors.As(err, &noFile):
		return nil, nil, &persist.UnreadableError{Place: p.path, Problem: err.Error(), BlocksWrites: true}
	case err != nil:
		return nil, nil, &persist.UnavailableError{Err: fmt.Errorf("%s cannot be read: %w", p.path, plain(err))}
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, authjson.SizeLimitBytes+1)) // one more, for the codec to refuse
	if err != nil {
		return nil, nil, &persist.UnavailableError{Err: fmt.Errorf("%s cannot be read: %w", p.path, plain(err))}
	}
	return raw, info, nil
}

// decode reads the record in a file, or the one that was about to be written
// there when a process died. A login without a date of its own was refreshed when
// the file was written, as far as can be told.
func (p place) decode(raw []byte, info os.FileInfo) (finding, error) {
	credential, err := authjson.Decode(raw)
	if credential.LastRefresh.Equal(authjson.Undated) {
		credential.LastRefresh = info.ModTime().UTC()
	}
	if err == nil {
		return finding{persist.Record{Credential: credential, Revision: revisionOf(raw)}, raw, raw}, nil
	}
	for _, each := range p.leftovers() {
		if credential, ok := each.completes(raw); ok {
			return finding{persist.Record{Credential: credential, Revision: revisionOf(each.content)}, each.content, raw}, nil
		}
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		err = persist.ErrNotFound
	} else if unreadable, ok := errors.AsType[*persist.UnreadableError](err); ok {
		unreadable.Place = p.path
	}
	return finding{raw: raw}, err
}

// revisionOf is a hash of the file: other programs change it without a number.
func revisionOf(content []byte) persist.Revision {
	sum := sha256.Sum256(content)
	return persist.Revision(hex.EncodeToString(sum[:]))
}
