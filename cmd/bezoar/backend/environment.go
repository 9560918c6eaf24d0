package backend

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Variable names the backend where no flag does, for a client that can set variables and no
// arguments. A child does not inherit it: an app-server that a codex starts is one by
// itself.
const Variable = "BEZOAR_BACKEND"

// BehindVariable says to a bezoar that it runs below an app-server with a backend, whose
// process it names.
const BehindVariable = "BEZOAR_FRONT_PROCESS"

// Guard is an error if this program runs below an app-server with a backend: a shim or
// another wrapper has led back here, and each would start the next without end.
func Guard(getenv func(string) string) error {
	process := getenv(BehindVariable)
	if process == "" {
		return nil
	}
	return fmt.Errorf("bezoar is already in front here (process %s, by %s): its backend leads back to bezoar, and not to a codex. "+
		"Name the codex itself, by its whole path, as the backend", process, BehindVariable)
}

// secrets are the variables that make Codex use a login of its own.
var secrets = []string{"CODEX_ACCESS_TOKEN", "CODEX_API_KEY", "OPENAI_API_KEY"}

// environment is the one of a child: this process's, without logins, on the home.
func environment(environ []string, home string) []string {
	dropped := append(slices.Clone(secrets), "CODEX_HOME", Variable, BehindVariable)
	kept := slices.DeleteFunc(slices.Clone(environ), func(each string) bool {
		name, _, _ := strings.Cut(each, "=")
		return slices.ContainsFunc(dropped, func(d string) bool { return isSameVariable(name, d) })
	})
	return append(kept, "CODEX_HOME="+home, BehindVariable+"="+strconv.Itoa(os.Getpid()))
}
