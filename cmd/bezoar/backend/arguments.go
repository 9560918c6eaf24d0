package backend

import (
	"slices"
	"strings"
)

// ephemeral is the setting with which a codex neither reads nor writes nor refreshes the
// login of its home. It has to come last: of two, Codex takes the later one.
var ephemeral = []string{"-c", `cli_auth_credentials_store="ephemeral"`}

// arguments are what the program is called with, for a server with more flags.
func (c Command) arguments(flags []string) []string {
	return slices.Concat(c.Words[1:], flags, ephemeral)
}

// Overrides are the key=value that the words lay over config.toml.
func (c Command) Overrides() []string {
	var all []string
	for i := 1; i < len(c.Words); i++ {
		word := c.Words[i]
		name, value, attached := strings.Cut(word, "=")
		switch {
		case (word == "-c" || word == "--config") && i+1 < len(c.Words):
			i++
			all = append(all, c.Words[i])
		case (name == "-c" || name == "--config") && attached:
			all = append(all, value)
		case strings.HasPrefix(word, "-c") && !strings.HasPrefix(word, "--") && len(word) > 2:
			all = append(all, word[2:])
		}
	}
	return all
}
