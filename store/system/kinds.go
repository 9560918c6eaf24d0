package system

import (
	"runtime"
	"slices"
)

// Promise is a promise of [System] that not every system keeps, and that decides what the
// death of a process leaves. Without it a death still costs no login.
type Promise string

// The promises that some system does not keep.
const (
	Exchanges      Promise = "exchange"     // [Files.Exchange] is no [errors.ErrUnsupported]
	KnowsProcesses Promise = "processes"    // [Processes.PIDNamespace] and [Processes.Started] are known
	HasLocks       Promise = "locks"        // [Locks.NewLock] makes locks that can be had
	CountsNames    Promise = "second names" // [Files.Names] and [Files.Hindrances] know what must stay the file it is
)

// Promises are all of them.
func Promises() []Promise { return []Promise{Exchanges, KnowsProcesses, HasLocks, CountsNames} }

// Kind is a kind of system.
type Kind struct {
	GOOS  string    // as in [runtime.GOOS]; "" if it is not one that programs are built for
	Name  string    // for people
	Lacks []Promise // that it does not keep, on its usual disk
}

// Kinds are the systems that this program is built for, and last the weakest that it can do
// with, which the tests make (systemtest.Weakest). A test compares the one that it runs on.
func Kinds() []Kind {
	return []Kind{
		{"linux", "Linux", nil},
		{"darwin", "macOS", nil},
		{"windows", "Windows", []Promise{Exchanges}},
		{"freebsd", "FreeBSD", []Promise{Exchanges}},
		{"", "the weakest", Promises()},
	}
}

// Keeps reports whether a system keeps a promise.
func (k Kind) Keeps(p Promise) bool { return !slices.Contains(k.Lacks, p) }

// KindHere is the kind of [Here]; the weakest if it is none of the others.
func KindHere() Kind {
	kinds := Kinds()
	at := slices.IndexFunc(kinds, func(k Kind) bool { return k.GOOS == runtime.GOOS })
	if at < 0 {
		at = len(kinds) - 1
	}
	return kinds[at]
}
