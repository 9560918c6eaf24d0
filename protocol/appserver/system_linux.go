package appserver

import (
	"os"
	"strings"
)

// operatingSystem is the name and version that the distribution gives itself (os-release(5)).
func operatingSystem() string {
	release, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "Linux " + semantic("")
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(release)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		fields[name] = strings.Trim(value, `"'`)
	}
	name, _, _ := strings.Cut(fields["NAME"], " ")
	return name + " " + semantic(fields["VERSION_ID"])
}
