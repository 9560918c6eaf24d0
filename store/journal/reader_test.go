package journal_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/journal"
)

// spent is the line of a rotation, as long as a test says.
func spent(name string, bytes int) string {
	text := `{"kind":"rotated","at":"2026-03-04T05:06:07Z","pid":1,"key":"` + name + `","next":"n","pad":"`
	return text + strings.Repeat("x", max(0, bytes-len(text)-3)) + "\"}\n"
}

// The longest line that is read has 16 KiB; one that is longer is no entry.
func TestReaderReadsEachLineOnceHoweverTheJournalGrows(t *testing.T) {
	const longest = 16 << 10
	content := spent("a", 0) + spent("long", longest) + spent("b", 0) + spent("too long", longest+1) + spent("c", 0)
	path := filepath.Join(machinetest.Dir(t), "journal")
	write := func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	edges := []int{len(spent("a", 0)) + longest, len(content) - len(spent("c", 0))}
	cuts := []int{edges[0] - 1, edges[0], edges[0] + 1, edges[1] - 1, edges[1], edges[1] + 1}
	for cut := 0; cut < len(content); cut += 1009 {
		cuts = append(cuts, cut)
	}
	for _, cut := range cuts {
		write(content[:cut])
		reader, follower := journal.NewReader(disk.Here, path, here), journal.Follow(path)
		_, first, err := reader.History()
		require.NoError(t, err)
		before := news(t, follower)
		write(content)
		known, second, err := reader.History()
		require.NoError(t, err)
		require.Equal(t, "a long b c", strings.TrimSpace(before+" "+news(t, follower)), cut)
		require.Equal(t, 1, first+second, "one line is too long (%d)", cut)
		for _, id := range []secret.Fingerprint{"a", "long", "b", "c"} {
			require.NotNil(t, known.VerdictOn(id), "%s (%d)", id, cut)
		}
	}
}

func TestReaderForgetsAJournalThatWasReplaced(t *testing.T) {
	path := filepath.Join(machinetest.Dir(t), "journal")
	reader := journal.NewReader(disk.Here, path, here)
	for _, content := range []string{spent("a", 0), spent("b", 0) + spent("c", 0), spent("d", 0)} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		known, _, err := reader.History()
		require.NoError(t, err)
		again, _, err := journal.NewReader(disk.Here, path, here).History()
		require.NoError(t, err)
		require.Equal(t, again, known)
	}
}

func TestReaderFindsTheNewestOfLinesOfCommonLength(t *testing.T) {
	path := filepath.Join(machinetest.Dir(t), "journal")
	var content strings.Builder
	for n := range 20 {
		content.WriteString(spent(string(key(n)), 3<<10))
	}
	require.NoError(t, os.WriteFile(path, []byte(content.String()), 0o600))
	found, err := journal.NewReader(disk.Here, path, here).Newest(4)
	require.NoError(t, err)
	require.Len(t, found, 4)
	require.Equal(t, key(16), found[0].TokenID)
}

func TestNewestAreTheLastEntries(t *testing.T) {
	var entries []persist.Entry
	for n := range 20 {
		entries = append(entries, persist.Entry{Kind: persist.Revoked, TokenID: key(n)})
		found, err := journal.Newest(withoutError(entries), 3)
		require.NoError(t, err)
		require.Equal(t, entries[max(0, len(entries)-3):], found)
	}
}
