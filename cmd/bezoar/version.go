package main

import (
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is what the program calls itself; a release build overwrites it.
var version = "0.1.0"

var versionCommand = command{
	name:    "version",
	summary: "Print the version, and what it was built with.",
	usage:   "[--json]",
	about:   "Example: bezoar version --json",
	run:     showVersion,
}

// versionReport is what a report of a bug should hold.
type versionReport struct {
	Version  string  `json:"version"`
	Module   string  `json:"module"`
	Revision *string `json:"revision"` // of the source, where the build knew it
	Go       string  `json:"go"`
	System   string  `json:"system"`
}

func showVersion(env environment, flags *flag.FlagSet, args []string) error {
	asJSON := jsonFlag(flags)
	if err := parse(flags, args); err != nil {
		return err
	}
	report := built()
	if *asJSON {
		return printJSON(env.stdout, report)
	}
	_, err := fmt.Fprintf(env.stdout, "bezoar %s (%s, %s)\n", report.Version, report.Go, report.System)
	return err
}

func built() versionReport {
	report := versionReport{Version: version, Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return report
	}
	report.Module = info.Main.Path + " " + info.Main.Version
	for _, each := range info.Settings {
		if each.Key == "vcs.revision" {
			report.Revision = nullable(each.Value)
		}
	}
	return report
}
