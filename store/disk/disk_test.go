package disk

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/store/system/systemtest"
)

func TestAFileIsMadeOnceForItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	var steps []string
	require.NoError(t, Disk{Before: func(step string) { steps = append(steps, step) }}.Create(path, []byte("first")))
	require.Equal(t, []string{"create", "write", "sync", "sync folder of the new file"}, steps)
	require.ErrorIs(t, Here.Create(path, []byte("second")), fs.ErrExist)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "first", string(content))
	systemtest.RequireForOwnerAlone(t, path)
}

func TestToRemoveWhatIsNotThereIsNoErrorAndAFolderIsOne(t *testing.T) {
	home := t.TempDir()
	folder := filepath.Join(home, "folder")
	require.NoError(t, os.Mkdir(folder, 0o700))
	require.ErrorContains(t, Here.Remove(folder), "it is a folder")
	require.DirExists(t, folder)
	require.NoError(t, Here.Remove(filepath.Join(home, "nothing")))
	require.NoError(t, Here.Create(filepath.Join(home, "file"), nil))
	require.NoError(t, Here.Remove(filepath.Join(home, "file")))
	require.NoFileExists(t, filepath.Join(home, "file"))
}

func TestAPutIsWholeOrLeavesWhatWasThere(t *testing.T) {
	home := t.TempDir()
	path := filepath.Join(home, "file")
	require.NoError(t, Here.Put(path, []byte("first"), 0o600))
	refusing := Disk{On: systemtest.WithRename(func(_, _ string) error { return fs.ErrPermission })}
	require.ErrorIs(t, refusing.Put(path, []byte("second"), 0o600), fs.ErrPermission)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "first", string(content))
	require.NoError(t, Here.Put(path, []byte("third"), 0o755))
	content, err = os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "third", string(content))
	files, err := os.ReadDir(home)
	require.NoError(t, err)
	require.Len(t, files, 1, "no litter")
}

// What a disk does not take is not said to be there, be it the content or the name.
func TestAChangeIsMadeOnceTheDiskSaysSo(t *testing.T) {
	for name, change := range map[string]func(d Disk, path string) error{
		"create":      func(d Disk, path string) error { return d.Create(path+".new", []byte("new")) },
		"make folder": func(d Disk, path string) error { return d.MakeFolder(path + ".folder") },
		"rename":      func(d Disk, path string) error { return d.Rename(path, path+".moved") },
		"replace":     func(d Disk, path string) error { return d.Replace(path, []byte("new")) },
		"remove":      func(d Disk, path string) error { return d.Remove(path) },
	} {
		t.Run(name, func(t *testing.T) {
			for n := 0; ; n++ {
				path := filepath.Join(t.TempDir(), "file")
				require.NoError(t, os.WriteFile(path, nil, 0o600))
				on, failed := systemtest.WithFailedSync(n)
				err := change(Disk{On: on}, path)
				if !failed() {
					require.NoError(t, err)
					require.Positive(t, n)
					return
				}
				require.Error(t, err, "sync %d is not heard", n)
			}
		})
	}
}

func TestALongWaitForALockTriesSeldomAndEndsSoon(t *testing.T) {
	const poll = 5 * time.Millisecond
	for _, wait := range []time.Duration{poll, 100 * time.Millisecond, time.Second, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			begun, tries := time.Now(), 0
			locked, err := Await(t.Context(), func() (bool, error) {
				tries++
				return time.Since(begun) >= wait, nil
			}, poll)
			require.NoError(t, err)
			require.True(t, locked)
			require.Less(t, time.Since(begun)-wait, poll+min(wait/8, seldom*poll), "it is had late")
			require.LessOrEqual(t, tries, 22+int(wait/(seldom*poll)), "tries of %v", wait)
		})
	}
}

// A lock file that is replaced while others wait at it does not let two in.
func TestALockIsTheOneThatOthersFind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	release, err := Here.Lock(t.Context(), path, time.Millisecond)
	require.NoError(t, err)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Here.Lock(ended, path, time.Millisecond)
	require.ErrorIs(t, err, context.Canceled)

	defer release()
	machinetest.SkipUnderWine(t, machinetest.LacksRemoval)
	require.NoError(t, Here.System().Remove(path))
	next, err := Here.Lock(t.Context(), path, time.Millisecond)
	require.NoError(t, err, "the one that is held is no lock any more")
	release()
	limited, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = Here.Lock(limited, path, time.Millisecond)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	next()
}

func TestWhatIsNoFileOrTooLargeIsNotRead(t *testing.T) {
	home := t.TempDir()
	_, _, err := Here.Read(home, 1)
	noFile := new(NotAFileError)
	require.ErrorAs(t, err, &noFile)
	path := filepath.Join(home, "file")
	require.NoError(t, os.WriteFile(path, []byte("four"), 0o600))
	content, _, err := Here.Read(path, 4)
	require.NoError(t, err)
	require.Equal(t, "four", string(content))
	_, _, err = Here.Read(path, 3)
	require.ErrorIs(t, err, ErrTooLarge)
}
