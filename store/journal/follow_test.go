package journal_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/journal"
)

// line is an entry of a journal as a test tells it from others.
func line(name string) string {
	return `{"kind":"login","at":"2026-03-04T05:06:07Z","pid":1,"key":"` + name + `"}` + "\n"
}

// news are the token ids of the entries that are new.
func news(t *testing.T, follower *journal.Follower) string {
	t.Helper()
	var found []string
	_, err := follower.News(func(each journal.Line) error {
		found = append(found, string(each.Entry.TokenID))
		return nil
	})
	require.NoError(t, err)
	return strings.Join(found, " ")
}

func TestFollowerReadsEachLineOnce(t *testing.T) {
	path := filepath.Join(machinetest.Dir(t), "journal")
	write := func(lines ...string) { require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "")), 0o600)) }
	replace := func(lines ...string) {
		require.NoError(t, os.WriteFile(path+".new", []byte(strings.Join(lines, "")), 0o600))
		require.NoError(t, os.Rename(path+".new", path))
	}
	follower := journal.Follow(path)
	require.Empty(t, news(t, follower), "there is no journal yet")

	write(line("a"), line("b"))
	require.Equal(t, "a b", news(t, follower))
	require.Empty(t, news(t, follower), "nothing is new")

	torn := line("c")
	write(line("a"), line("b"), torn[:20])
	require.Empty(t, news(t, follower), "half a line is not an entry")
	write(line("a"), line("b"), torn, line("d"))
	require.Equal(t, "c d", news(t, follower))

	replace(line("b"), line("d"), line("e")) // as a compaction does: another file, without what is not retained
	require.Equal(t, "e", news(t, follower))
	write(line("e"), line("a"))
	require.Equal(t, "a", news(t, follower), "the same file was shortened in place")
	replace(line("x"), line("y"))
	require.Equal(t, "x y", news(t, follower), "the last line is gone, so all may be new")

	require.NoError(t, os.Remove(path))
	require.Empty(t, news(t, follower), "a journal that is gone is no error")
	write(line("f"))
	require.Equal(t, "f", news(t, follower))
}

func TestFollowerGoesOnAfterTheLastOfTwoEqualLines(t *testing.T) {
	path := filepath.Join(machinetest.Dir(t), "journal")
	require.NoError(t, os.WriteFile(path, []byte(line("a")+line("b")+line("a")), 0o600))
	follower := journal.Follow(path)
	require.Equal(t, "a b a", news(t, follower))
	require.NoError(t, os.WriteFile(path+".new", []byte(line("a")+line("b")+line("a")+line("c")), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
	require.Equal(t, "c", news(t, follower))
}

func TestFollowerCountsWhatItCannotRead(t *testing.T) {
	path := filepath.Join(machinetest.Dir(t), "journal")
	endless := strings.Repeat("x", 48<<10) + "\n"
	require.NoError(t, os.WriteFile(path, []byte("{}\n\nnonsense\n"+endless+line("a")), 0o600))
	entries := 0
	unreadable, err := journal.Follow(path).News(func(journal.Line) error { entries++; return nil })
	require.NoError(t, err)
	require.Equal(t, 1, entries)
	require.Equal(t, 3, unreadable, "a line without a kind, one that is no JSON, and one that is too long")
}

func TestFollowerTellsItsErrorsFromThoseOfItsCaller(t *testing.T) {
	path := filepath.Join(machinetest.Dir(t), "journal")
	require.NoError(t, os.WriteFile(path, []byte(line("a")+line("b")), 0o600))
	broken, calls := errors.New("broken pipe"), 0
	follower := journal.Follow(path)
	_, err := follower.News(func(journal.Line) error { calls++; return broken })
	require.Equal(t, broken, err)
	require.Equal(t, 1, calls, "the first error ends it")
	require.Equal(t, "b", news(t, follower), "and the next look goes on after it")

	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Mkdir(path, 0o700))
	_, err = follower.News(func(journal.Line) error { return nil })
	unavailable, ok := errors.AsType[*persist.UnavailableError](err)
	require.True(t, ok, err)
	require.EqualError(t, unavailable.Err, path+": a folder is in its place")
}
