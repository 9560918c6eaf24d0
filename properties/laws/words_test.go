package laws

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// banned are words that hide who does what. A sentence that needs one of them is
// rewritten: name the caller, the user, the process, Codex.
var banned = regexp.MustCompile(`(?i)\b(?:whoever|whom(?:ever)?|somebody|someone|nobody|anybody|anyone|everybody|no\s+one|(?:is|are|was|were|be)\s+told|the\s+reference)\b`)

// exceptions are files whose banned words stay, with the reason.
var exceptions = map[string]string{
	"LICENSE":                       "the license is not ours to word",
	"properties/laws/words_test.go": "it holds the list",
}

// passage is a piece of text that a person reads.
type passage struct {
	file string
	line int // of its beginning
	text string
}

func TestLawNoBannedWords(t *testing.T) {
	var found []string
	for _, each := range passages(t) {
		if exceptions[each.file] != "" {
			continue
		}
		for _, at := range banned.FindAllStringIndex(each.text, -1) {
			line := each.line + strings.Count(each.text[:at[0]], "\n")
			found = append(found, fmt.Sprintf("%s:%d: %q", each.file, line, each.text[at[0]:at[1]]))
		}
	}
	assert.Empty(t, found, "name who does what (.github/CONTRIBUTING.md, Style)")
}

func TestLawTestNamesAreShort(t *testing.T) {
	const limit = 60
	var long []string
	eachGoFile(t, "_test.go", func(name string, tree *ast.File, set *token.FileSet) {
		for _, declared := range tree.Decls {
			f, ok := declared.(*ast.FuncDecl)
			if ok && strings.HasPrefix(f.Name.Name, "Test") && len(f.Name.Name) > limit {
				long = append(long, fmt.Sprintf("%s:%d: %s", name, set.Position(f.Pos()).Line, f.Name.Name))
			}
		}
	})
	assert.Empty(t, long, "names of more than %d letters", limit)
}

func TestLawTheReadmeIsShort(t *testing.T) {
	const limit = 140
	text, err := os.ReadFile(filepath.Join(root(t), "README.md"))
	require.NoError(t, err)
	require.LessOrEqual(t, strings.Count(string(text), "\n"), limit, "move what is about one task, or is a list of facts, to cmd/bezoar/docs")
}

// passages are all comments, strings and names of the Go files, and all lines of
// the other files, with their paths.
func passages(t *testing.T) []passage {
	var all []passage
	eachGoFile(t, ".go", func(name string, tree *ast.File, set *token.FileSet) {
		all = append(all, passagesOf(name, tree, set)...)
	})
	eachFile(t, func(name string) {
		all = append(all, passage{file: name, line: 1, text: strings.ReplaceAll(filepath.Base(name), "_", " ")})
		if slices.Contains([]string{".go", ".sum", ".webp", ".json"}, filepath.Ext(name)) {
			return
		}
		content, err := os.ReadFile(filepath.Join(root(t), name))
		require.NoError(t, err)
		text := regexp.MustCompile(`(?m)^[ \t]*(?:#|//|>) `).ReplaceAllString(string(content), "")
		all = append(all, passage{file: name, line: 1, text: text})
	})
	return all
}

func passagesOf(name string, tree *ast.File, set *token.FileSet) []passage {
	var all []passage
	add := func(at token.Pos, text string) {
		all = append(all, passage{file: name, line: set.Position(at).Line, text: text})
	}
	for _, comment := range tree.Comments {
		var text strings.Builder
		for _, line := range comment.List {
			text.WriteString(strings.TrimPrefix(line.Text, "//") + "\n")
		}
		add(comment.Pos(), text.String())
	}
	names := map[string]token.Pos{}
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
				add(n.Pos(), text)
			}
		case *ast.Ident:
			if _, seen := names[n.Name]; !seen {
				names[n.Name] = n.Pos()
			}
		}
		return true
	})
	for _, each := range slices.Sorted(maps.Keys(names)) {
		add(names[each], apart(each))
	}
	return all
}

// apart puts blanks between the words of a name: "nobodyAsks" is "nobody Asks".
func apart(name string) string {
	var words strings.Builder
	for i, letter := range name {
		if i > 0 && unicode.IsUpper(letter) {
			words.WriteByte(' ')
		}
		words.WriteRune(letter)
	}
	return strings.ReplaceAll(words.String(), "_", " ")
}

// eachGoFile parses the Go files whose names end in suffix.
func eachGoFile(t *testing.T, suffix string, do func(name string, tree *ast.File, set *token.FileSet)) {
	top := root(t)
	eachFile(t, func(name string) {
		if !strings.HasSuffix(name, suffix) {
			return
		}
		f := syntaxOf(t, filepath.Join(top, name))
		do(name, f.tree, f.set)
	})
}

// syntax is a file as it was parsed.
type syntax struct {
	tree *ast.File
	set  *token.FileSet
}

// known are the files that were parsed before: to open each of them for every law takes
// minutes on a busy Windows.
var known = map[string]syntax{}

func syntaxOf(t *testing.T, path string) syntax {
	if f, ok := known[path]; ok {
		return f
	}
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, path, nil, parser.ParseComments|parser.SkipObjectResolution)
	require.NoError(t, err)
	known[path] = syntax{tree, set}
	return known[path]
}

// eachFile names all files of the project by their paths from its root.
func eachFile(t *testing.T, do func(name string)) {
	top := root(t)
	require.NoError(t, filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || strings.HasSuffix(filepath.ToSlash(path), "testdata/rapid")):
			return fs.SkipDir
		case entry.Type().IsRegular() && entry.Name() != ".git": // a file in a second work tree
			name, err := filepath.Rel(top, path)
			do(filepath.ToSlash(name))
			return err
		}
		return nil
	}))
}

// root is the folder of go.mod.
func root(t *testing.T) string {
	for folder := "."; len(folder) < 100; folder = filepath.Join(folder, "..") {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder
		}
	}
	t.Fatal("no go.mod above this folder")
	return ""
}
