// Package schematest checks what a server says, in tests: against the schema
// that this program publishes, read strictly (a member that it does not name
// is a mistake), and against the reference's where it has one
// (departures.go lists where it has none).
package schematest
