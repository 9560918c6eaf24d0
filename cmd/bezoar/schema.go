package main

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/bezoar-auth/bezoar/protocol/schema"
)

// The protocol's definitions, under the names that the reference has for them.
var (
	jsonSchemaCommand = generator("generate-json-schema", "JSON Schema", schema.JSON)
	typeScriptCommand = generator("generate-ts", "TypeScript", schema.TypeScript)
)

func generator(name, language string, generate func() map[string][]byte) command {
	return command{
		name:    "app-server " + name,
		summary: "Write the protocol that app-server speaks, in " + language + ".",
		usage:   "--out DIR",
		about:   "A file for each type, into a folder that is made if it is missing.\n\nExample: bezoar app-server " + name + " --out schema",
		run: func(env environment, flags *flag.FlagSet, args []string) error {
			folder := flags.String("out", "", "the `folder` to write into")
			if err := parse(flags, args); err != nil {
				return err
			}
			if *folder == "" {
				return misuse("--out is missing")
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
