package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bezoar-auth/bezoar/store/authjson"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/record"
)

// target is the auth.json of the home that a login is published to. Only what bezoar has
// published there is replaced or removed.
type target struct {
	home string
}

func (t target) path() string { return filepath.Join(t.home, "auth.json") }

// OthersError reports an auth.json that bezoar did not publish: it may be the only copy of
// a login, so it stays.
type OthersError struct {
	Path string
	What string // it is
}

func (e *OthersError) Error() string {
	return fmt.Sprintf("%s is %s. It is left alone. Publish to another folder, or move the file away if you do not need it", e.Path, e.What)
}

// read is what is published, nil for nothing. It returns an [*OthersError] for a file that
// bezoar did not publish, and another error if it cannot be read.
func (t target) read() (content []byte, err error) {
	info, err := os.Lstat(t.path())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(t.home); err != nil {
			return nil, err
		}
		return nil, nil
	case err != nil:
		return nil, err
	case info.Mode()&fs.ModeSymlink != 0:
		return nil, &OthersError{t.path(), "a link"}
	case !info.Mode().IsRegular():
		return nil, &OthersError{t.path(), "no file"}
	}
	content, _, err = disk.Here.Read(t.path(), record.SizeLimitBytes)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, disk.ErrTooLarge):
		return nil, &OthersError{t.path(), "no login"}
	case err != nil:
		return nil, err
	}
	if _, isPublished := authjson.PublishedFrom(content); !isPublished {
		return nil, &OthersError{t.path(), what(content)}
	}
	return content, nil
}

// what is in an auth.json that bezoar did not publish.
func what(content []byte) string {
	c, err := authjson.Decode(content)
	switch {
	case err != nil:
		return "no login that bezoar can read"
	case !c.APIKey.IsEmpty():
		return "a login with an API key"
	case !c.RefreshToken.IsEmpty():
		return "a login with a refresh token of its own"
	}
	return "a login that bezoar did not publish"
}

// errChanged reports that another program wrote auth.json in between. Look again.
var errChanged = errors.New("another program is writing auth.json")

// put publishes content in the place of was, which read has given. A reader sees the one or
// the other.
func (t target) put(content, was []byte) error {
	return t.change(was, func() error {
		staged := t.path() + ".published"
		if err := disk.Here.Remove(staged); err != nil { // a process that was killed left it
			return err
		}
		if err := disk.Here.Create(staged, content); err != nil {
			return err
		}
		if err := t.expect(was); err != nil {
			return errors.Join(err, os.Remove(staged))
		}
		if err := t.settle(staged, was == nil); err != nil {
			os.Remove(staged)
			return err
		}
		return nil
	})
}

// settle gives the staged file its name. Where there was none, nothing can be replaced.
func (t target) settle(staged string, isNew bool) error {
	if isNew {
		switch err := os.Link(staged, t.path()); {
		case err == nil:
			return disk.Here.Remove(staged)
		case errors.Is(err, fs.ErrExist):
			return errChanged
		} // this disk has no hard links
	}
	return disk.Here.Rename(staged, t.path())
}

// remove takes away what is published, if it is still that.
func (t target) remove(was []byte) error {
	return t.change(was, func() error { return disk.Here.Remove(t.path()) })
}

// writeWait is how long a write waits for another program that writes the file.
const writeWait = 5 * time.Second

// change changes auth.json under the lock that bezoar and Codex take to write it, if it is
// still what it was. It goes on without the lock if the disk has none.
func (t target) change(was []byte, do func() error) error {
	ctx, cancel := context.WithTimeout(context.Background(), writeWait)
	defer cancel()
	unlock, err := disk.Here.Lock(ctx, t.path()+".lock", 5*time.Millisecond)
	if err == nil {
		defer unlock()
	}
	if err := t.expect(was); err != nil {
		return err
	}
	return do()
}

func (t target) expect(was []byte) error {
	now, err := t.read()
	if err == nil && (!bytes.Equal(now, was) || (now == nil) != (was == nil)) {
		err = errChanged
	}
	return err
}
