// Package codextest runs a real codex for tests, alone or as the backend of bezoar, with all
// that it talks to in this process (package scripted) and a home of its own.
package codextest

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// Newest is the version that most tests run; Versions are those that all must hold for.
const Newest = "0.171.0"

var Versions = []string{Newest, "0.169.0", "0.117.0"}

// Find is the path of a codex. BEZOAR_TEST_CODEX names the newest one; for another version the
// variable has the version at its end, as BEZOAR_TEST_CODEX_0_117_0. The test is skipped if
// the variable is not set.
func Find(t testing.TB, version string) string {
	t.Helper()
	name := "BEZOAR_TEST_CODEX"
	if version != Newest {
		name += "_" + strings.ReplaceAll(version, ".", "_")
	}
	path := os.Getenv(name)
	if path == "" {
		t.Skip(name + " names no codex " + version)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", name, err))
	}
	return path
}

// Each runs a test with every version, beside other tests.
func Each(t *testing.T, test func(t *testing.T, codex string)) {
	t.Parallel()
	for _, version := range Versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			test(t, Find(t, version))
		})
	}
}
