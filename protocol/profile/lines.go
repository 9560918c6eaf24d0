package profile

import (
	"errors"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Lines is the text of a config.toml, of which the line of a key can be asked. The parser
// gives lines in its errors only, so that it is asked to decode the text again, into a
// type that takes no value for this key.
type Lines string

// Of is the line of a key, counted from 1: of the last of these names inside of the tables
// that the others name. Of a key in an array of tables, row is which of them is meant. It is
// the line of what is around it if the key has none of its own, and 0 if the text has
// nothing of it.
func (l Lines) Of(row int, path ...string) int {
	var top map[string]toml.Primitive
	meta, err := toml.Decode(string(l), &top)
	if err != nil {
		return 0
	}
	line, inside := 0, top
	for i, name := range path {
		value, there := inside[name]
		if !there {
			return line
		}
		if own := lineOf(meta, value); own > 0 {
			line = own
		}
		inside = nil
		if meta.PrimitiveDecode(value, &inside) == nil && inside != nil { // what is no table leaves it nil
			if line == 0 { // the table is there because of a key in it
				line = firstOf(meta, inside)
			}
			continue
		}
		if rows := rowsOf(meta, value, path[:i+1]); len(rows) > 0 {
			if last := len(rows) - 1; row < last {
				return l.before(line).Of(row, path...)
			}
			inside = rows[len(rows)-1]
		}
	}
	return line
}

// rowsOf are the rows of [[NAME]], and none of an array that is written as a value: the
// parser does not say where one of its rows is.
func rowsOf(meta toml.MetaData, value toml.Primitive, path []string) []map[string]toml.Primitive {
	var rows []map[string]toml.Primitive
	if meta.Type(path...) != "ArrayHash" || meta.PrimitiveDecode(value, &rows) != nil {
		return nil
	}
	return rows
}

// before is the text before a line. The parser knows the line of the last [[NAME]] alone,
// and what is before a header is a whole document.
func (l Lines) before(line int) Lines {
	all := slices.Collect(strings.Lines(string(l)))
	return Lines(strings.Join(all[:line-1], ""))
}

func firstOf(meta toml.MetaData, table map[string]toml.Primitive) (first int) {
	for _, value := range table {
		if line := lineOf(meta, value); line > 0 && (first == 0 || line < first) {
			first = line
		}
	}
	return first
}

func lineOf(meta toml.MetaData, value toml.Primitive) int {
	refused, _ := errors.AsType[toml.ParseError](meta.PrimitiveDecode(value, &untaken{}))
	return refused.Position.Line
}

// untaken is a type that takes no value.
type untaken struct{}

func (*untaken) UnmarshalTOML(any) error { return errors.New("not taken") }
