package backend

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// This test binary is the programs of these tests too: those that a shell could write, on
// systems that have none.

// acts are what this program does when its first words are "act" and a name.
var acts = map[string]func(words []string) (code int){
	"echo":   func([]string) int { io.Copy(os.Stdout, os.Stdin); fmt.Println("last"); return 7 },
	"await":  func([]string) int { fmt.Println(os.Getpid()); io.Copy(io.Discard, os.Stdin); return 0 },
	"deaf":   deaf,
	"above":  above,
	"parent": parent,
	"schema": schema,
	"fail":   func([]string) int { return 2 },
	"idle":   func([]string) int { return 0 },
}

// deaf says its number, and ends neither with its input nor by SIGTERM.
func deaf([]string) int {
	signal.Ignore(syscall.SIGTERM)
	fmt.Println(os.Getpid())
	signal.Notify(make(chan os.Signal, 1)) // one waits for what may still come
	select {}
}

// above is a wrapper, which does not hand its place to the program below it.
func above(words []string) int {
	below := exec.Command(os.Args[0], words...)
	below.Stdin, below.Stdout = os.Stdin, os.Stdout
	_ = below.Run()
	return 3
}

// parent starts its words as a backend, says what that says, and waits.
func parent(words []string) int {
	child, err := Command{Words: words, Path: words[0]}.Start(Options{Home: os.TempDir(), Stderr: os.Stderr})
	if err != nil {
		return 1
	}
	_, _ = io.Copy(os.Stdout, child)
	return 0
}

// schema is a codex that writes two methods, one of them experimental.
func schema(words []string) int {
	if got := strings.Join(words[:min(4, len(words))], " "); got != "-c a=b app-server generate-json-schema" {
		return 9
	}
	const stable = `{"properties":{"method":{"enum":["thread/start"]},"params":{"type":"object"}}}`
	all := `{"oneOf":[` + stable
	if words[len(words)-1] == "--experimental" {
		all += `,{"properties":{"method":{"enum":["new"]},"params":{"type":"null"}}}`
	}
	out := words[slices.Index(words, "--out")+1]
	_ = os.WriteFile(filepath.Join(out, "ClientRequest.json"), []byte(all+"]}"), 0o600)
	if home := os.Getenv("CODEX_HOME"); home == os.Getenv("HOME_OF_USER") {
		_ = os.WriteFile(filepath.Join(home, "touched"), nil, 0o600)
	}
	return 0
}

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "act" {
		os.Exit(acts[os.Args[2]](os.Args[3:]))
	}
	os.Exit(m.Run())
}

// acting is the command that starts an act.
func acting(words ...string) Command {
	return Command{Words: slices.Concat([]string{os.Args[0], "act"}, words), Path: os.Args[0]}
}

// line reads one line of a program.
func line(t *testing.T, from io.Reader) string {
	t.Helper()
	text, err := bufio.NewReaderSize(oneByOne{from}, 16).ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(text)
}

// oneByOne takes no more from a reader than it needs.
type oneByOne struct{ io.Reader }

func (r oneByOne) Read(p []byte) (int, error) { return r.Reader.Read(p[:1]) }
