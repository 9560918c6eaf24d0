package mutants

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
)

// root is where the module begins.
var root = filepath.Join("..", "..")

// TestEveryMutantIsKilled puts one fault after another into the program, by way
// of go test -overlay, so that no file is touched, and demands that the tests
// which should notice do. The short form tries one mutant for each room.
func TestEveryMutantIsKilled(t *testing.T) {
	machinetest.SkipUnderWine(t, machinetest.LacksGo)
	known, err := filepath.Glob(filepath.Join("..", "*", "testdata", "rapid", "*", "*"))
	require.NoError(t, err)
	require.Empty(t, known, "failures that rapid repeats would kill every mutant")
	for _, m := range mutants {
		if !m.quick && !machinetest.Long() {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			overlay, err := m.overlay(t.TempDir())
			require.NoError(t, err)
			said, err := testedWith(overlay, m.tests)
			require.NotContains(t, said, "[build failed]", "it does not compile")
			require.Error(t, err, "it lives: no test notices that this promise is broken: %s", m.breaks)
			require.Contains(t, said, "--- FAIL", "go test fails before any test does:\n%s", said)
		})
	}
}

// TestEverySurvivorLives: one that is noticed by now belongs to the others.
func TestEverySurvivorLives(t *testing.T) {
	for _, m := range survivors {
		require.NotEmpty(t, m.because, m.name)
		_, err := m.mutated()
		require.NoError(t, err, m.name)
		if machinetest.Long() {
			overlay, err := m.overlay(t.TempDir())
			require.NoError(t, err)
			said, err := testedWith(overlay, m.tests)
			require.NoError(t, err, "%s is noticed:\n%s", m.name, said)
		}
	}
}

// TestEveryMutantStillHasItsPlace keeps the list true: what a mutant replaces
// must be in its file, once.
func TestEveryMutantStillHasItsPlace(t *testing.T) {
	names := map[string]bool{}
	for _, m := range mutants {
		_, err := m.mutated()
		assert.NoError(t, err, m.name)
		require.False(t, names[m.name], "%s is listed twice", m.name)
		require.NotEmpty(t, m.breaks, m.name)
		m.namesTests(t)
		names[m.name] = true
	}
}

// namesTests demands that each test a mutant asks for exists: -run passes where
// it finds none.
func (m mutant) namesTests(t *testing.T) {
	t.Helper()
	for tests := range strings.SplitSeq(m.tests, ";") {
		var text strings.Builder // of the tests of all folders that are named
		var wanted string
		for _, word := range strings.Fields(tests) {
			if name, ok := strings.CutPrefix(word, "-run="); ok {
				wanted = name
			}
			files, err := filepath.Glob(filepath.Join(root, word, "*_test.go"))
			require.NoError(t, err)
			for _, file := range files {
				content, err := os.ReadFile(file)
				require.NoError(t, err)
				text.Write(content)
			}
		}
		require.NotEmpty(t, text.String(), "%s: no tests in %s", m.name, tests)
		for _, name := range regexp.MustCompile(`Test\w+`).FindAllString(wanted, -1) {
			require.Contains(t, text.String(), "func "+name, "%s: %s does not find its test", m.name, tests)
		}
	}
}

// mutated is the file with the fault in it.
func (m mutant) mutated() (string, error) {
	text, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return "", err
	}
	if times := strings.Count(string(text), m.old); times != 1 {
		return "", fmt.Errorf("%s has %d places for this", m.file, times)
	}
	return strings.Replace(string(text), m.old, m.new, 1), nil
}

// overlay writes what go test -overlay wants to read, and returns its name.
func (m mutant) overlay(folder string) (string, error) {
	text, err := m.mutated()
	if err != nil {
		return "", err
	}
	return overlay(folder, m.file, text)
}

// overlay writes what go test -overlay wants to read so that it finds the text
// in the file's place, and returns its name.
func overlay(folder, file, text string) (string, error) {
	replaced, err := filepath.Abs(filepath.Join(root, file))
	if err != nil {
		return "", err
	}
	mutated, overlay := filepath.Join(folder, "mutated.go"), filepath.Join(folder, "overlay.json")
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{replaced: mutated}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(mutated, []byte(text), 0o600); err != nil {
		return "", err
	}
	return overlay, os.WriteFile(overlay, list, 0o600)
}

// testedWith runs the short form of the tests that should notice, until one does:
// that form has to find a planted fault too. Each run draws the same values, so that
// luck decides for no mutant. What rapid finds on the way is not kept.
func testedWith(overlay, tests string) (said string, err error) {
	for tests := range strings.SplitSeq(tests, ";") {
		args := []string{"test", "-overlay=" + overlay, "-count=1", "-short", "-failfast", "-vet=off", "-timeout=3m"}
		test := exec.Command("go", append(args, strings.Fields(tests)...)...)
		test.Dir = root
		test.Env = append(os.Environ(), "RAPID_NOFAILFILE=true", "RAPID_SEED=20261125", "BEZOAR_TEST_LONG=")
		output, failed := test.CombinedOutput()
		if said, err = string(output), failed; failed != nil {
			break
		}
	}
	return said, err
}
