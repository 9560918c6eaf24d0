package laws

import (
	"cmp"
	"go/ast"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/bezoar-auth/bezoar/"

// rows is the import table: a package imports lower rows only, siblings never.
// A package that is not in it has no place yet: give it one here and in the
// design.
var rows = map[string]int{
	"machine/secret": 0, "machine/evidence": 0, "store/system": 0, "protocol": 0, "protocol/jsonrpc": 0, "protocol/legible": 0, "protocol/loopback": 0,
	"protocol/front/surface": 1, "machine/jwt": 1, "machine/history": 1, "protocol/outbound": 1, "protocol/websocket": 1, "store/disk": 1, "store/system/systemtest": 1,
	"machine/endpoint": 2, "cmd/bezoar/socket": 2, "protocol/profile": 2, "protocol/mcp": 2,
	"machine": 3, "protocol/schema": 3, "protocol/schema/schematest": 4,
	"cmd/bezoar/diagram": 4, "machine/persist": 4, "protocol/oauth": 4, "protocol/chatgpt": 4,
	"machine/engine/internal/owner": 5, "machine/engine": 6, "store/record": 5, "store/journal": 5, "store/fallback": 5, "store/bounded": 5,
	"protocol/login": 5, "protocol/oauth/issuer": 5, "protocol/chatgpt/scripted": 6,
	"store/authjson": 6, "store/accountjson": 6, "store/memory": 6, "store/storetest": 6,
	"store/file": 7, "store/keyring": 7,
	"protocol/appserver": 7, "cmd/bezoar/browser": 0, "cmd/bezoar/poller": 0, "cmd/bezoar/rival": 0, "cmd/bezoar/config": 6, "cmd/bezoar/processor": 6, "cmd/bezoar/resource": 5,
	"protocol/front": 8, "protocol/front/fronttest": 8,
	"cmd/bezoar/backend": 8, "cmd/bezoar/cli": 8, "cmd/bezoar/scenetest": 8,
	"cmd/bezoar/session": 9, "cmd/bezoar/live": 9, "cmd/bezoar/states": 9,
	"cmd/bezoar/view":    10,
	"cmd/bezoar/account": 11, "cmd/bezoar/accounts": 11, "cmd/bezoar/doctor": 11, "cmd/bezoar/server": 11, "cmd/bezoar/publish": 11, "cmd/bezoar/demo": 11, "cmd/bezoar/issuer": 11,
	"cmd/bezoar/mcp":      12,
	"cmd/bezoar":          13,
	"machine/machinetest": 4, "machine/engine/enginetest": 7, "properties": 12, "properties/programtest": 12, "properties/propertytest": 12, "properties/codextest": 13,
}

// meant are imports that the rows or the bans are against, with the reason.
var meant = map[[2]string]string{
	{"protocol/oauth", "protocol/outbound"}: "a call to a server is no conversation with a client",
	{"protocol/oauth", "protocol/legible"}:  "what an issuer says is shown",
	{"protocol/oauth", "protocol/profile"}:  "a profile is data about issuers",
	{"protocol/oauth", "protocol/loopback"}: "what a server elsewhere names must not be this machine",
}

// bans are imports that the rows would allow, with what would break. They hold for the
// internal packages of a room too.
var bans = []struct{ from, to, why string }{
	{"machine/engine", "protocol", "the engine declares the Issuer it needs; cmd plugs one in"},
	{"machine", "machine/persist", "the machine decides, and neither reads nor writes"},
	{"machine", "store", "the machine decides, and neither reads nor writes"},
	{"machine/persist", "store", "the contract knows no backend"},
	{"machine/engine", "store", "the engine needs a contract; cmd plugs a backend in"},
	{"machine", "protocol", "the machine knows no wire"},
	{"cmd/bezoar/diagram", "store", "the picture shows the machine alone"},
	{"cmd/bezoar/diagram", "protocol", "the picture shows the machine alone"},
	{"store/accountjson", "protocol", "a record is one of any issuer"},
	{"store/file", "protocol", "a store knows nothing of issuers and clients"},
	{"store/keyring", "protocol", "a store knows nothing of issuers and clients"},
	{"store/fallback", "protocol", "a store knows nothing of issuers and clients"},
	{"store/memory", "protocol", "a store knows nothing of issuers and clients"},
	{"protocol/oauth", "store", "what an issuer answers does not depend on a disk"},
	{"protocol/oauth", "protocol", "the issuer's wire is not the clients' wire"},
	{"protocol/oauth/issuer", "store", "an issuer knows nothing of its clients' disks"},
	{"protocol/jsonrpc", "machine", "the framing knows no method"},
}

func TestImportsPointDownTheRows(t *testing.T) {
	isRoom := map[string]bool{}
	for _, f := range sources(t) {
		isRoom[f.room] = true
		row, known := rows[f.room]
		require.True(t, known, "%s: package %s has no row", f.name, f.room)
		for _, imported := range f.imports() {
			to, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			below, known := rows[to]
			_, isMeant := meant[[2]string{f.room, to}]
			require.True(t, known, "%s imports %s, which has no row", f.name, to)
			require.True(t, below < row || isMeant, "%s imports %s: row %d must not know row %d", f.name, to, row, below)
			for _, ban := range bans {
				isBanned := (f.room == ban.from || strings.HasPrefix(f.room, ban.from+"/internal/")) && (to == ban.to || strings.HasPrefix(to, ban.to+"/"))
				require.False(t, isBanned && !isMeant, "%s imports %s, but %s", f.name, to, ban.why)
			}
		}
	}
	for room := range rows {
		require.True(t, isRoom[room], "%s has a row and is no package", room)
	}
	for _, ban := range bans {
		require.True(t, isRoom[ban.from], "%s has a ban and is no package", ban.from)
	}
}

// tested are the modules that only tests may use.
var tested = []string{"testing", "github.com/stretchr/testify", "pgregory.net/rapid", "github.com/rogpeppe/go-internal", "github.com/anishathalye/porcupine"}

func TestTheProgramCarriesNoTestCode(t *testing.T) {
	for _, f := range sources(t) {
		if isSuite(f.room) {
			continue
		}
		for _, imported := range f.imports() {
			isTest := slices.ContainsFunc(tested, func(m string) bool { return imported == m || strings.HasPrefix(imported, m+"/") })
			require.False(t, isTest, "%s imports %s", f.name, imported)
			require.False(t, strings.HasPrefix(imported, module) && isSuite(imported), "%s imports %s", f.name, imported)
		}
	}
}

// isSuite reports whether a package is there for the tests of others.
func isSuite(room string) bool { return strings.HasSuffix(room, "test") }

// pure are the packages without clock, goroutine and I/O, each with all that it
// may import besides what is below it.
var pure = map[string][]string{
	"machine":            {"cmp", "context", "errors", "fmt", "slices", "strings", "time", "github.com/looplab/fsm"},
	"machine/secret":     {"crypto/sha256", "crypto/subtle", "encoding/binary", "encoding/hex", "encoding/json", "fmt", "io", "log/slog"},
	"machine/endpoint":   {"context", "time"},
	"machine/evidence":   {"strings"},
	"machine/history":    {"encoding/base64", "hash/fnv", "slices", "time"},
	"machine/persist":    {"context", "errors", "fmt", "time"},
	"machine/jwt":        {"encoding/base64", "encoding/json", "errors", "math", "strings", "time"},
	"cmd/bezoar/diagram": {"fmt", "slices", "strings"},
}

// forbidden are what a pure package may not use of what it may import.
var forbidden = map[string]string{
	"time.Now": "it reads a clock", "time.Since": "it reads a clock", "time.Until": "it reads a clock",
	"time.After": "it starts a timer", "time.AfterFunc": "it starts a timer", "time.NewTimer": "it starts a timer",
	"time.NewTicker": "it starts a timer", "time.Tick": "it starts a timer", "time.Sleep": "it waits",
	"context.WithTimeout": "it starts a timer", "context.WithDeadline": "it starts a timer",
	"context.WithTimeoutCause": "it starts a timer", "context.WithDeadlineCause": "it starts a timer",
	"context.AfterFunc": "it starts a goroutine",
	"fmt.Print":         "it writes", "fmt.Printf": "it writes", "fmt.Println": "it writes",
	"fmt.Scan": "it reads", "fmt.Scanf": "it reads", "fmt.Scanln": "it reads",
	"io.Pipe": "it waits", "io.Copy": "it reads and writes", "io.ReadAll": "it reads",
	"slog.Default": "it logs", "slog.Info": "it logs", "slog.Warn": "it logs", "slog.Error": "it logs", "slog.Debug": "it logs",
}

func TestTheMachineHasNoClockNoGoroutineAndNoIO(t *testing.T) {
	used := map[string][]string{}
	for _, f := range sources(t) {
		allowed, isPure := pure[f.room]
		if !isPure {
			continue
		}
		used[f.room] = append(used[f.room], f.imports()...)
		for _, imported := range f.imports() {
			ok := strings.HasPrefix(imported, module) || slices.Contains(allowed, imported)
			require.True(t, ok, "%s imports %s: a pure package may not", f.name, imported)
		}
		for _, each := range f.tree.Imports {
			require.Nil(t, each.Name, "%s renames %s, which hides what is used of it", f.name, each.Path.Value)
		}
		ast.Inspect(f.tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt, *ast.SelectStmt, *ast.SendStmt, *ast.ChanType:
				require.Fail(t, "a pure package is sequential", f.at(n))
			case *ast.SelectorExpr:
				if pkg, ok := n.X.(*ast.Ident); ok {
					why := forbidden[pkg.Name+"."+n.Sel.Name]
					require.Empty(t, why, "%s uses %s.%s", f.at(n), pkg.Name, n.Sel.Name)
				}
			}
			return true
		})
	}
	for room, allowed := range pure {
		require.Subset(t, used[room], allowed, "package %s is not there, or may import what it does not", room)
	}
}

