// Package front stands between one client and a real Codex, its child: it routes the lines
// of both, gives the child the login that the engine keeps, and refuses what would give it
// another one. It knows no process and no file.
package front
