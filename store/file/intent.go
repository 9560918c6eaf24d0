package file

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/disk"
)

// intent is one file of the folder auth.intents: a process was about to post a refresh
// token. Its name is the token's id and the number of such files then, so that the
// replay of a post in doubt is exclusive as well.
type intent struct {
	persist.Entry // as in the journal
	process
	Deadline time.Time `json:"deadline"` // its post has ended by then

	path  string
	times int // 1 for the first post, 2 for its replay
}

// makeIntent makes the file. It returns [persist.ErrIntended] if the file is there
// already.
func (l *Ledger) makeIntent(e persist.Entry, times int) (intent, error) {
	if e.TokenID == "" {
		return intent{}, errors.New("there is no refresh token to make an intent for")
	}
	made := intent{
		Entry: e, process: l.me(), Deadline: e.At.Add(l.intentSpan()), times: times,
		path: filepath.Join(l.intents, string(e.TokenID)+"."+strconv.Itoa(times)),
	}
	content, err := json.Marshal(made)
	if err == nil {
		err = l.makeIntentsFolder()
	}
	if err == nil {
		err = l.create(made.path, content)
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return intent{}, persist.ErrIntended
	case err != nil:
		return intent{}, &persist.NotDurableError{Err: fmt.Errorf("make an intent: %w", err)}
	}
	return made, nil
}

func (l *Ledger) intentSpan() time.Duration { return l.postDeadline + intentMargin }

func (l *Ledger) makeIntentsFolder() error {
	if _, err := os.Stat(l.intents); err == nil {
		return nil
	}
	return l.disk.In("intent: ").MakeFolder(l.intents)
}

// create makes a file that was not there, whole and durable, or leaves none.
func (l *Ledger) create(path string, content []byte) error {
	l.disk.Step("intent: create")
	file, err := l.disk.New(path)
	if err != nil {
		return err
	}
	defer file.Close()
	l.disk.Step("intent: write")
	_, err = file.Write(content)
	if err == nil {
		l.disk.Step("intent: sync")
		err = l.disk.System().Sync(file)
	}
	if err == nil {
		l.disk.Step("intent: sync folder")
		err = l.disk.System().SyncFolder(l.intents)
	}
	if err != nil {
		l.disk.System().Remove(path)
	}
	return err
}

// intentsOf lists the intents of a token id, the newest last.
func (l *Ledger) intentsOf(id secret.Fingerprint) ([]intent, error) {
	return l.intentsIf(func(each secret.Fingerprint) bool { return each == id })
}

func (l *Ledger) allIntents() ([]intent, error) {
	return l.intentsIf(func(secret.Fingerprint) bool { return true })
}

func (l *Ledger) intentsIf(wanted func(id secret.Fingerprint) bool) ([]intent, error) {
	files, err := l.disk.ReadFolder(l.intents)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, &persist.UnavailableError{Err: fmt.Errorf("read the intents: %w", err)}
	}
	var intents []intent
	for _, file := range files {
		id, times, _ := strings.Cut(file.Name(), ".")
		if number, err := strconv.Atoi(times); err != nil || number < 1 || !wanted(secret.Fingerprint(id)) {
			continue
		}
		if found, ok := l.readIntent(file); ok {
			intents = append(intents, found)
		}
	}
	slices.SortFunc(intents, func(a, b intent) int { return cmp.Compare(a.times, b.times) })
	return intents, nil
}

// intentLimitBytes bounds an intent file. No version writes one that long.
const intentLimitBytes = 16 << 10

// readIntent takes the token id from the name alone: a crash may have left the file
// empty. Then the process that made it is unknown, and the file's age decides. If the file
// cannot be read, that process may live and hear a late answer, so its age must be greater.
// It returns false if the file is gone: the intent is closed by now.
func (l *Ledger) readIntent(file fs.DirEntry) (found intent, isThere bool) {
	id, times, _ := strings.Cut(file.Name(), ".")
	path := filepath.Join(l.intents, file.Name())
	info, err := file.Info()
	var content []byte
	if err == nil {
		content, _, err = l.disk.Read(path, intentLimitBytes)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return intent{}, false
	}
	if err != nil || json.Unmarshal(content, &found) != nil || string(found.TokenID) != id {
		at, span := l.now(), l.intentSpan()
		if info != nil {
			at = info.ModTime()
		}
		if err != nil && !isNoIntent(err) {
			span += endpoint.HearingLimit
		}
		found = intent{Entry: persist.Entry{At: at}, Deadline: at.Add(span)}
	}
	found.TokenID, found.path = secret.Fingerprint(id), path
	found.times, _ = strconv.Atoi(times)
	return found, true
}

// isNoIntent reports that there is something which no process of ours has made.
func isNoIntent(err error) bool {
	_, isOther := errors.AsType[*disk.NotAFileError](err)
	return isOther || errors.Is(err, disk.ErrTooLarge)
}

// closeAll removes the intents of a token id whose outcome is written.
func (l *Ledger) closeAll(id secret.Fingerprint) {
	if open, err := l.intentsOf(id); err == nil {
		l.close(open...)
	}
}

// takeBack removes the last intent that this process made for a token id.
func (l *Ledger) takeBack(id secret.Fingerprint) {
	open, _ := l.intentsOf(id)
	for _, each := range slices.Backward(open) {
		if each.PID == l.pid && each.process == l.me() {
			l.close(each)
			return
		}
	}
}

// close removes intent files. One that stays does no harm: the journal has its
// outcome, or it raises a doubt too many.
func (l *Ledger) close(intents ...intent) {
	for _, each := range intents {
		l.disk.Step("intent: remove")
		if err := l.disk.System().Remove(each.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			l.log.Warn("an intent cannot be closed", "error", err)
		}
	}
}

// gone reports whether the process that made an intent will not write an outcome any
// more: it has ended, or it cannot be looked up and its post must have ended. A
// process that runs gets the time in which it may hear a late answer, and any time in
// which it is stopped: it goes on with the answer in its socket. Usually the lock says
// as much; where nothing can be locked, this is all there is.
func (l *Ledger) gone(i intent) bool {
	now, me, on := l.now(), l.me(), l.disk.System()
	switch {
	case i.ended(on, i.PID, me):
		return true
	case i.alive(on, i.PID, me):
		return i.olderThan(now, endpoint.HearingLimit) && !on.IsStopped(i.PID)
	}
	return i.olderThan(now, 0)
}

// olderThan reports whether the post must have ended that long ago. An intent from the
// future was made before the clock was set back: its age says nothing.
func (i intent) olderThan(now time.Time, more time.Duration) bool {
	return now.Sub(i.At).Abs() > i.Deadline.Sub(i.At)+more
}
