package surface

import (
	_ "embed"
	"encoding/json"
	"sync"
)

// BuiltIn is the table of Codex 0.171.0, for a child that cannot be asked. It is data
// that the tests write: BEZOAR_TEST_CODEX=/path/to/codex go test ./protocol/front/surface
// compares it with what that codex says, and with BEZOAR_TEST_UPDATE=1 writes it.
func BuiltIn() *Table { return builtIn() }

//go:embed codex-0.171.0.json
var builtInText []byte

var builtIn = sync.OnceValue(func() *Table {
	t := new(Table)
	if err := json.Unmarshal(builtInText, t); err != nil {
		panic(err) // it is part of the program
	}
	return t
})
