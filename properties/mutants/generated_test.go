package mutants

import (
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var generatedMutants = flag.String("mutants.generated", "", "a folder with gremlins' reports, each at the path of its room")

// furtherTests are asked about a generated mutant that its room's own tests let
// live, or do not reach: of the machine, the rooms that stand on it too.
var furtherTests = strings.Join([]string{
	unit + " " + engineUnit + " ./machine/history ./store/journal ./store/file ./protocol/oauth",
	"./properties/model ./properties/simulation ./properties/bubble -run=^(TestMachineAgrees|TestStoriesThat|TestSimulation$|TestEngineKeeps).* -rapid.checks=2000",
	"./properties/walk",
	clients,
}, ";")

// generated is a mutant that gremlins made: one operator in the place of another.
type generated struct {
	Type         string // "CONDITIONALS_BOUNDARY", …
	Status       string // what its room's own tests made of it: "KILLED", "LIVED", …
	Line, Column int    // of the operator, from 1
	file         string
}

// operators is what each type of mutant makes of an operator. It is gremlins'
// own table, as far as the types are asked for.
var operators = map[string]map[string]string{
	"ARITHMETIC_BASE":       {"+": "-", "-": "+", "*": "/", "/": "*", "%": "*"},
	"CONDITIONALS_BOUNDARY": {">=": ">", ">": ">=", "<=": "<", "<": "<="},
	"CONDITIONALS_NEGATION": {"==": "!=", "!=": "==", ">=": "<", "<": ">=", "<=": ">", ">": "<="},
	"INCREMENT_DECREMENT":   {"++": "--", "--": "++"},
	"INVERT_LOGICAL":        {"&&": "||", "||": "&&"},
	"INVERT_NEGATIVES":      {"-": "+"},
}

// TestEveryGeneratedMutantIsKilledOrArgued puts each mutant of gremlins' reports
// that the tests of its room do not kill to the tests of the other rooms. It is
// for generated.sh, which makes the reports.
func TestEveryGeneratedMutantIsKilledOrArgued(t *testing.T) {
	if *generatedMutants == "" {
		return // minutes of work, and gremlins' reports are needed
	}
	gone := maps.Clone(arguedMutants)
	all, lived := 0, 0
	for _, m := range readReports(t, *generatedMutants) {
		switch m.Status {
		case "KILLED", "TIMED OUT":
			all++
			continue
		case "NOT VIABLE":
			continue // it does not compile
		}
		name, text := m.mutated(t)
		overlay, err := overlay(t.TempDir(), m.file, text)
		require.NoError(t, err)
		said, err := testedWith(overlay, furtherTests)
		if strings.Contains(said, "[build failed]") {
			continue
		}
		all++
		if err != nil {
			require.Contains(t, said, "FAIL", name)
			continue
		}
		lived++
		delete(gone, name)
		if because := arguedMutants[name]; because == "" {
			t.Errorf("it lives, at %s:%d, and no reason is given: %q", m.file, m.Line, name)
		}
	}
	t.Logf("%d of %d generated mutants killed, %.1f %%", all-lived, all, 100*float64(all-lived)/float64(all))
	require.LessOrEqual(t, lived*20, all, "fewer than 95 of 100 are killed")
	require.Empty(t, gone, "these are killed by now, or gone")
}

// mutated is the mutant's name and its file with the fault in it. The name says
// where and what, and stays when lines above it come or go.
func (m generated) mutated(t *testing.T) (name, text string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, m.file))
	require.NoError(t, err)
	lines := strings.SplitAfter(string(content), "\n")
	line := lines[m.Line-1]
	before, rest := line[:m.Column-1], line[m.Column-1:]
	found := ""
	for operator := range operators[m.Type] {
		if strings.HasPrefix(rest, operator) && len(operator) > len(found) {
			found = operator
		}
	}
	require.NotEmpty(t, found, "%s:%d:%d is no place for %s: are the reports of this tree?", m.file, m.Line, m.Column, m.Type)
	mutant := before + operators[m.Type][found] + rest[len(found):]
	lines[m.Line-1] = mutant
	return fmt.Sprintf("%s: %s", m.file, strings.TrimSpace(mutant)), strings.Join(lines, "")
}

// readReports returns the mutants of all reports under the folder, in order.
func readReports(t *testing.T, folder string) (mutants []generated) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		room, err := filepath.Rel(folder, strings.TrimSuffix(path, ".json"))
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var report struct {
			Files []struct {
				Name      string      `json:"file_name"`
				Mutations []generated `json:"mutations"`
			} `json:"files"`
		}
		if err := json.Unmarshal(content, &report); err != nil {
			return fmt.Errorf("%s is no report: %w", path, err)
		}
		for _, file := range report.Files {
			for _, mutant := range file.Mutations {
				mutant.file = filepath.ToSlash(filepath.Join(room, file.Name))
				mutants = append(mutants, mutant)
			}
		}
		return nil
	}))
	slices.SortFunc(mutants, func(a, b generated) int {
		return strings.Compare(fmt.Sprintf("%s %5d %5d", a.file, a.Line, a.Column), fmt.Sprintf("%s %5d %5d", b.file, b.Line, b.Column))
	})
	require.NotEmpty(t, mutants, "no reports in %s", folder)
	return mutants
}

// arguedMutants live, for a reason.
var arguedMutants = map[string]string{
	"machine/refresh.go: for ; failures > 1 && base <= ceiling; failures-- {": "one more doubling of what the line below cuts to the ceiling",
}
