package profile

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bezoar-auth/bezoar/protocol/legible"
)

// Set are the profiles of one config.toml, and [Codex]. A table is read when it is asked
// for, so that one that is wrong breaks no other. The zero value has Codex alone.
type Set struct {
	tables any // what the file has at issuers; nil for nothing
	line   func(row int, path ...string) int
}

// NewSet are the profiles in the value that a config.toml has at issuers, nil for none.
// line gives the line of a key, counted from 1, or 0, see [Lines.Of]; its path begins with
// issuers.
func NewSet(issuers any, line func(row int, path ...string) int) Set { return Set{issuers, line} }

// Names are the names of all profiles, the built-in one first.
func (s Set) Names() []string {
	tables, _ := s.tables.(map[string]any)
	names := slices.Sorted(maps.Keys(tables))
	names = slices.DeleteFunc(names, func(name string) bool { return name == CodexName })
	return append([]string{CodexName}, names...)
}

// UnknownError reports that no profile has a name. Choose one of Known.
type UnknownError struct {
	Name  string
	Known []string
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("config.toml has no [issuers.%s]; the profiles are %s", legible.Brief(e.Name), strings.Join(e.Known, ", "))
}

// Error is one thing that is wrong with a profile. It repeats no value, for that could be a
// secret. The user has to correct config.toml; no login and no other profile is touched.
type Error struct {
	Profile string // "" if it is about issuers itself
	Key     string // "client_id", "refusals[2].status" (counted from 1); "" for the table
	Line    int    // of config.toml, counted from 1; 0 if the value is not in the file (--config)
	Problem string // what is wrong, or what it has to be
}

func (e *Error) Error() string {
	where := "--config"
	if e.Line > 0 {
		where = fmt.Sprintf("line %d", e.Line)
	}
	return strings.TrimSuffix(fmt.Sprintf("%s, %s %s", where, e.Table(), legible.Brief(e.Key)), " ") + ": " + e.Problem
}

// Table is the table that it is about, as a person has written it.
func (e *Error) Table() string {
	if e.Profile == "" {
		return tableName
	}
	return "[" + tableName + "." + legible.Brief(e.Profile) + "]"
}

// Get is the profile of a name. Its error is an [*UnknownError], or every [*Error] of the
// profile, joined, in the order of the lines.
func (s Set) Get(name string) (Profile, error) {
	tables, isTables := s.tables.(map[string]any)
	if s.tables != nil && !isTables && name != CodexName {
		return Profile{}, &Error{Line: s.line(0, tableName), Problem: wantTables}
	}
	table, isThere := tables[name]
	switch {
	case !isThere && name == CodexName:
		return Codex(), nil
	case !isThere:
		return Profile{}, &UnknownError{name, s.Names()}
	case name == CodexName:
		return Profile{}, &Error{name, "", s.line(0, tableName, name), "this profile is built in; give yours another name"}
	}
	p, problems := decode(name, table)
	if len(problems) == 0 {
		return p, nil
	}
	var all []*Error
	for _, each := range problems {
		if each.rival != nil {
			if line := s.line(each.rival.row, each.rival.path(name)...); line > 0 {
				each.text += fmt.Sprintf(" (line %d)", line)
			}
		}
		all = append(all, &Error{name, each.key(), s.line(each.row, each.path(name)...), each.text})
	}
	slices.SortStableFunc(all, func(a, b *Error) int { return cmp.Compare(a.Line, b.Line) })
	return Profile{}, join(all)
}

// Problems are all errors of all profiles; nil for none.
func (s Set) Problems() []*Error {
	if s.tables == nil {
		return nil
	}
	if _, ok := s.tables.(map[string]any); !ok {
		return []*Error{{Line: s.line(0, tableName), Problem: wantTables}}
	}
	var all []*Error
	for _, name := range s.Names() {
		_, err := s.Get(name)
		all = append(all, Errors(err)...)
	}
	return all
}

const (
	tableName  = "issuers"
	wantTables = "want tables, [issuers.NAME]"
)

// Errors are the errors that [Set.Get] has joined in err.
func Errors(err error) []*Error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*Error
		for _, each := range joined.Unwrap() {
			all = append(all, Errors(each)...)
		}
		return all
	}
	if one, ok := errors.AsType[*Error](err); ok {
		return []*Error{one}
	}
	return nil
}

func join(all []*Error) error {
	var list []error
	for _, each := range all {
		list = append(list, each)
	}
	return errors.Join(list...)
}

// Table are the keys of a profile as the file has them, of which the caller may change the
// first level; empty for the built-in one and for one that is not there.
func (s Set) Table(name string) map[string]any {
	tables, _ := s.tables.(map[string]any)
	table, _ := tables[name].(map[string]any)
	own := map[string]any{}
	maps.Copy(own, table)
	return own
}
