package laws

import (
	"go/ast"
	"go/token"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// provider are the names of one provider and its program. What they stand for is handed
// to the machine as data.
var provider = regexp.MustCompile(`(?i)openai|chatgpt|codex`)

// recorded are texts of the machine that homes and ledgers hold: they stay, for older
// builds and other programs read them.
var recorded = map[string]bool{`"chatgpt"`: true, `"chatgptAuthTokens"`: true}

// TestLawMachineKnowsNoProvider is about names and strings, and not about comments,
// which say where a text comes from.
func TestLawMachineKnowsNoProvider(t *testing.T) {
	found := map[string]bool{}
	eachGoFile(t, ".go", func(file string, tree *ast.File, _ *token.FileSet) {
		if !strings.HasPrefix(file, "machine/") || strings.HasSuffix(file, "_test.go") {
			return
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Ident:
				assert.False(t, provider.MatchString(n.Name), "%s: the name %s", file, n.Name)
			case *ast.BasicLit:
				found[n.Value] = true
				assert.False(t, n.Kind == token.STRING && !recorded[n.Value] && provider.MatchString(n.Value), "%s: the text %s", file, n.Value)
			}
			return true
		})
	})
	for text := range recorded {
		assert.True(t, found[text], "the machine does not have the text %s: take the exception away", text)
	}
}
