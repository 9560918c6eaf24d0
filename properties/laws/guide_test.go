package laws

import (
	"go/ast"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mention is a place in the code that a guide names: a file, and perhaps what is
// declared in it.
var mention = regexp.MustCompile("`([\\w./-]+\\.go)(?::([\\w.]+))?`")

// TestGuidesNameWhatExists holds README.md and CONTRIBUTING.md to the code.
func TestGuidesNameWhatExists(t *testing.T) {
	declared, places := declarations(t), 0
	for _, guide := range []string{"README.md", ".github/CONTRIBUTING.md"} {
		for _, found := range mention.FindAllStringSubmatch(read(t, guide), -1) {
			file, name := found[1], found[2]
			places++
			names, exists := declared[file]
			if assert.True(t, exists, "%s names %s, which is not there", guide, file) && name != "" {
				assert.Contains(t, names, name, "%s names it in %s", guide, file)
			}
		}
	}
	assert.Greater(t, places, 20, "are the places not found?")
}

// TestReadmeShowsEveryPackage holds the map of the packages to the folders.
func TestReadmeShowsEveryPackage(t *testing.T) {
	shown := map[string]bool{}
	for _, line := range regexp.MustCompile(`(?m)^ {4,}[a-z]+/.*`).FindAllString(read(t, "README.md"), -1) {
		for _, name := range regexp.MustCompile(`\b([a-z]+)/`).FindAllStringSubmatch(line, -1) {
			shown[name[1]] = true
		}
	}
	exists := map[string]bool{}
	for file := range declarations(t) {
		folders := strings.Split(path.Dir(file), "/")
		for _, folder := range folders {
			exists[folder] = true
		}
		if slices.Contains([]string{"machine", "store", "protocol", "cmd"}, folders[0]) && !strings.HasSuffix(file, "_test.go") {
			assert.True(t, shown[folders[len(folders)-1]], "README.md leaves %s out of its map", path.Dir(file))
		}
	}
	for name := range shown {
		assert.True(t, exists[name], "README.md has %s in its map, which is not there", name)
	}
}

// declarations are the names that each Go file declares; methods also have their
// type in front.
func declarations(t *testing.T) map[string][]string {
	all := map[string][]string{}
	eachGoFile(t, ".go", func(file string, tree *ast.File, _ *token.FileSet) {
		all[file] = nil
		for _, each := range tree.Decls {
			all[file] = append(all[file], declares(each)...)
		}
	})
	return all
}

func declares(declaration ast.Decl) []string {
	var names []string
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		names = append(names, d.Name.Name)
		if d.Recv != nil {
			names = append(names, receiver(d.Recv.List[0].Type)+"."+d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				names = append(names, spec.Name.Name)
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					names = append(names, name.Name)
				}
			}
		}
	}
	return names
}

// receiver is the name of a receiver's type, without pointer and parameters.
func receiver(of ast.Expr) string {
	switch of := of.(type) {
	case *ast.StarExpr:
		return receiver(of.X)
	case *ast.IndexExpr:
		return receiver(of.X)
	case *ast.Ident:
		return of.Name
	}
	return ""
}

func read(t *testing.T, name string) string {
	text, err := os.ReadFile(filepath.Join(root(t), name))
	require.NoError(t, err)
	return string(text)
}
