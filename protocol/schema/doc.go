// Package schema publishes the protocol: from one table of all methods and
// types (table.go) it writes JSON Schema (draft-07) and TypeScript. The names
// of types and files are the reference's where it has the type.
//
// A node is a piece of JSON Schema. The types of package protocol are read
// into nodes by reflection (reflect.go); both writers start from these, so the
// two languages cannot disagree.
package schema
