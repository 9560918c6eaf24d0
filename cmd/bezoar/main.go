// Command bezoar keeps an OAuth login usable and hands out its token.
package main

import (
	"os"
	"time"

	_ "github.com/bezoar-auth/bezoar/cmd/bezoar/processor"
)

// A release build sets both: the version, and the commit that it was built from. It
// has nothing else in it that depends on the place where it is made.
var (
	version  = "0.1.0"
	revision = ""
)

// commands are the map of this program.
func commands() []command {
	return []command{
		loginCommand, logoutCommand, statusCommand, tokenCommand,
		whyCommand, logCommand, doctorCommand, inspectCommand,
		appServerCommand, jsonSchemaCommand, typeScriptCommand, // the longer names behind their beginning
		demoCommand, demoIssuerCommand, statesCommand,
		versionCommand, completionOf(commands), manualOf(commands), refreshCommand,
	}
}

func main() {
	keepMemoryPrivate()
	os.Exit(commandList(commands).run(process(), os.Args[1:]))
}

// process is the environment of this very process.
func process() environment {
	return environment{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv,
		now: time.Now, log: newLogQueue(os.Stderr), version: version, revision: revision,
	}
}
