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
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/record"
)

// place is where the record really is: the file of the format in the home, or the file that it
// links to.
type place struct {
	disk   *disk.Disk
	format *record.Format
	path   string // not a symbolic link, unless a process makes one now
	folder string // of path
	name   string // in folder
}

// linksLimit is how many symbolic links Linux follows.
const linksLimit = 40

// find follows symbolic links, also to a file that does not exist yet.
func (s *Store) find() (place, error) {
	path, err := behindLinks(s.path())
	if err != nil {
		return place{disk: &s.disk, format: &s.format, path: path}, err
	}
	folder, name := filepath.Split(path)
	return place{disk: &s.disk, format: &s.format, path: path, folder: folder, name: name}, nil
}

// behindLinks is the path that a symbolic link leads to, which need not exist. It does not
// clean paths: behind a link to a folder, ".." is not what the text says.
func behindLinks(path string) (string, error) {
	for range linksLimit {
		target, err := os.Readlink(path)
		if err != nil { // it is none; anything worse will show when it is used
			return path, nil
		}
		if !filepath.IsAbs(target) {
			folder, _ := filepath.Split(path)
			target = folder + target
		}
		path = target
	}
	return path, errors.New("too many symbolic links lead to it")
}

// mustKeepFile reports whether the record must be written in place: a new file there
// would break a hard link, or cannot be put there. It returns an error if the place
// has something else than a file, or a file that may not be changed.
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
	mounted, immutable := p.disk.System().Hindrances(p.path)
	if immutable {
		return false, errImmutable
	}
	names := p.disk.System().Names(p.path, info)
	if names == 0 {
		return true, ErrReplaced
	}
	return mounted || names > 1 || p.sticky(info), nil
}

// sticky reports whether the folder is sticky (sticky(7)), so that its users may not
// replace each other's files, and the file is another user's. What root may do there
// depends on its capabilities.
func (p place) sticky(info os.FileInfo) bool {
	on := p.disk.System()
	if on.IsOwn(info) {
		return false
	}
	folder, err := os.Stat(p.folder)
	return err == nil && folder.Mode()&fs.ModeSticky != 0 && !on.IsOwn(folder)
}

// takesFiles returns an error if a file that is made in the folder can neither be
// renamed nor removed.
func (p place) takesFiles() error {
	if _, immutable := p.disk.System().Hindrances(p.folder); immutable {
		return errAppendOnly
	}
	return nil
}

var (
	errImmutable  = errors.New("it is marked as immutable, append-only or read-only (lsattr shows it, ls -lO on macOS, attrib on Windows)")
	errAppendOnly = errors.New("its folder is marked as immutable or append-only (lsattr -d shows it, ls -lOd on macOS)")
)

// ErrReplaced reports that the file of the record is a mount point, and that its file has been
// replaced at the source of the mount: this home sees the old file, which has no name
// there any more. Mount the folder and not the file.
var ErrReplaced = errors.New("it was replaced where it is mounted from, and is an old copy here; mount its folder, not the file")

// immovable reports that a rename failed because of a mount point.
func immovable(err error) bool {
	return errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.EXDEV)
}

// finding is what a read found at a place.
type finding struct {
	record  persist.Record
	content []byte // of the record
	raw     []byte // of the file: content, or part of it if a write in place is not complete
}

// readings is how often read starts again because the file changed meanwhile.
const readings = 5

// read returns the record, or the errors of Load. A file that is written in place
// changes while it is read, and a reader could see the begin of one record and the end
// of another: a read counts if the file stayed the same.
func (p place) read() (found finding, err error) {
	for range readings {
		before, _ := p.disk.System().Stamp(p.path)
		raw, info, err := p.readFile()
		if err != nil {
			return finding{}, err
		}
		found, err = p.decode(raw, info)
		after, gone := p.disk.System().Stamp(p.path)
		if gone != nil || after == before || found.unfinished() {
			return found, err
		}
	}
	raw, info, err := p.readFile() // it is replaced all the time
	if err != nil {
		return finding{}, err
	}
	return p.decode(raw, info)
}

// unfinished reports whether the record is that of a write in place which has not
// ended. It comes from a staged file, which does not change.
func (f finding) unfinished() bool { return f.content != nil && !bytes.Equal(f.content, f.raw) }

func (p place) readFile() ([]byte, os.FileInfo, error) {
	file, info, err := p.disk.Open(p.path, os.O_RDONLY)
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
	raw, err := io.ReadAll(io.LimitReader(file, record.SizeLimitBytes+1)) // one more, for the codec to refuse
	if err != nil {
		return nil, nil, &persist.UnavailableError{Err: fmt.Errorf("%s cannot be read: %w", p.path, plain(err))}
	}
	return raw, info, nil
}

// decode reads the record in a file, or the staged one that a process was writing
// there when it died. A login without a date counts as refreshed when the file was
// written.
func (p place) decode(raw []byte, info os.FileInfo) (finding, error) {
	credential, err := p.format.Decode(raw)
	if credential.LastRefresh.Equal(record.Undated) {
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

// revisionOf is a hash of the content: other programs change the file without a
// number.
func revisionOf(content []byte) persist.Revision {
	sum := sha256.Sum256(content)
	return persist.Revision(hex.EncodeToString(sum[:]))
}
