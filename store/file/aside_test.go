package file

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/store/system/systemtest"
)

// What is no login may be one that was damaged, or a file that was linked by
// mistake. It is kept, whatever takes it away.
func TestWhatIsNoLoginIsKeptWhenItGoes(t *testing.T) {
	for name, take := range map[string]func(*Store) error{
		"login":  func(s *Store) error { return s.Replace(background, newLogin) },
		"logout": func(s *Store) error { return s.Delete(background) },
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			path, aside := filepath.Join(home, authFile), filepath.Join(home, asideFile)
			s := quiet(home)
			for n, each := range []string{`{"tokens": {"access_to`, `{"tokens": {"access_to`, "notes of mine"} {
				require.NoError(t, os.WriteFile(path, []byte(each), 0o600))
				require.NoError(t, take(s))
				kept, err := filepath.Glob(aside + "*")
				require.NoError(t, err)
				require.Len(t, kept, max(1, n), "the same is kept once")
			}
			for file, want := range map[string]string{aside: `{"tokens": {"access_to`, aside + ".2": "notes of mine"} {
				content, err := os.ReadFile(file)
				require.NoError(t, err)
				require.Equal(t, want, string(content))
				systemtest.RequireForOwnerAlone(t, file)
			}
			requireNoLitter(t, home, authFile, commitFile, asideFile, asideFile+".2")
		})
	}
}

func TestALoginAndAnEmptyFileAreNotKeptWhenTheyGo(t *testing.T) {
	home := t.TempDir()
	s := quiet(home)
	require.NoError(t, os.WriteFile(filepath.Join(home, authFile), []byte(" \n"), 0o600))
	require.NoError(t, s.Replace(background, oldLogin))
	require.NoError(t, s.Replace(background, newLogin))
	require.NoError(t, s.Delete(background))
	requireNoLitter(t, home, commitFile)
}

func TestAFileThatIsFarTooLargeForALoginIsMovedAside(t *testing.T) {
	home := t.TempDir()
	path := filepath.Join(home, authFile)
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Truncate(path, 1<<40))
	s := quiet(home)
	require.NoError(t, s.Replace(background, newLogin))
	require.Equal(t, "new", stored(t, s))
	info, err := os.Stat(filepath.Join(home, asideFile))
	require.NoError(t, err)
	require.EqualValues(t, 1<<40, info.Size())
}
