package laws

import (
	"go/ast"
	"go/token"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// wineLacks is how many reasons there may be for a test to be skipped under Wine: more
// of them, and it would not be Windows that the tests run on.
const wineLacks = 15

func TestLawFewReasonsToSkipUnderWine(t *testing.T) {
	reasons, used := map[string]bool{}, map[string]bool{}
	eachGoFile(t, ".go", func(name string, tree *ast.File, _ *token.FileSet) {
		for _, declared := range tree.Decls {
			if d, ok := declared.(*ast.GenDecl); ok && name == "machine/machinetest/wine.go" && d.Tok == token.CONST {
				for _, spec := range d.Specs {
					reasons[spec.(*ast.ValueSpec).Names[0].Name] = true
				}
			}
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && strings.HasPrefix(s.Sel.Name, "Lacks") {
				used[s.Sel.Name] = true
			}
			return true
		})
	})
	require.LessOrEqual(t, len(reasons), wineLacks)
	require.NotEmpty(t, reasons)
	for reason := range reasons {
		require.True(t, used[reason], "no test is skipped for %s", reason)
	}
}