// revealers are the packages where a secret has to leave its wrapping.
var revealers = map[string]string{
	"machine/jwt":             "a JWT is read",
	"store/record":            "the formats write logins",
	"store/storetest":         "a suite for tests",
	"properties/propertytest": "a suite for tests",
	"protocol/oauth":          "the issuer is sent its tokens",
	"protocol/oauth/issuer":   "the issuer's own side of that",
	"protocol/appserver":      "the client is handed its token",
	"protocol/chatgpt":        "the usage endpoint is sent the token",
	"protocol/mcp":            "the resource is sent the token",
	"protocol/front":          "the child is handed its token",
	"cmd/bezoar/resource":     "an account keeps the secret of its client",
	"cmd/bezoar/mcp":          "a token is looked at before it is sent",
	"cmd/bezoar/account":      "the token command prints it",
	"cmd/bezoar/demo":         "a plain client is given a token",
}

func TestSecretsAreRevealedOnlyWhereTheyMustLeave(t *testing.T) {
	used := map[string]bool{}
	for _, f := range sources(t) {
		ast.Inspect(f.tree, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Reveal" {
				require.Contains(t, revealers, f.room, "%s reveals a secret", f.at(s))
				used[f.room] = true
			}
			return true
		})
	}
	for room := range revealers {
		if _, err := os.Stat(filepath.Join(root(t), room)); err == nil {
			require.True(t, used[room], "%s may reveal secrets and does not: take the permission away", room)
		}
	}
}

