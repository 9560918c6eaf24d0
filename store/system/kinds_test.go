package system_test

import (
	"errors"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/store/system"
	"github.com/bezoar-auth/bezoar/store/system/systemtest"
)

// kept are the promises that a system is seen to keep.
func kept(t *testing.T, on system.System) (all []system.Promise) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Link(path, path+".other"))
	info, err := os.Stat(path)
	require.NoError(t, err)
	lock := on.NewLock(path + ".lock")
	defer lock.Close()
	locked, _ := lock.TryLock()
	started, _ := on.Started(os.Getpid())
	missing := filepath.Join("no such folder", "file") // whatever the disk of this test can
	for promise, isKept := range map[system.Promise]bool{
		system.Exchanges:      !errors.Is(on.Exchange(missing, missing), errors.ErrUnsupported),
		system.KnowsProcesses: started != "" && on.PIDNamespace() != "",
		system.HasLocks:       locked,
		system.CountsNames:    on.Names(path, info) == 2,
	} {
		if isKept {
			all = append(all, promise)
		}
	}
	return all
}

// STATES.md says by the table of kinds what a death leaves.
func TestThisSystemKeepsWhatItsKindDoes(t *testing.T) {
	kind := system.KindHere()
	require.Equal(t, runtime.GOOS, kind.GOOS)
	all := slices.DeleteFunc(system.Promises(), func(p system.Promise) bool { return !kind.Keeps(p) })
	require.ElementsMatch(t, all, kept(t, system.Here))
}

// Most of these systems cannot be run here; what their files say can be read. A method that does
// nothing but to return one of these keeps no promise.
func TestEachKindKeepsWhatItsFilesDo(t *testing.T) {
	methods := map[system.Promise]struct{ name, keepsNothing string }{
		system.Exchanges:      {"Exchange", "return errors.ErrUnsupported"},
		system.KnowsProcesses: {"PIDNamespace", `return ""`},
		system.CountsNames:    {"Names", "return 1"},
	}
	for _, kind := range system.Kinds() {
		if kind.GOOS == "" {
			continue
		}
		bodies := bodiesOn(t, kind.GOOS)
		for promise, method := range methods {
			require.Contains(t, bodies, method.name, kind.Name)
			require.Equal(t, kind.Keeps(promise), bodies[method.name] != "{ "+method.keepsNothing+" }", "%s on %s", promise, kind.Name)
		}
	}
}

// bodiesOn are the methods of Here in the files that are compiled for a system.
func bodiesOn(t *testing.T, goos string) map[string]string {
	t.Helper()
	target, files := build.Default, token.NewFileSet()
	target.GOOS, target.GOARCH, target.CgoEnabled = goos, "amd64", false
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	bodies := map[string]string{}
	for _, name := range names {
		isBuilt, err := target.MatchFile(".", name)
		require.NoError(t, err)
		if !isBuilt || strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		file, err := parser.ParseFile(files, name, text, 0)
		require.NoError(t, err)
		for _, each := range file.Decls {
			if method, ok := each.(*ast.FuncDecl); ok && method.Recv != nil {
				begin, end := files.Position(method.Body.Pos()).Offset, files.Position(method.Body.End()).Offset
				bodies[method.Name.Name] = strings.Join(strings.Fields(string(text[begin:end])), " ")
			}
		}
	}
	return bodies
}

func TestAWeakerSystemLacksWhatItIsMadeWithout(t *testing.T) {
	here := kept(t, system.Here)
	for _, lack := range system.Promises() {
		rest := slices.DeleteFunc(slices.Clone(here), func(p system.Promise) bool { return p == lack })
		require.ElementsMatch(t, rest, kept(t, systemtest.Without(lack)), lack)
	}
	require.Empty(t, kept(t, systemtest.Weakest()))
}
