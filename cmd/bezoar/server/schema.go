package server

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/protocol/schema"
)

// JSONSchema and TypeScript write the definitions of the protocol. The commands have the
// names that Codex has for them.
var (
	JSONSchema = generator("generate-json-schema", "JSON Schema", schema.JSON)
	TypeScript = generator("generate-ts", "TypeScript", schema.TypeScript)
)

func generator(name, language string, generate func() map[string][]byte) cli.Command {
	return cli.Command{
		Name:    "app-server " + name,
		Summary: "Write the protocol that app-server speaks, in " + language + ".",
		Usage:   "--out DIR",
		About:   "A file for each type, into a folder that is made if it is missing.\n\nExample: bezoar app-server " + name + " --out schema",
		Run: func(env cli.Environment, flags *flag.FlagSet, args []string) error {
			folder := flags.String("out", "", "the `folder` to write into")
			if err := cli.Parse(flags, args); err != nil {
				return err
			}
			if *folder == "" {
				return cli.Misuse("--out is missing")
			}
			return write(*folder, generate())
		},
	}
}

func write(folder string, files map[string][]byte) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := os.WriteFile(filepath.Join(folder, name), files[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}
