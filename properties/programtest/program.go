package programtest

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
)

// Path is where bezoar is: BEZOAR_TEST_PROGRAM names one that was built before, or else
// it is built once for all tests.
var Path = sync.OnceValues(func() (string, error) {
	if program := os.Getenv("BEZOAR_TEST_PROGRAM"); program != "" {
		return program, nil
	}
	folder, err := os.MkdirTemp("", "bezoar-program-")
	if err != nil {
		return "", err
	}
	programFolder = folder
	program := filepath.Join(folder, "bezoar")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", program, "github.com/bezoar-auth/bezoar/cmd/bezoar")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as the README builds it: its start is shorter
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, said)
	}
	return program, nil
})

var programFolder string // "" until the program was built

// atOnce is how many parallel tests run at once: they wait for processes, deadlines
// and answers, and leave the processors alone meanwhile.
const atOnce = "8"

// Main runs the tests of a package that may build the program, and removes what was
// built. TestMain calls it.
func Main(m *testing.M) {
	flag.Parse()
	if each := flag.Lookup("test.parallel"); each.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		_ = each.Value.Set(atOnce)
	}
	code := m.Run()
	if programFolder != "" {
		os.RemoveAll(programFolder)
	}
	os.Exit(code)
}
