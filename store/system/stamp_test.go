package system_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/store/system"
)

// A stamp tells a file from the one whose name it takes, whatever their lengths and dates.
func TestAFileInPlaceOfAnotherHasAnotherStamp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.json")
	write(t, path, "old")
	write(t, path+".tmp", "new")
	before, err := system.Here.Stamp(path)
	require.NoError(t, err)
	again, err := system.Here.Stamp(path)
	require.NoError(t, err)
	require.Equal(t, before, again, "to look is no change")

	require.NoError(t, system.Here.Rename(path+".tmp", path))
	after, err := system.Here.Stamp(path)
	require.NoError(t, err)
	require.EqualValues(t, 3, after.Size)
	require.Equal(t, noon.UnixNano(), after.Modified)
	require.Equal(t, before.Modified, after.Modified)
	require.NotEqual(t, before.Inode, after.Inode)
	_, err = system.Here.Stamp(path + ".missing")
	require.ErrorIs(t, err, os.ErrNotExist)
}

var noon = time.Date(2026, 12, 1, 12, 0, 0, 123456700, time.UTC)

func write(t *testing.T, path, content string) {
	t.Helper()
	file, err := system.Here.Open(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	require.NoError(t, err)
	_, err = file.WriteString(content)
	require.NoError(t, err)
	require.NoError(t, system.Here.Date(file, path, noon))
	require.NoError(t, file.Close())
}

// What a login links to counts, and not the link.
func TestAStampIsThatOfTheFileBehindALink(t *testing.T) {
	machinetest.SkipUnderWine(t, machinetest.LacksLinks)
	folder := t.TempDir()
	write(t, filepath.Join(folder, "login"), "old")
	link := filepath.Join(folder, "auth.json")
	if err := os.Symlink(filepath.Join(folder, "login"), link); err != nil {
		t.Skip("this user may make no links: ", err) // Windows asks for a right
	}
	direct, err := system.Here.Stamp(filepath.Join(folder, "login"))
	require.NoError(t, err)
	linked, err := system.Here.Stamp(link)
	require.NoError(t, err)
	require.Equal(t, direct, linked)
}

// A poll of a dead login costs one of these.
func BenchmarkStamp(b *testing.B) {
	path := filepath.Join(b.TempDir(), "auth.json")
	require.NoError(b, os.WriteFile(path, []byte("old"), 0o600))
	b.Run("Stamp", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := system.Here.Stamp(path); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Stat", func(b *testing.B) { // to compare with
		b.ReportAllocs()
		for b.Loop() {
			if _, err := os.Stat(path); err != nil {
				b.Fatal(err)
			}
		}
	})
}
