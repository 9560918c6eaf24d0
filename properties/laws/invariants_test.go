package laws

import (
	"go/ast"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/states"
)

func TestEveryInvariantIsHeldByTestsThatExist(t *testing.T) {
	tests := map[string]bool{}
	for _, f := range parsed(t, func(name string) bool { return strings.HasSuffix(name, "_test.go") }) {
		for _, declared := range f.tree.Decls {
			if function, ok := declared.(*ast.FuncDecl); ok && function.Recv == nil {
				tests[function.Name.Name] = true
			}
		}
	}
	for _, invariant := range states.Invariants() {
		require.NotEmpty(t, invariant.Tests, invariant.Promise)
		for _, name := range invariant.Tests {
			require.True(t, tests[name] && strings.HasPrefix(name, "Test"), "%q is held by %s, which does not exist", invariant.Promise, name)
		}
	}
}
