package laws

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// faces are how many exported names, methods not counted, a package may have. A
// reader of go doc has to take in all of them.
var faces = map[string]int{"machine": 60, "machine/engine": 18, "machine/persist": 25}

func TestLawPublicFacesAreSmall(t *testing.T) {
	exported := map[string][]string{}
	eachGoFile(t, ".go", func(file string, tree *ast.File, _ *token.FileSet) {
		folder := path.Dir(file)
		if faces[folder] == 0 || strings.HasSuffix(file, "_test.go") {
			return
		}
		for _, each := range tree.Decls {
			if method, ok := each.(*ast.FuncDecl); ok && method.Recv != nil {
				continue
			}
			for _, name := range declares(each) {
				if ast.IsExported(name) && !slices.Contains(exported[folder], name) {
					exported[folder] = append(exported[folder], name)
				}
			}
		}
	})
	for folder, limit := range faces {
		assert.NotEmpty(t, exported[folder], "%s is not there, or exports nothing", folder)
		assert.LessOrEqual(t, len(exported[folder]), limit, "%s exports %s", folder, strings.Join(exported[folder], " "))
	}
}
