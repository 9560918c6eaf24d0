package backend

import (
	"slices"
	"strings"
)

// CutServer cuts the arguments of a codex at app-server, if they start one: not its help,
// and none of its other commands.
func CutServer(arguments []string) (before, after []string, ok bool) {
	for i := 0; i < len(arguments); i++ {
		word := arguments[i]
		switch {
		case word == appServer:
			return arguments[:i], arguments[i+1:], startsServer(arguments[i+1:])
		case asksForHelp(word), !strings.HasPrefix(word, "-"):
			return nil, nil, false
		case slices.Contains(withValue, word):
			i++
		}
	}
	return nil, nil, false
}

// withValue are the flags before a command that take the next word.
var withValue = []string{
	"-c", "--config", "--enable", "--disable", "-i", "--image", "-m", "--model", "-p", "--profile", "-s", "--sandbox", "-C", "--cd",
	"-a", "--ask-for-approval", "--add-dir", "--remote", "--remote-auth-token-env", "--local-provider",
}

// others are the commands of app-server that serve nothing, and a flag that is like one.
var others = []string{"daemon", "proxy", "generate-ts", "generate-json-schema", "generate-internal-json-schema", "help", "--print-startup-config", "--"}

// startsServer reports whether what follows app-server starts a server.
func startsServer(arguments []string) bool {
	return !slices.ContainsFunc(arguments, func(word string) bool { return asksForHelp(word) || slices.Contains(others, word) })
}

func asksForHelp(word string) bool {
	return slices.Contains([]string{"-h", "--help", "-V", "--version", "--"}, word)
}
