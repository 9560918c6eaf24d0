package server

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/backend"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
)

// Shim is bezoar shim.
var Shim = cli.Command{
	Name:    "shim",
	Summary: "Write a program named codex that puts bezoar in front of codex app-server.",
	Usage:   "[--codex PATH] [--remove] FOLDER",
	About: `For clients that start codex app-server by themselves, and take at most the path of a
codex: give them FOLDER/codex, or put FOLDER first on PATH. The program starts bezoar
app-server with the codex behind it when it is called for app-server, and hands on
everything else: codex exec, codex --version, the TUI. It names both programs by their
whole paths, so that it works in an editor with another PATH.

It takes the place of an older shim and of no other file. --remove removes it.

Example: bezoar shim ~/.local/share/bezoar/bin`,
	Folder: true,
	Run:    shim,
}

// RunShim is the command that a shim calls. No list shows it: users have no use for it.
var RunShim = cli.Command{
	Name:    backend.RunShim,
	Summary: "Be the codex that a shim was called as.",
	About:   "Called by the program that bezoar shim writes.",
	Hidden:  true,
	Run:     runShim,
}

func shim(env cli.Environment, flags *flag.FlagSet, args []string) error {
	codex := flags.String("codex", "", "the `path` of the codex behind it (default: the first on PATH that is no shim)")
	remove := flags.Bool("remove", false, "remove the shim in FOLDER")
	words, err := cli.ParseWords(flags, args)
	if err != nil {
		return err
	}
	if len(words) != 1 {
		return cli.Misuse("name one folder")
	}
	folder, err := filepath.Abs(words[0])
	if err != nil {
		return err
	}
	if *remove {
		path, err := backend.RemoveShim(folder)
		if err == nil {
			cli.LogLine(env, "removed "+path)
		}
		return err
	}
	real, err := realCodex(env, *codex)
	if err != nil {
		return err
	}
	this, err := backend.ThisProgram()
	if err != nil {
		return err
	}
	path, err := backend.WriteShim(folder, this, real)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(env.Stdout, path); err != nil {
		return err
	}
	cli.LogLine(env, "it starts "+this+" in front of "+real+" for app-server, and that codex itself for everything else")
	if !isOnPath(folder, env.Getenv("PATH")) {
		cli.LogLine(env, "give your client this path, or put "+folder+" first on PATH")
	}
	return nil
}

// isOnPath reports whether a folder is one of a PATH, however its name is written there.
func isOnPath(folder, path string) bool {
	ours, err := os.Stat(folder)
	return err == nil && slices.ContainsFunc(filepath.SplitList(path), func(each string) bool {
		theirs, err := os.Stat(each)
		return err == nil && os.SameFile(ours, theirs)
	})
}

// realCodex is the codex that a user has named, or the one on PATH.
func realCodex(env cli.Environment, named string) (string, error) {
	if named == "" {
		return backend.FindCodex(env.Getenv)
	}
	return backend.Codex(named, env.Getenv)
}

func runShim(env cli.Environment, flags *flag.FlagSet, args []string) error {
	if len(args) == 0 || args[0] == "--help" {
		return flag.ErrHelp
	}
	real, args := args[0], args[1:]
	before, after, ok := backend.CutServer(args)
	if !ok {
		return fmt.Errorf("the codex behind this shim, %s, cannot be started: %w", real, backend.Become(real, args))
	}
	words := slices.Concat([]string{real}, before, []string{"app-server"})
	return appServer(env, flags, slices.Concat(after, []string{"--"}, words))
}
