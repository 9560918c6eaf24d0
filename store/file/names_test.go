package file

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/authjson"
	"github.com/bezoar-auth/bezoar/store/storetest"
)

// homesOf are homes in a folder as people have them. On Windows a path is long from 260
// characters on.
func homesOf(t *testing.T, folder string) map[string]string {
	t.Chdir(folder)
	homes := map[string]string{
		"blanks":   filepath.Join(folder, "with blanks", " in front"),
		"letters":  filepath.Join(folder, "Jürgen Ørsted 日本語 🪨"),
		"long":     filepath.Join(folder, strings.Repeat("long ", 20)+"x", strings.Repeat("l", 100), strings.Repeat("m", 100)),
		"relative": "relative home",
		"dots":     filepath.Join(folder, "x") + string(filepath.Separator) + ".." + string(filepath.Separator) + "dots",
	}
	require.NoError(t, os.Mkdir(filepath.Join(folder, "x"), 0o700))
	maps.Copy(homes, homesOfSystem(folder))
	return homes
}

// asAnEditorLeavesIt is a login with the byte-order mark and the line ends of Windows.
func asAnEditorLeavesIt(t *testing.T) []byte {
	content, err := authjson.Encode(oldLogin, nil)
	require.NoError(t, err)
	return append([]byte("\ufeff"), bytes.ReplaceAll(content, []byte("\n"), []byte("\r\n"))...)
}

func TestAHomeMayHaveAnyName(t *testing.T) {
	for name, home := range homesOf(t, t.TempDir()) {
		t.Run(name, func(t *testing.T) {
			if err := os.MkdirAll(home, 0o700); err != nil {
				t.Skip("there is no such place here: ", err)
			}
			require.NoError(t, os.WriteFile(filepath.Join(home, authFile), asAnEditorLeavesIt(t), 0o600))
			s := quiet(home)
			ledger := OpenLedger(home, storetest.LedgerIssuer, LedgerOptions{LimitBytes: 1})
			require.Equal(t, "old", stored(t, s))
			_, known := s.Stamp(background)
			require.True(t, known)

			unlock, err := s.Lock(background)
			require.NoError(t, err)
			release, err := s.Reserve(background, oldLogin)
			require.NoError(t, err)
			require.NoError(t, ledger.Intend(background, persist.Entry{Kind: persist.Intended, TokenID: ledgerKey(1), At: time.Now()}, history.Doubt{}))
			require.NoError(t, s.Swap(background, revisionIn(t, s), newLogin))
			require.NoError(t, ledger.Conclude(background, ledgerKey(1), refusal(1)))
			release()
			unlock()
			require.Equal(t, "new", stored(t, s))
			require.Len(t, verdictsOf(t, ledger), 1)

			require.NoError(t, os.WriteFile(filepath.Join(home, authFile), []byte("no login"), 0o600))
			require.NoError(t, s.Probe(background))
			require.NoError(t, s.Replace(background, otherLogin))
			require.Equal(t, "other", stored(t, s))
			require.NoError(t, s.Delete(background))
			require.Equal(t, "none", stored(t, s))
			requireNoLitter(t, home, lockFile, commitFile, LedgerName, LedgerName+".lock", "auth.intents", asideFile)
		})
	}
}