// source is one file of the program.
type source struct {
	name, room string
	tree       *ast.File
	set        *token.FileSet
}

func (f source) imports() []string {
	var paths []string
	for _, each := range f.tree.Imports {
		imported, _ := strconv.Unquote(each.Path.Value) // the parser has seen to it
		paths = append(paths, imported)
	}
	return paths
}

func (f source) at(n ast.Node) string { return f.set.Position(n.Pos()).String() }

// sources are all files of the program but its tests.
func sources(t *testing.T) []source {
	return parsed(t, func(name string) bool { return !strings.HasSuffix(name, "_test.go") })
}

func parsed(t *testing.T, wanted func(name string) bool) []source {
	var all []source
	top := root(t)
	err := filepath.WalkDir(top, func(name string, entry fs.DirEntry, err error) error {
		base := entry.Name()
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (base == "testdata" || strings.HasPrefix(base, ".") && base != ".."):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(base, ".go") || !wanted(base):
			return nil
		}
		f := syntaxOf(t, name)
		room := filepath.ToSlash(strings.TrimPrefix(filepath.Dir(name), top+string(filepath.Separator)))
		all = append(all, source{name: name, room: path.Clean(room), tree: f.tree, set: f.set})
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, all)
	slices.SortFunc(all, func(a, b source) int { return cmp.Compare(a.name, b.name) })
	return all
}
