package file

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/record"
)

// sweep recovers the staged files of processes that died in a write. It never touches
// those of living processes.
func (s *Store) sweep(ctx context.Context, where place) {
	for _, each := range where.leftovers() {
		if each.abandoned(s.owner(), s.now()) && !each.isOfNewer() {
			s.recover(ctx, each)
		}
	}
}

// recover ends a write as its process would have, had it not died: so neither the
// tokens that an issuer just gave nor a login that they displaced is lost. It removes
// a leftover of any other kind, and leaves for the next sweep what it cannot put in
// place now.
func (s *Store) recover(ctx context.Context, l leftover) {
	t, ok := s.claim(l)
	if !ok {
		return
	}
	raw, _, err := readPlain(s.disk, t.where.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !l.needed(raw) {
		s.discard(t)
		return
	}
	if err == nil {
		t.was = revisionOf(raw)
		err = s.complete(ctx, t)
	}
	if err != nil {
		_ = s.disk.System().Rename(t.path, l.path)
		s.log.Warn("a login whose write a crash cut short cannot be written", "error", err)
		return
	}
	s.log.Warn("a login whose write a crash cut short is written now")
}

func (s *Store) complete(ctx context.Context, t *temp) error {
	inPlace, err := t.where.mustKeepFile()
	if err == nil {
		err = s.sync(t) // the process may have died before it did this
	}
	if err == nil {
		err = s.put(ctx, t, inPlace)
	}
	return err
}

// claim renames the leftover to one of this process: of several processes that find
// it, one gets it.
func (s *Store) claim(l leftover) (*temp, bool) {
	t := l.temp
	t.verb, t.owner, t.path = "sweep", s.owner(), s.name(l.where, l.was, l.named)
	s.disk.Step("sweep: claim")
	return &t, s.disk.System().Rename(l.path, t.path) == nil
}

// isOfNewer reports whether a newer version of this program staged a login there, which is
// for that version to recover.
func (l *leftover) isOfNewer() bool {
	_, err := l.where.format.Decode(l.content)
	unreadable, ok := errors.AsType[*persist.UnreadableError](err)
	return ok && unreadable.IsNewer
}

// needed reports whether the write would have gone on, raw being the content of the
// record's file.
func (l *leftover) needed(raw []byte) bool {
	if _, err := l.where.format.Decode(l.content); err != nil {
		return false
	}
	if _, cutShort := l.completes(raw); cutShort {
		return true
	}
	if l.was == "" { // a login, whose user has seen it fail
		return false
	}
	now := mark(revisionOf(raw))
	untried := l.whole() && now == l.was
	displaced := !l.whole() && l.is() != l.was && now == l.named
	return untried || displaced
}

func (s *Store) sync(t *temp) error {
	file, _, err := s.disk.Open(t.path, os.O_RDWR)
	if err != nil {
		return err
	}
	defer file.Close()
	s.disk.Step(t.verb + ": sync")
	return s.disk.System().Sync(file)
}

// leftover is a staged file that a process finds. Its content need not be what its
// name says.
type leftover struct {
	temp
	named   persist.Revision // the mark of the new content
	changed time.Time
}

// leftovers are all staged files of a place, also those of living processes.
func (p place) leftovers() []leftover {
	files, _ := p.disk.ReadFolder(p.folder) // a folder that cannot be read has none for us
	var found []leftover
	for _, each := range files {
		if l, ok := p.parse(each.Name()); ok && l.load() {
			found = append(found, l)
		}
	}
	return found
}

func (p place) parse(name string) (leftover, bool) {
	rest, ours := strings.CutPrefix(name, p.name+".")
	rest, tempNamed := strings.CutSuffix(rest, tempSuffix)
	fields := strings.Split(rest, ".")
	if !ours || !tempNamed || len(fields) != 4 {
		return leftover{}, false
	}
	parts := strings.Split(fields[0], "-")
	if len(parts) != 3 {
		return leftover{}, false
	}
	pid, err := strconv.Atoi(parts[0])
	t := temp{
		change: change{was: persist.Revision(fields[1])}, where: p, path: p.folder + name,
		owner: owner{pid, process{Started: parts[1], PIDNamespace: parts[2]}},
	}
	return leftover{temp: t, named: persist.Revision(fields[2])}, err == nil
}

// load reads what the file holds.
func (l *leftover) load() bool {
	content, info, err := readPlain(*l.where.disk, l.path)
	if err != nil {
		return false
	}
	l.content, l.changed = content, info.ModTime()
	if stamp, err := l.where.disk.System().Stamp(l.path); err == nil && stamp.Changed != 0 { // an exchange changes this one
		l.changed = time.Unix(0, stamp.Changed)
	}
	return true
}

// readPlain reads a file that is not a symbolic link.
func readPlain(on disk.Disk, path string) ([]byte, os.FileInfo, error) {
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return nil, nil, errors.Join(err, errors.New("it is no plain file"))
	}
	return on.Read(path, record.SizeLimitBytes)
}

// whole reports whether the file holds what it was made to hold.
func (l *leftover) whole() bool { return l.is() == l.named }

// completes returns the login that a process was writing in place, if raw is what
// there is of it: its begin, and zeros where a power failure lost the rest.
func (l *leftover) completes(raw []byte) (machine.Credential, bool) {
	raw = bytes.TrimRight(raw, "\x00")
	if !l.whole() || len(raw) == len(l.content) || !bytes.HasPrefix(l.content, raw) {
		return machine.Credential{}, false
	}
	credential, err := l.where.format.Decode(l.content)
	return credential, err == nil
}

// StagedSpan is the age at which a staged file is abandoned whose process cannot
// be looked up: it ran on another machine, in another container, or before the last
// boot. A write takes milliseconds.
const StagedSpan = time.Hour

func (l *leftover) abandoned(me owner, now time.Time) bool {
	if l.owner.PIDNamespace != "" && l.owner.PIDNamespace == me.PIDNamespace {
		return l.owner.ended(l.where.disk.System(), l.owner.pid, me.process)
	}
	return now.Sub(l.changed).Abs() > StagedSpan
}
