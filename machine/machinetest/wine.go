package machinetest

import "testing"

// Lack is what Windows has and Wine 10, as .ci/wine sets it up, has not.
type Lack string

// All reasons for which a test is skipped under Wine. They are Wine's and not Windows':
// on Windows each of these tests runs. A law holds the list to 15 lines.
const (
	LacksClose       Lack = "a console that is closed tells its programs nothing (CTRL_CLOSE_EVENT)"
	LacksGo          Lack = "there is no Go toolchain beside it that could build or test anything"
	LacksInheritance Lack = "what is made in a folder does not have the access list that the folder hands down"
	LacksInterfaces  Lack = "it does not list the interfaces of the network"
	LacksLinks       Lack = "it says that it has made a symbolic link, and makes none"
	LacksRemoval     Lack = "the name of a file that is removed is not free while the file is locked (FILE_DISPOSITION_POSIX_SEMANTICS)"
	LacksReplace     Lack = "a file that a program has open is not replaced, although it is shared for that (FILE_RENAME_POSIX_SEMANTICS)"
	LacksUnixSockets Lack = "its sockets have no AF_UNIX, which Windows 10 has since 1803"
)

// Lacks reports whether this is Wine, which lacks something: for a part of a test, such as
// some lines of a script.
func Lacks(Lack) bool { return underWine() }

// SkipUnderWine skips a test whose promise needs what Wine lacks.
func SkipUnderWine(t testing.TB, lack Lack) {
	t.Helper()
	if underWine() {
		t.Skipf("Wine is not Windows: %s", lack)
	}
}
