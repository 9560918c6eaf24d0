package cli

import (
	"flag"
	"fmt"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/bezoar-auth/bezoar/protocol"
)

// Version is bezoar version.
var Version = Command{
	Name:    "version",
	Summary: "Print the version, and what it was built with.",
	Usage:   "[--json]",
	About:   "Example: bezoar version --json",
	Run:     showVersion,
}

// versionReport is what a report of a bug should hold.
type versionReport struct {
	Version  string  `json:"version"`
	Module   string  `json:"module"`
	Revision *string `json:"revision"` // of the source, where the build knew it
	Go       string  `json:"go"`
	System   string  `json:"system"`
}

func showVersion(env Environment, flags *flag.FlagSet, args []string) error {
	asJSON := JSONFlag(flags)
	if err := Parse(flags, args); err != nil {
		return err
	}
	report := built(env.Version, env.Revision)
	if *asJSON {
		return PrintJSON(env.Stdout, report)
	}
	of := []string{report.Go, report.System}
	if report.Revision != nil {
		of = slices.Insert(of, 0, "revision "+*report.Revision)
	}
	_, err := fmt.Fprintf(env.Stdout, "bezoar %s (%s)\n", report.Version, strings.Join(of, ", "))
	return err
}

func built(version, revision string) versionReport {
	report := versionReport{Version: version, Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return report
	}
	report.Module = info.Main.Path + " " + info.Main.Version
	report.Revision = protocol.Nullable(revisionOf(info, revision))
	return report
}

// pseudoVersion is how the go command calls a commit without a tag.
const pseudoVersion = `[-.]\d{14}-([0-9a-f]{12})$`

// revisionOf is the commit as the release says it, as the build saw it in the
// repository, or as the module's version has it; "" if none knows.
func revisionOf(info *debug.BuildInfo, revision string) string {
	if revision != "" {
		return revision
	}
	var seen, modified string
	for _, each := range info.Settings {
		switch each.Key {
		case "vcs.revision":
			seen = each.Value
		case "vcs.modified":
			if each.Value == "true" {
				modified = "+changes"
			}
		}
	}
	if found := regexp.MustCompile(pseudoVersion).FindStringSubmatch(info.Main.Version); seen == "" && found != nil {
		return found[1]
	}
	if seen == "" {
		return ""
	}
	return seen + modified
}
